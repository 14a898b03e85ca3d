"""Made-up batches: the same on every machine for a seed, to probe, compare and time networks with."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from scoring.core.architecture import Architecture
from scoring.core.batch import GraphBatch

OLDEST_S = 2_592_000.0  # 30 days = 30 * 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Shape:
    """How many graphs a batch has, and nodes (at least two) and edges of each."""

    graphs: int
    nodes: int
    edges: int


def random_batch(architecture: Architecture, shape: Shape, seed: int) -> GraphBatch:
    """A batch of random graphs with all that this architecture reads; the first two nodes are the event's ends."""
    generator = torch.Generator().manual_seed(seed)
    graphs, nodes, edges = shape.graphs, shape.nodes, shape.edges
    graph = torch.arange(graphs).repeat_interleave(nodes)
    first = torch.arange(graphs).repeat_interleave(edges) * nodes
    return GraphBatch(
        torch.rand(graphs * nodes, architecture.nodes, generator=generator),
        torch.randint(0, nodes, (2, graphs * edges), generator=generator) + first,
        torch.randint(0, architecture.relations, (graphs * edges,), generator=generator),
        torch.rand(graphs * edges, architecture.attributes, generator=generator),
        torch.rand(graphs, architecture.event, generator=generator),
        torch.arange(graphs)[:, None] * nodes + torch.tensor([0, 1]),
        graph,
        torch.rand(graphs * edges, generator=generator) * OLDEST_S,
        torch.rand(graphs, architecture.whole, generator=generator),
    )
