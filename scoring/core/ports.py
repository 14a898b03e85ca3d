"""Port numbers: tell apart edges that would look alike (Egressy et al. 2024, "Provably Powerful Graph Neural
Networks for Directed Multigraphs", AAAI; after Sato et al. 2019).

Shapes: N nodes, E edges.
"""

from __future__ import annotations

import torch
from torch import Tensor


def port_numbers(edges: Tensor, time: Tensor) -> Tensor:
    """Number each node's neighbours in the order they first appear, once for edges in and once for edges out.

    Parallel edges between the same two nodes share their ports: so a node can tell three edges from one
    neighbour from one edge of each of three, which a sum or mean of like messages can't. With ports, reverse
    messages and a mark on one node, message passing can find any directed subgraph pattern (their proof).

    Args:
        edges: [2, E] source and target.
        time: [E] what they are ordered by; where it ties, the edge listed first comes first.

    Returns:
        [E, 2], from 0: the source's number among the target's in-neighbours, and the target's number
        among the source's out-neighbours.

    Raises:
        ValueError: not one time per edge, or a time that is not a number.
    """
    if time.shape != edges.shape[1:]:
        raise ValueError(f"times {tuple(time.shape)} for {edges.shape[1]} edges: give one for each edge")
    if time.is_floating_point() and bool(time.isnan().any()):
        raise ValueError("a time is not a number: drop its edge or give it a time")
    order = torch.argsort(time, stable=True)
    source, target = edges[0, order], edges[1, order]
    ports = torch.empty(edges.shape[1], 2, dtype=torch.long, device=edges.device)
    ports[order] = torch.stack([_numbers(target, source), _numbers(source, target)], dim=1)
    return ports


def _numbers(owner: Tensor, other: Tensor) -> Tensor:
    """Rank of each `other` [E] among those of its `owner` [E], by first place in the list."""
    span = int(other.max()) + 1 if len(other) else 1
    pair, which = torch.unique(owner * span + other, return_inverse=True)  # [P] distinct pairs, [E]
    place = torch.arange(len(other), device=other.device)
    first = torch.full_like(pair, len(other)).scatter_reduce(0, which, place, "amin")  # [P] where it first appears
    by_owner = torch.argsort(first)  # by first appearance, then stably by owner
    by_owner = by_owner[torch.argsort(torch.div(pair, span, rounding_mode="floor")[by_owner], stable=True)]
    owners = torch.div(pair[by_owner], span, rounding_mode="floor")
    count = torch.unique_consecutive(owners, return_counts=True)[1]
    start = (count.cumsum(0) - count).repeat_interleave(count)  # [P] where an owner's pairs begin
    rank = torch.empty_like(pair)
    rank[by_owner] = torch.arange(len(pair), device=pair.device) - start
    return rank[which]
