"""The event network: layers over the event's neighbourhood, then a readout; an `Architecture` says which.

Shapes: B events, each with its own disjoint graph; N nodes and E edges of all of them; F node
features, A edge attributes, V event features, T features of a whole graph, H hidden.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from scoring.core.architecture import Architecture
from scoring.core.batch import GraphBatch
from scoring.core.body import Body, DirectedBody, RelationalBody
from scoring.core.conv import Layout
from scoring.core.edges import EdgeFeatures, with_relation
from scoring.core.pooling import EventAttention, pool_graphs
from scoring.core.scaling import Scaling, Standardise


class EventNetwork(nn.Module):
    """Say of each event, from its neighbourhood, how likely it is the thing looked for (a logit).

    The readout sees the event's features, what every layer (the input too) says of its two ends, and
    the mean and maximum of the last layer over the whole neighbourhood; with `attend` what the event
    reads at its ends, with `whole` the features of the graph as a whole.
    """

    def __init__(self, architecture: Architecture, layout: Layout = "auto") -> None:
        """Make a network of these techniques and widths."""
        super().__init__()
        self.architecture = architecture
        self.scale_nodes = Standardise(architecture.nodes)
        self.scale_attributes = Standardise(architecture.attributes)
        self.scale_event = Standardise(architecture.event)
        self.scale_whole = Standardise(architecture.whole) if architecture.whole else None
        self.edge_features = EdgeFeatures(architecture)
        self.body = _body(architecture, self.edge_features.width, layout)
        self.attention = _attention(architecture, self.edge_features.width)
        hidden = architecture.hidden
        width = architecture.event + 2 * sum(self.body.widths) + 2 * hidden
        width += 2 * hidden * architecture.attend + architecture.whole
        self.readout = nn.Sequential(
            nn.Linear(width, 2 * hidden),
            nn.ReLU(),
            nn.Dropout(architecture.dropout),
            nn.Linear(2 * hidden, 1),
        )

    def fit_scaling(self, scaling: Scaling) -> None:
        """Take the means and spreads of the training data."""
        self.scale_nodes.fit(*scaling.nodes)
        self.scale_attributes.fit(*scaling.attributes)
        self.scale_event.fit(*scaling.event)
        if self.scale_whole is not None and scaling.whole is not None:
            self.scale_whole.fit(*scaling.whole)

    def forward(self, batch: GraphBatch, gate: Tensor | None = None) -> Tensor:
        """Score a batch.

        Args:
            batch: the graphs.
            gate: [E] what share of each edge's messages passes, both ways. Between 0 and 1 it weighs messages
                only; at 0 the edge is taken out, as if it had never been there.

        Returns:
            [B] logits.

        Raises:
            ValueError: the architecture reads the age or the whole, and the batch has none.
        """
        logit: Tensor = self.readout(self._seen(batch, gate))
        return logit.squeeze(1)

    def represent(self, batch: GraphBatch) -> Tensor:
        """What the readout reads of each event, to be compared with others': [B, W]. Raises as `forward`.

        The event's features, its ends as every layer has them, and both pools, each standardised or normed.
        """
        return self._seen(batch, None)

    def _seen(self, batch: GraphBatch, gate: Tensor | None) -> Tensor:
        if gate is not None and bool((gate == 0).any()):
            batch, gate = batch.keep(gate != 0), gate[gate != 0]
        whole = self._whole(batch)
        batch = replace(
            batch,
            x=self.scale_nodes(batch.x),
            attributes=self.scale_attributes(batch.attributes),
            event=self.scale_event(batch.event),
        )
        batch = replace(batch, attributes=self.edge_features(batch))
        return self._read(batch, self.body(batch, gate), gate, whole)

    def _read(self, batch: GraphBatch, states: list[Tensor], gate: Tensor | None, whole: list[Tensor]) -> Tensor:
        ends = [state[batch.ends].flatten(1) for state in states]  # [B, 2F], then [B, 2H] a layer
        parts = [batch.event, *ends, pool_graphs(states[-1], batch.graph, len(batch))]
        if self.attention is not None:
            edges = with_relation(batch.attributes, batch.relation, self.architecture.relations)
            parts.append(self.attention(states[-1], batch, edges, gate))
        return torch.cat([*parts, *whole], dim=1)

    def _whole(self, batch: GraphBatch) -> list[Tensor]:
        if self.scale_whole is None:
            return []
        if batch.whole is None:
            raise ValueError(f"the readout takes features of each graph: give `whole`, [B, {self.architecture.whole}]")
        return [self.scale_whole(batch.whole)]


def _body(architecture: Architecture, attributes: int, layout: Layout) -> Body:
    directed = architecture.body == "directed"
    return DirectedBody(architecture, attributes) if directed else RelationalBody(architecture, attributes, layout)


def _attention(architecture: Architecture, attributes: int) -> EventAttention | None:
    if not architecture.attend:
        return None
    edges = attributes + architecture.relations
    return EventAttention(architecture.event, architecture.hidden, edges, architecture.heads)
