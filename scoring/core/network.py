"""The event network: two relational convolutions over the event's neighbourhood, then a readout.

Shapes: B events, each with its own disjoint graph; N nodes and E edges of all of them; F node
features, A edge attributes, V event features, H hidden.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from scoring.core.conv import Layout, RelationalConv, both_directions, slots_of


@dataclass(frozen=True, slots=True)
class GraphBatch:
    """B graphs as one disjoint graph.

    Attributes:
        x: [N, F] node features.
        edges: [2, E] source and target, as they point; the network adds the reverse.
        relation: [E] relation of each edge.
        attributes: [E, A] edge attributes.
        event: [B, V] features of the event itself.
        ends: [B, 2] the event's source and target node.
        graph: [N] which graph a node belongs to.
    """

    x: Tensor
    edges: Tensor
    relation: Tensor
    attributes: Tensor
    event: Tensor
    ends: Tensor
    graph: Tensor

    def __len__(self) -> int:
        """How many events it holds."""
        return len(self.event)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Widths of an `EventNetwork`; `relations` counts each relation once, not per direction."""

    nodes: int
    attributes: int
    event: int
    relations: int
    hidden: int = 32
    layers: int = 2
    dropout: float = 0.1


@dataclass(frozen=True, slots=True)
class Scaling:
    """Mean and spread of each input, taken on the training data."""

    nodes: tuple[Tensor, Tensor]
    attributes: tuple[Tensor, Tensor]
    event: tuple[Tensor, Tensor]


class Standardise(nn.Module):
    """Shift and scale by fixed figures that travel with the weights."""

    def __init__(self, width: int) -> None:
        """Start as the identity on `width` features."""
        super().__init__()
        self.mean: Tensor
        self.spread: Tensor
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("spread", torch.ones(width))

    def fit(self, mean: Tensor, spread: Tensor) -> None:
        """Take the figures; a feature that never varies is only shifted."""
        self.mean.copy_(mean)
        self.spread.copy_(torch.where(spread > 1e-6, spread, torch.ones_like(spread)))

    def forward(self, x: Tensor) -> Tensor:
        """Standardise and clip to ±8, so that one odd amount can't carry the score: [*, width]."""
        return ((x - self.mean) / self.spread).clamp(-8.0, 8.0)


class EventNetwork(nn.Module):
    """Say of each event, from its neighbourhood, how likely it is the thing looked for (a logit).

    The readout sees the event's features, what every layer (the input too) says of its two ends, and
    the mean and maximum of the last layer over the whole neighbourhood.
    """

    def __init__(self, sizes: Sizes, layout: Layout = "auto") -> None:
        """Make a network of these widths."""
        super().__init__()
        self.sizes = sizes
        self.scale_nodes = Standardise(sizes.nodes)
        self.scale_attributes = Standardise(sizes.attributes)
        self.scale_event = Standardise(sizes.event)
        widths = [sizes.nodes] + [sizes.hidden] * sizes.layers
        self.convs = nn.ModuleList(
            RelationalConv(inputs, outputs, 2 * sizes.relations, sizes.attributes, layout)
            for inputs, outputs in pairwise(widths)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for width in widths[1:])
        self.readout = nn.Sequential(
            nn.Linear(sizes.event + 2 * sum(widths) + 2 * sizes.hidden, 2 * sizes.hidden),
            nn.ReLU(),
            nn.Dropout(sizes.dropout),
            nn.Linear(2 * sizes.hidden, 1),
        )

    def fit_scaling(self, scaling: Scaling) -> None:
        """Take the means and spreads of the training data."""
        self.scale_nodes.fit(*scaling.nodes)
        self.scale_attributes.fit(*scaling.attributes)
        self.scale_event.fit(*scaling.event)

    def forward(self, batch: GraphBatch, gate: Tensor | None = None) -> Tensor:
        """Score a batch.

        Args:
            batch: the graphs.
            gate: [E] what share of each edge's messages passes, both ways.

        Returns:
            [B] logits.
        """
        edges, relation = both_directions(batch.edges, batch.relation, self.sizes.relations)  # [2, 2E], [2E]
        attributes = self.scale_attributes(batch.attributes).repeat(2, 1)  # [2E, A]
        gates = None if gate is None else gate.repeat(2)
        states = [self.scale_nodes(batch.x)]  # [N, F], then [N, H] a layer
        conv = cast(RelationalConv, self.convs[0])
        slots = slots_of(edges, relation, len(batch.x), conv.relations) if conv.compact(len(relation)) else None
        for layer, norm in zip(self.convs, self.norms, strict=True):
            states.append(torch.relu(norm(layer(states[-1], edges, relation, attributes, gates, slots))))
        return self._read(batch, states)

    def _read(self, batch: GraphBatch, states: list[Tensor]) -> Tensor:
        last = states[-1]
        empty = last.new_zeros(len(batch), last.shape[1])  # [B, H]
        size = torch.bincount(batch.graph, minlength=len(batch)).clamp(min=1)[:, None]  # [B, 1]
        mean = empty.index_add(0, batch.graph, last) / size
        top = empty.scatter_reduce(0, batch.graph[:, None].expand_as(last), last, "amax")  # states are >= 0
        ends = [state[batch.ends].flatten(1) for state in states]  # [B, 2F], then [B, 2H] a layer
        logit: Tensor = self.readout(torch.cat([self.scale_event(batch.event), *ends, mean, top], dim=1))
        return logit.squeeze(1)
