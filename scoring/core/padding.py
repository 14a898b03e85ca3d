"""Fill batches up to few sizes, so that what is prepared for one size, such as a CUDA graph, serves many.

Shapes: B events; N nodes and E edges of all of them.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from scoring.core.batch import GraphBatch


def padded(batch: GraphBatch, least: int = 64) -> GraphBatch:
    """Behind the batch one event more and on to sizes of powers of two: the first B logits are the batch's.

    What is added belongs to the first added event: nodes of zeros, and edges of zeros from such a node to itself.

    Args:
        batch: any.
        least: nodes and edges there are at the least.
    """
    events = _up(len(batch) + 1, 2) - len(batch)
    nodes, edges = _up(len(batch.x) + 1, least) - len(batch.x), _up(len(batch.relation), least) - len(batch.relation)
    first = len(batch.x)
    own = first + torch.arange(edges, device=batch.edges.device) % nodes  # spread: sums into one node would queue up
    return replace(
        batch,
        x=_zeros_behind(batch.x, nodes),
        edges=torch.cat([batch.edges, own.expand(2, edges)], dim=1),
        relation=_zeros_behind(batch.relation, edges),
        attributes=_zeros_behind(batch.attributes, edges),
        event=_zeros_behind(batch.event, events),
        ends=torch.cat([batch.ends, batch.ends.new_full((events, 2), first)]),
        graph=torch.cat([batch.graph, batch.graph.new_full((nodes,), len(batch))]),
        age=None if batch.age is None else _zeros_behind(batch.age, edges),
        whole=None if batch.whole is None else _zeros_behind(batch.whole, events),
    )


def _up(number: int, least: int) -> int:
    """The next power of two."""
    return max(least, 1 << max(number - 1, 0).bit_length())


def _zeros_behind(part: Tensor, rows: int) -> Tensor:
    return torch.cat([part, part.new_zeros(rows, *part.shape[1:])])
