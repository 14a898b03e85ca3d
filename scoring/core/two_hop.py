"""Which nodes are exactly two steps apart: neither neighbours nor the same.

Shapes: N nodes, E edges, W walks of two edges, P pairs.
"""

from __future__ import annotations

import torch
from torch import Tensor

MOST_WALKS = 20_000_000  # 1.4 GB while they are held (measured)


def exactly_two_hops(edges: Tensor, nodes: int, most_walks: int = MOST_WALKS) -> Tensor:
    """The ring at distance two of every node: the shortest way from source to target has two edges.

    These are the neighbours that MixHop's second power reaches (Abu-El-Haija et al. 2019) less the nearer
    rings, as in shortest-path k-hop message passing (Feng et al. 2022), so nothing is read twice.

    Time and memory grow with the walks, the sum over nodes of edges in times edges out: cap hubs first.

    Args:
        edges: [2, E] source and target; parallel edges and loops do not matter. Give each edge both ways
            for a ring that ignores direction.
        nodes: N.
        most_walks: how many to hold at the most.

    Returns:
        [2, P] source and target, each pair once, sorted by source.

    Raises:
        ValueError: an edge names a node that is not there, or there are too many walks.
    """
    if edges.numel() and not 0 <= int(edges.min()) <= int(edges.max()) < nodes:
        raise ValueError(f"edges name nodes {int(edges.min())} to {int(edges.max())}: there are {nodes}")
    near = torch.unique(edges[0] * nodes + edges[1])  # [E'] distinct edges, sorted by source
    first, second = _walks(near, nodes, most_walks)  # [W] each
    source, end = torch.div(near[first], max(nodes, 1), rounding_mode="floor"), near[second] % max(nodes, 1)
    far = torch.unique((source * nodes + end)[source != end])
    far = far[~torch.isin(far, near, assume_unique=True)]
    return torch.stack([torch.div(far, max(nodes, 1), rounding_mode="floor"), far % max(nodes, 1)])


def share_of_walks(edges: Tensor, gate: Tensor, ring: Tensor, nodes: int, most_walks: int = MOST_WALKS) -> Tensor:
    """The mean, over the walks that make a pair of the ring, of the product of its two edges' gates: [P].

    The gate of parallel edges is their mean. So each edge has the share in a pair that its walks have.

    Args:
        edges: [2, E] what the ring was made of.
        gate: [E] of each of them.
        ring: [2, P] what `exactly_two_hops` gave.
        nodes: N.
        most_walks: how many to hold at the most.

    Raises:
        ValueError: there are too many walks.
    """
    near, which, count = torch.unique(edges[0] * nodes + edges[1], return_inverse=True, return_counts=True)
    passes = gate.new_zeros(len(near)).index_add(0, which, gate) / count  # [E']
    first, second = _walks(near, nodes, most_walks)
    walk = torch.div(near[first], max(nodes, 1), rounding_mode="floor") * nodes + near[second] % max(nodes, 1)  # [W]
    pairs = ring[0] * nodes + ring[1]  # [P] sorted
    mine = torch.isin(walk, pairs)
    place = torch.searchsorted(pairs, walk[mine])
    total = gate.new_zeros(len(pairs)).index_add(0, place, passes[first[mine]] * passes[second[mine]])
    return total / torch.bincount(place, minlength=len(pairs))


def _walks(near: Tensor, nodes: int, most_walks: int) -> tuple[Tensor, Tensor]:
    """Every walk of two edges, as its first and second place among the distinct sorted edges [E']: [W], [W]."""
    source, middle = torch.div(near, max(nodes, 1), rounding_mode="floor"), near % max(nodes, 1)
    degree = torch.bincount(source, minlength=nodes)  # [N] edges out
    start = degree.cumsum(0) - degree  # [N] where a node's edges out begin
    onward = degree[middle]  # [E'] walks that begin with each edge
    if int(onward.sum()) > most_walks:
        raise ValueError(f"{int(onward.sum())} walks of two edges, {most_walks} at most: cap the edges of hubs first")
    first = torch.repeat_interleave(torch.arange(len(near), device=near.device), onward)  # [W]
    step = torch.arange(len(first), device=near.device) - (onward.cumsum(0) - onward)[first]  # [W]
    return first, start[middle[first]] + step
