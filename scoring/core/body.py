"""The layers that turn a batch of graphs into states of their nodes, one set a layer.

Shapes: N nodes, E edges, F node features, A edge features, R relations, H hidden.
"""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from scoring.core.architecture import Architecture
from scoring.core.batch import GraphBatch
from scoring.core.conv import Layout, RelationalConv, both_directions, slots_of
from scoring.core.directed import DirectedEdgeConv
from scoring.core.edges import with_relation
from scoring.core.fusion import GranularityFusion
from scoring.core.refinement import Refinement


class RelationalBody(nn.Module):
    """Relational convolutions; `fused` puts the fusion of near and far behind them, as one more layer."""

    def __init__(self, architecture: Architecture, attributes: int, layout: Layout = "auto") -> None:
        """Make the layers for A edge features."""
        super().__init__()
        hidden = architecture.hidden
        self.relations = architecture.relations
        self.widths = [architecture.nodes] + [hidden] * (architecture.layers + (architecture.body == "fused"))
        self.convs = nn.ModuleList(
            RelationalConv(inputs, outputs, 2 * self.relations, attributes, layout, architecture.decomposition)
            for inputs, outputs in pairwise(self.widths[: architecture.layers + 1])
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for width in self.widths[1:])
        self.refinement = _refinement(architecture)
        fused = architecture.body == "fused"
        self.fusion = GranularityFusion(hidden, hidden, architecture.heads) if fused else None

    def forward(self, batch: GraphBatch, gate: Tensor | None = None) -> list[Tensor]:
        """States [N, F], then [N, H] a layer."""
        edges, relation = both_directions(batch.edges, batch.relation, self.relations)  # [2, 2E], [2E]
        attributes = batch.attributes.repeat(2, 1)  # [2E, A]
        gates = None if gate is None else gate.repeat(2)
        conv = cast(RelationalConv, self.convs[0])
        slots = slots_of(edges, relation, len(batch.x), conv.relations) if conv.compact(len(relation)) else None
        states = [batch.x]
        for layer, norm in zip(self.convs, self.norms, strict=False):
            x = torch.relu(norm(layer(states[-1], edges, relation, attributes, gates, slots)))
            states.append(_refined(self.refinement if len(states) == 1 else None, x, batch, gate))
        if self.fusion is not None:
            states.append(torch.relu(self.norms[-1](self.fusion(states[-1], edges, gate=gates))))
        return states


class DirectedBody(nn.Module):
    """Edge convolutions that read in and out apart, the relation among an edge's features, states kept by a GRU."""

    def __init__(self, architecture: Architecture, attributes: int) -> None:
        """Make the layers for A edge features."""
        super().__init__()
        hidden, self.relations = architecture.hidden, architecture.relations
        self.widths = [architecture.nodes] + [hidden] * architecture.layers
        self.enter = nn.Linear(architecture.nodes, hidden)
        self.convs = nn.ModuleList(
            DirectedEdgeConv(hidden, attributes + self.relations, hidden, architecture.aggregation)
            for _ in range(architecture.layers)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(architecture.layers))
        self.refinement = _refinement(architecture)

    def forward(self, batch: GraphBatch, gate: Tensor | None = None) -> list[Tensor]:
        """States [N, F], then [N, H] a layer."""
        attributes = with_relation(batch.attributes, batch.relation, self.relations)
        states, x = [batch.x], torch.relu(self.enter(batch.x))
        for layer, norm in zip(self.convs, self.norms, strict=True):
            x = norm(layer(x, batch.edges, attributes, gate))
            x = _refined(self.refinement if len(states) == 1 else None, x, batch, gate)
            states.append(x)
        return states


Body = RelationalBody | DirectedBody


def _refinement(architecture: Architecture) -> Refinement | None:
    made = architecture.rounds > 0
    return Refinement(architecture.hidden, architecture.relations, architecture.rounds) if made else None


def _refined(refinement: Refinement | None, x: Tensor, batch: GraphBatch, gate: Tensor | None) -> Tensor:
    return x if refinement is None else x + refinement(x, batch, gate)
