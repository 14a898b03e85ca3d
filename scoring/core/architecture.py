"""Architecture: which techniques an event network is made of. A plain value, kept in the model's manifest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from scoring.core.decomposition import FREE, Decomposition
from scoring.core.directed import Pooling

Body = Literal["relational", "directed", "fused"]
Clock = Literal["none", "log", "linear"]


@dataclass(frozen=True, slots=True)
class Architecture:
    """Widths and techniques of an `EventNetwork`; as made, a relational network with nothing added.

    Attributes:
        nodes, attributes, event: widths of the batch's features.
        relations: how many there are, each counted once and not per direction.
        hidden, layers: width of a state, and how many convolutions.
        dropout: share of the readout's hidden features that training drops.
        body: `relational` (R-GCN), `directed` (edge convolution with a GRU), or `fused` (relational, then the
            fusion of what is next to a node with what is two steps off).
        decomposition: of the relational weights.
        aggregation: how the directed body pools messages.
        heads: of the attentions in the fusion and in `attend`.
        clock: how an edge's age is encoded: the logarithm of its seconds, the seconds themselves, or not.
        ports: number each node's neighbours by when they first appeared.
        rounds: of structure learning behind the first layer; 0 is without.
        attend: let the event attend to the edges at its ends, beside the pools.
        whole: features of a graph as a whole; 0 is without.

    Raises:
        ValueError: a width, share or combination that makes no network; says which.
    """

    nodes: int
    attributes: int
    event: int
    relations: int
    hidden: int = 32
    layers: int = 2
    dropout: float = 0.1
    body: Body = "relational"
    decomposition: Decomposition = FREE
    aggregation: Pooling = "mean"
    heads: int = 1
    clock: Clock = "none"
    ports: bool = False
    rounds: int = 0
    attend: bool = False
    whole: int = 0

    def __post_init__(self) -> None:
        """Refuse what makes no network."""
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be {least} or more")
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"dropout is {self.dropout}: it must be 0 or more and below 1")
        if self.hidden % self.heads:
            raise ValueError(f"hidden is {self.hidden} for {self.heads} heads: heads must divide it")
        if self.body == "directed" and self.decomposition != FREE:
            raise ValueError("a decomposition is of relational weights: the directed body has none, leave it out")
        if self.body != "directed" and self.aggregation != "mean":
            raise ValueError(f"aggregation {self.aggregation!r} is for the directed body: {self.body} takes the mean")
        blocks = self.decomposition.blocks or 1
        if self.nodes % blocks or self.hidden % blocks:
            raise ValueError(f"{blocks} blocks must divide nodes ({self.nodes}) and hidden ({self.hidden})")


_LEAST = {
    "nodes": 1, "attributes": 0, "event": 0, "relations": 1, "hidden": 1, "layers": 1, "heads": 1, "rounds": 0,
    "whole": 0,
}  # fmt: skip
