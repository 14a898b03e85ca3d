"""Structure learning inside a network: each graph's edges are learned anew from its states, and send messages.

Shapes: N nodes and E edges of a batch, R relations; of a group of G graphs n nodes of the largest; H states, D
of them projected.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from scoring.core.batch import GraphBatch
from scoring.core.conv import both_directions
from scoring.core.structure import smooth, square_distances, to_simplex

PROJECTED = 8
CELLS = 4_000_000  # of [G, n, n] at a time: 16 MB a tensor, about a dozen of them kept for the gradient


class Refinement(nn.Module):
    """Message of a learned graph, as of one more relation: what a node is like tells it whom to listen to.

    A few rounds of `Structure`'s X and G steps, differentiable, on projected states, starting from the mix of
    the relations' edges (both ways). Its w step is not taken: the mix, `stay` and `anchor` are weights of the
    network, learned from the task and the same for each graph. A learned edge may join nodes that no edge
    does; the ends of an edge that was taken out may still hear one another.

    Dense: time and memory grow with the square of a graph's nodes, and a round's equations with its cube. At 150
    nodes 1, 2 and 3 rounds add 2.0, 3.1 and 4.0 ms of CPU to an event that takes 0.8 without (1.7, 2.7 and 4.0
    in a batch of 128), two thirds of it for sorting rows.
    """

    def __init__(self, states: int, relations: int, rounds: int) -> None:
        """Make weights for H states and R relations, and take so many rounds."""
        super().__init__()
        self.relations, self.rounds = relations, rounds
        self.project = nn.Linear(states, PROJECTED)
        self.value = nn.Linear(states, states, bias=False)
        self.mix = nn.Parameter(torch.zeros(2 * relations))  # softmax gives w
        self.log_stay = nn.Parameter(torch.zeros(()))
        self.log_anchor = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, batch: GraphBatch, gate: Tensor | None = None) -> Tensor:
        """Map states [N, H] to the message [N, H] each node hears; gate [E] weighs the edges it starts from."""
        with torch.autocast(x.device.type, enabled=False):  # equations are solved in single precision
            x = x.to(self.value.weight.dtype)
            x0, value, links = self.project(x), self.value(x), self._links(batch, gate)
            heard = torch.zeros_like(value)
            for group in groups_of(batch):
                graph = self.learn(group.spread(x0), group.matrix(links), group.there)  # [G, n, n]
                heard = heard.index_add(0, group.nodes, (graph @ group.spread(value))[group.row, group.place])
        return torch.relu(heard)

    def learn(self, x0: Tensor, mixed: Tensor, there: Tensor) -> Tensor:
        """The graphs [G, n, n] that states [G, n, D] and the mix of relations [G, n, n] come to.

        `there` [G, n] tells nodes from filling. A node that is alone in its graph listens to nobody.
        """
        stay, anchor = self.log_stay.exp(), self.log_anchor.exp()
        apart = ~torch.eye(there.shape[1], dtype=torch.bool, device=there.device)
        allowed = there[:, :, None] & there[:, None, :] & apart
        graph = _to_graph(mixed, allowed)
        for _ in range(self.rounds):
            x = smooth(x0, graph, stay)
            graph = _to_graph(mixed - square_distances(x) / (4 * anchor), allowed)
        return graph

    def _links(self, batch: GraphBatch, gate: Tensor | None) -> Links:
        edges, relation = both_directions(batch.edges, batch.relation, self.relations)
        slot = relation * len(batch.x) + edges[0]
        apart = (edges[0] != edges[1]).to(self.mix.dtype)  # a loop is no link
        count = self.mix.new_zeros(2 * self.relations * len(batch.x)).index_add(0, slot, apart)
        share = self.mix.softmax(0)[relation] * apart / count[slot].clamp(min=1)
        return Links(edges, share if gate is None else share * gate.repeat(2))


@dataclass(frozen=True, slots=True)
class Links:
    """Edges [2, E], and the share [E] each has of its source's row in the mix of relations."""

    edges: Tensor
    share: Tensor


@dataclass(frozen=True, slots=True)
class Group:
    """G graphs of about one size, to be laid out densely.

    Attributes:
        nodes: which nodes of the batch they have.
        row, place: of each of these nodes, its graph in the group and its place in that graph.
        there: [G, n] whether a place is taken.
        at: [N] row * n + place of each node of the batch, -1 of those in other groups.
    """

    nodes: Tensor
    row: Tensor
    place: Tensor
    there: Tensor
    at: Tensor

    def spread(self, x: Tensor) -> Tensor:
        """Lay out values of nodes: [N, *] → [G, n, *]."""
        graphs, most = self.there.shape
        flat = x.new_zeros(graphs * most, x.shape[1]).index_add(0, self.at[self.nodes], x[self.nodes])
        return flat.view(graphs, most, -1)

    def matrix(self, links: Links) -> Tensor:
        """Lay out links: [G, n, n], the source's row and the target's column."""
        graphs, most = self.there.shape
        mine = self.at[links.edges[0]] >= 0
        source, target = self.at[links.edges[:, mine]]
        cell = source * most + target % max(most, 1)
        return links.share.new_zeros(graphs * most * most).index_add(0, cell, links.share[mine]).view(-1, most, most)


def groups_of(batch: GraphBatch) -> list[Group]:
    """The graphs of a batch, large ones first, in groups that hold at most `CELLS` cells (or one graph)."""
    size = torch.bincount(batch.graph, minlength=len(batch))  # [B]
    order = torch.argsort(size, descending=True, stable=True)
    sizes: list[int] = size[order].tolist()
    groups, first = [], 0
    while first < len(sizes) and sizes[first]:
        graphs = order[first : first + max(1, CELLS // sizes[first] ** 2)]
        groups.append(_group(batch.graph, graphs, size, sizes[first]))
        first += len(graphs)
    return groups


def _group(graph: Tensor, chosen: Tensor, size: Tensor, most: int) -> Group:
    row = torch.full_like(size, -1)
    row[chosen] = torch.arange(len(chosen), device=graph.device)
    by_graph = torch.argsort(graph, stable=True)
    place = torch.empty_like(graph)
    place[by_graph] = torch.arange(len(graph), device=graph.device) - (size.cumsum(0) - size)[graph[by_graph]]
    nodes = (row[graph] >= 0).nonzero().squeeze(1)
    at = torch.where(row[graph] >= 0, row[graph] * most + place, -1)
    there = torch.arange(most, device=graph.device) < size[chosen][:, None]
    return Group(nodes, row[graph[nodes]], place[nodes], there, at)


def _to_graph(value: Tensor, allowed: Tensor) -> Tensor:
    """Rows to the simplex over the allowed cells; rows without one stay zero: [G, n, n]."""
    top = value.detach().masked_fill(~allowed, -torch.inf).amax(-1, keepdim=True)
    top = torch.where(top.isfinite(), top, torch.zeros_like(top))
    # What is more than 1 below the largest of its row gets nothing (Duchi et al. 2008), so 2 below is left out
    return to_simplex((value - top).masked_fill(~allowed, -2.0)) * allowed
