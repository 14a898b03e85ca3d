"""The fused relational convolution: every relation of a graph in one pass, no loop of convolutions.

Shapes: N nodes, E edges, R relations, F inputs, A edge attributes, M = F + A, H outputs,
S slots, a slot being a (relation, target) pair that at least one edge feeds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from scoring.core.decomposition import FREE, Decomposition

Layout = Literal["auto", "dense", "compact"]

# One CPU thread, R = 10, F = 64 and 32, H = 32, about 400 edges on 150 nodes a graph (ms, dense/compact/RGCNConv):
# 400 edges 0.11/0.17/0.94, 1,600 edges 0.31/0.29/1.28, 102,400 edges 79/24/37. They cross near 1,600 edges.
DENSE_EDGES = 1024


@dataclass(frozen=True, slots=True)
class Slots:
    """Edges sorted by slot, shared by the layers of one forward pass.

    Attributes:
        order: [E] the edges in slot order.
        source: [E] the node each of them comes from.
        slot: [E] the slot each of them feeds.
        count: [S, 1] edges in a slot.
        target: [S] the node a slot belongs to.
        sizes: slots of each relation; their sum is S.
    """

    order: Tensor
    source: Tensor
    slot: Tensor
    count: Tensor
    target: Tensor
    sizes: list[int]


def slots_of(edges: Tensor, relation: Tensor, nodes: int, relations: int) -> Slots:
    """Sort edges [2, E] of relation [E] by (relation, target)."""
    key, order = torch.sort(relation * nodes + edges[1], stable=True)
    used, slot, count = torch.unique_consecutive(key, return_inverse=True, return_counts=True)
    kind = torch.div(used, max(nodes, 1), rounding_mode="floor")
    sizes = torch.bincount(kind, minlength=relations).tolist()
    return Slots(order, edges[0].index_select(0, order), slot, count[:, None], used - kind * nodes, sizes)


def both_directions(edges: Tensor, relation: Tensor, relations: int) -> tuple[Tensor, Tensor]:
    """Add each edge's reverse, as relation + `relations`: [2, E], [E] → [2, 2E], [2E]."""
    return torch.cat([edges, edges.flip(0)], dim=1), torch.cat([relation, relation + relations])


class RelationalConv(nn.Module):
    """Add, for each relation, the mean message its neighbours send (Schlichtkrull et al. 2018, eq. 2).

    With edge attributes a message is the neighbour's state and the edge's attributes side by side,
    so that an edge's age or a label on it reaches the node. Without them it equals PyG's `RGCNConv`
    (mean aggregation, root weight, bias; `num_bases` and `num_blocks` too, see `Decomposition`).

    Two layouts give the same result. `dense` keeps a row per (target, relation), fed or not: one
    index_add and one matrix product, best for one small graph. `compact` keeps the slots that are fed
    and multiplies each relation's share by its weight: best for a batch. `auto` picks by edge count.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        relations: int,
        attributes: int = 0,
        layout: Layout = "auto",
        decomposition: Decomposition = FREE,
    ) -> None:
        """Make weights for F inputs, H outputs, R relations and A edge attributes.

        Raises:
            ValueError: F + A or H can't be cut into the blocks asked for.
        """
        super().__init__()
        self.relations = relations
        self.layout = layout
        self.decomposition = decomposition
        self.weight = nn.Parameter(torch.empty(decomposition.weight_shape(relations, inputs + attributes, outputs)))
        self.mix = decomposition.make_mix(relations)  # [R, B] of the bases, None without
        self.root = nn.Parameter(torch.empty(inputs, outputs))  # [F, H]
        self.bias = nn.Parameter(torch.zeros(outputs))  # [H]
        for weight in (self.weight, self.root):
            bound = (6.0 / (weight.shape[-2] + outputs)) ** 0.5  # Glorot and Bengio 2010, uniform
            nn.init.uniform_(weight, -bound, bound)

    def relation_weight(self) -> Tensor:
        """Each relation's matrix: [R, M, H]."""
        return self.decomposition.expand(self.weight, self.mix)

    def compact(self, edges: int) -> bool:
        """Whether this many edges go through the compact layout."""
        return self.layout == "compact" or (self.layout == "auto" and edges > DENSE_EDGES)

    def forward(
        self,
        x: Tensor,
        edges: Tensor,
        relation: Tensor,
        attributes: Tensor | None = None,
        gate: Tensor | None = None,
        slots: Slots | None = None,
    ) -> Tensor:
        """Map node states to node states.

        Args:
            x: [N, F] node states.
            edges: [2, E] source and target of each edge.
            relation: [E] its relation, 0 to R - 1.
            attributes: [E, A] its attributes, where the layer was made for some.
            gate: [E] what share of its message passes (1 unless an explanation asks).
            slots: what `slots_of` made of the same edges, to share between layers (compact layout).

        Returns:
            [N, H].
        """
        out = torch.addmm(self.bias, x, self.root)  # [N, H]
        if not self.compact(len(relation)):
            return out + self._dense(_message(x, edges[0], attributes, gate), edges, relation, len(x))
        slots = slots or slots_of(edges, relation, len(x), self.relations)
        sorted_by_slot = [None if part is None else part.index_select(0, slots.order) for part in (attributes, gate)]
        return self._compact(out, _message(x, slots.source, *sorted_by_slot), slots)

    def _dense(self, message: Tensor, edges: Tensor, relation: Tensor, nodes: int) -> Tensor:
        slot = edges[1] * self.relations + relation  # [E]
        total = message.new_zeros(nodes * self.relations, message.shape[1]).index_add(0, slot, message)  # [N*R, M]
        count = torch.bincount(slot, minlength=nodes * self.relations).clamp(min=1)  # [N*R]
        mean = (total / count[:, None]).view(nodes, self.relations * message.shape[1])  # [N, R*M]
        return mean @ self.relation_weight().flatten(0, 1)

    def _compact(self, out: Tensor, message: Tensor, slots: Slots) -> Tensor:
        total = message.new_zeros(len(slots.target), message.shape[1])  # [S, M]
        mean = total.index_add(0, slots.slot, message) / slots.count
        weight = self.relation_weight()  # [R, M, H]
        parts = [part @ weight[kind] for kind, part in enumerate(torch.split(mean, slots.sizes)) if len(part)]
        return out.index_add(0, slots.target, torch.cat(parts)) if parts else out


def _message(x: Tensor, source: Tensor, attributes: Tensor | None, gate: Tensor | None) -> Tensor:
    """The neighbour's state, its edge's attributes beside it, as far as the gate lets it pass: [E, M]."""
    message = x.index_select(0, source)  # its gradient is an index_add; indexing's would sort first
    if attributes is not None:
        message = torch.cat([message, attributes], dim=1)
    return message if gate is None else message * gate[:, None]
