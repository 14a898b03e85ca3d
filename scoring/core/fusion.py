"""Multi-granularity attention fusion: what is next to a node, what is two steps off, and a gate between them.

Shapes: N nodes, E edges, P pairs two hops apart, F inputs, K heads, D features a head, H = K * D outputs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from scoring.core.two_hop import exactly_two_hops, share_of_walks


def segment_softmax(score: Tensor, segment: Tensor, segments: int) -> Tensor:
    """Softmax of scores [E, K] over the rows of equal segment [E]."""
    place = segment[:, None].expand_as(score)
    top = score.new_full((segments, score.shape[1]), -torch.inf).scatter_reduce(0, place, score.detach(), "amax")
    weight = (score - top.index_select(0, segment)).exp()  # the largest of a segment becomes 1: no overflow
    total = weight.new_zeros(segments, score.shape[1]).index_add(0, segment, weight)
    return weight / total.index_select(0, segment)


class NeighbourAttention(nn.Module):
    """Weigh each neighbour by how it and the node look together (GATv2, Brody et al. 2022, eq. 7).

    Equal to PyG's `GATv2Conv` without self-loops. A node without neighbours gets the bias.
    """

    def __init__(self, inputs: int, outputs: int, heads: int) -> None:
        """Make weights for F inputs, H outputs and K heads.

        Raises:
            ValueError: the heads can't share the outputs evenly.
        """
        super().__init__()
        if heads < 1 or outputs % heads:
            raise ValueError(f"{outputs} outputs for {heads} heads: each needs the same number")
        self.heads = heads
        self.source = nn.Linear(inputs, outputs)
        self.target = nn.Linear(inputs, outputs)
        self.query = nn.Parameter(torch.empty(heads, outputs // heads))  # [K, D]
        self.bias = nn.Parameter(torch.zeros(outputs))  # [H]
        nn.init.xavier_uniform_(self.query)

    def forward(self, x: Tensor, edges: Tensor, gate: Tensor | None = None) -> Tensor:
        """Map states [N, F] along edges [2, E] (source, target), of whose messages gate [E] passes, to [N, H]."""
        message = self.source(x).unflatten(1, (self.heads, -1)).index_select(0, edges[0])  # [E, K, D]
        own = self.target(x).unflatten(1, (self.heads, -1)).index_select(0, edges[1])  # [E, K, D]
        score = (nn.functional.leaky_relu(message + own, 0.2) * self.query).sum(-1)  # [E, K]
        weight = segment_softmax(score, edges[1], len(x))  # [E, K]
        weighted = (message * (weight if gate is None else weight * gate[:, None])[..., None]).flatten(1)  # [E, H]
        pooled: Tensor = weighted.new_zeros(len(x), weighted.shape[1]).index_add(0, edges[1], weighted)
        return pooled + self.bias


class GranularityFusion(nn.Module):
    """Root + gate * local + (1 - gate) * global, the gate a sigmoid of the node and both branches.

    The local branch attends to neighbours; the dilated global branch to the nodes exactly two hops off, and
    reads neither the neighbours nor the node itself, so that each branch says something of its own. The gate,
    one for every feature of every node, is that of highway networks (Srivastava et al. 2015).
    """

    def __init__(self, inputs: int, outputs: int, heads: int = 1) -> None:
        """Make weights for F inputs, H outputs and K heads.

        Raises:
            ValueError: the heads can't share the outputs evenly.
        """
        super().__init__()
        self.near = NeighbourAttention(inputs, outputs, heads)
        self.far = NeighbourAttention(inputs, outputs, heads)
        self.root = nn.Linear(inputs, outputs)
        self.gate = nn.Linear(inputs + 2 * outputs, outputs)

    def forward(self, x: Tensor, edges: Tensor, ring: Tensor | None = None, gate: Tensor | None = None) -> Tensor:
        """Map node states to node states.

        Args:
            x: [N, F] node states.
            edges: [2, E] source and target; give each edge both ways to ignore direction.
            ring: [2, P] what `exactly_two_hops` made of the same edges, to share it between layers.
            gate: [E] what share of an edge's messages passes; of a pair in the ring it is that of its walks.

        Returns:
            [N, H].

        Raises:
            ValueError: an edge names a node that is not there.
        """
        ring = exactly_two_hops(edges, len(x)) if ring is None else ring
        walks = None if gate is None else share_of_walks(edges, gate, ring, len(x))  # [P]
        near, far = self.near(x, edges, gate), self.far(x, ring, walks)  # [N, H] each
        gate = torch.sigmoid(self.gate(torch.cat([x, near, far], dim=1)))  # [N, H]
        mixed: Tensor = self.root(x) + gate * near + (1.0 - gate) * far
        return mixed
