"""Port numbers: tell apart edges that would look alike (Egressy et al. 2024, "Provably Powerful Graph Neural
Networks for Directed Multigraphs", AAAI; after Sato et al. 2019).

Shapes: N nodes, E edges.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor


def port_numbers(edges: Tensor, time: Tensor, ties: Literal["listed", "shared"] = "listed") -> Tensor:
    """Number each node's neighbours in the order they first appear, once for edges in and once for edges out.

    Parallel edges between the same two nodes share their ports: so a node can tell three edges from one
    neighbour from one edge of each of three, which a sum or mean of like messages can't. With ports, reverse
    messages and a mark on one node, message passing can find any directed subgraph pattern (their proof).

    Args:
        edges: [2, E] source and target.
        time: [E] what they are ordered by.
        ties: what neighbours of the same first time get: their own numbers in the order they are `listed`, or one
            `shared` number, the count of those before them, so that the order of the list does not matter.

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
    place = torch.unique(time, return_inverse=True)[1] if ties == "shared" else time.argsort(stable=True).argsort()
    return torch.stack([_numbers(edges[1], edges[0], place), _numbers(edges[0], edges[1], place)], dim=1)


def _numbers(owner: Tensor, other: Tensor, place: Tensor) -> Tensor:
    """How many of its `owner`'s [E] others were there before each `other` [E], by the first place [E] of each."""
    span = int(other.max()) + 1 if len(other) else 1
    pair, which = torch.unique(owner * span + other, return_inverse=True)  # [P] distinct pairs, [E]
    first = torch.full_like(pair, len(other)).scatter_reduce(0, which, place, "amin")  # [P] where it first appears
    by_owner = torch.argsort(first)  # by first appearance, then stably by owner
    by_owner = by_owner[torch.argsort(torch.div(pair, span, rounding_mode="floor")[by_owner], stable=True)]
    owners = torch.div(pair[by_owner], span, rounding_mode="floor")
    rank = torch.empty_like(pair)
    rank[by_owner] = _begin(owners * (len(other) + 1) + first[by_owner]) - _begin(owners)
    return rank[which]


def _begin(sorted_values: Tensor) -> Tensor:
    """Where each value's run of equals begins: [P]."""
    count = torch.unique_consecutive(sorted_values, return_counts=True)[1]
    begin: Tensor = (count.cumsum(0) - count).repeat_interleave(count)
    return begin
