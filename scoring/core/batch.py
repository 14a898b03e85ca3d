"""What a network reads: graphs around events, laid side by side.

Shapes: B events, each with its own graph; N nodes and E edges of all of them; F node features, A edge
attributes, V event features, T features of a graph as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor


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
        age: [E] seconds from the edge to the event, where a network encodes time or numbers ports.
        whole: [B, T] features of each graph as a whole, such as its topology, where a network reads them.
    """

    x: Tensor
    edges: Tensor
    relation: Tensor
    attributes: Tensor
    event: Tensor
    ends: Tensor
    graph: Tensor
    age: Tensor | None = None
    whole: Tensor | None = None

    def __len__(self) -> int:
        """How many events it holds."""
        return len(self.event)

    def to(self, device: torch.device | str) -> GraphBatch:
        """The same on a device."""
        parts: dict[str, Tensor] = {part.name: getattr(self, part.name) for part in fields(self)}
        return replace(self, **{name: part.to(device) for name, part in parts.items() if part is not None})

    def keep(self, edges: Tensor) -> GraphBatch:
        """The same nodes with these edges only: [E] True for each that stays."""
        return replace(
            self,
            edges=self.edges[:, edges],
            relation=self.relation[edges],
            attributes=self.attributes[edges],
            age=None if self.age is None else self.age[edges],
        )
