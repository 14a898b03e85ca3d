"""What an event network reads of an edge: its attributes, and if asked its age and its ports.

Shapes: E edges, A attributes, R relations.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from scoring.core.architecture import Architecture
from scoring.core.batch import GraphBatch
from scoring.core.ports import port_numbers
from scoring.core.time_encoding import TimeEncoding

CLOCK_FEATURES = 8
LOG_LONGEST = 20.0  # e^20 seconds are 15 years
SHORTEST_S = 600.0
LONGEST_S = 2_592_000.0  # 30 days: an angle of 30 * 24 * 6 waves is off by 4,320 * 2 pi / 2^24 = 0.0016 at most


class EdgeFeatures(nn.Module):
    """Standardised attributes, then the age encoded, then both port numbers; filled up to what blocks need.

    The logarithm of the age tells a minute from a day, however old; the age itself tells edges minutes apart
    from one another, up to thirty days. Older ones are taken as thirty days: beyond, an angle in single
    precision would differ between machines. Ports are counted oldest first, and ties share a number, so that
    the order of the edges does not matter. Neither clock counts in plain seconds: a training step would move such
    weights by a million waves.
    """

    def __init__(self, architecture: Architecture) -> None:
        """Make what this architecture reads of an edge."""
        super().__init__()
        self.ports = architecture.ports
        self.linear = architecture.clock == "linear"
        span = (SHORTEST_S / LONGEST_S, 1.0) if self.linear else (1.0, LOG_LONGEST)
        told = architecture.clock != "none"
        self.clock = TimeEncoding(CLOCK_FEATURES, "time2vec", *span) if told else None
        width = architecture.attributes + 2 * self.ports + CLOCK_FEATURES * (self.clock is not None)
        self.fill = -width % (architecture.decomposition.blocks or 1)
        self.width = width + self.fill

    def forward(self, batch: GraphBatch) -> Tensor:
        """Features of the edges of a batch whose attributes are standardised: [E, `width`].

        Raises:
            ValueError: the age is asked for, and the batch has none.
        """
        parts = [batch.attributes]
        if self.clock is not None:
            age = _age(batch)
            parts.append(self.clock((age / LONGEST_S).clamp(max=1.0) if self.linear else torch.log1p(age)))
        if self.ports:
            parts.append(torch.log1p(port_numbers(batch.edges, -_age(batch), ties="shared").to(batch.x.dtype)))
        if self.fill:
            parts.append(batch.attributes.new_zeros(len(batch.attributes), self.fill))
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def with_relation(attributes: Tensor, relation: Tensor, relations: int) -> Tensor:
    """The relation beside the attributes, for layers that have no weights of its own for it: [E, A + R]."""
    marks = nn.functional.one_hot(relation, relations).to(attributes.dtype)
    return torch.cat([attributes, marks], dim=1)


def _age(batch: GraphBatch) -> Tensor:
    if batch.age is None:
        raise ValueError("clock and ports read the age of edges: give the batch `age`, [E] seconds")
    return batch.age
