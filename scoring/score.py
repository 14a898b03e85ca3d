"""What the scorer says of one event: the wire form of `fraud.scores`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from graph.model import Event, Subgraph


class Contribution(msgspec.Struct, frozen=True):
    """One part of the evidence: an edge's owner or a feature's name, and what it added to the logit."""

    kind: Literal["edge", "feature"]
    name: str
    value: float


def strongest(
    edges: Iterable[tuple[str, float]], features: Iterable[tuple[str, float]], top: int
) -> tuple[Contribution, ...]:
    """The `top` edges and the `top` features that count most, strongest first, without those that count nothing."""
    found = [*_ranked("edge", edges, top), *_ranked("feature", features, top)]
    return tuple(sorted(found, key=lambda part: (-abs(part.value), part.kind, part.name)))


def _ranked(kind: Literal["edge", "feature"], parts: Iterable[tuple[str, float]], top: int) -> list[Contribution]:
    ranked = sorted((part for part in parts if part[1]), key=lambda part: (-abs(part[1]), part[0]))
    return [Contribution(kind, name, value) for name, value in ranked[:top]]


# What an analyst has to know of how a score came about (the words for it are in alerts/words.py).
Remark = Literal[
    "fallback",  # the network failed or drifted: the model's boosted trees alone gave it
    "rules",  # those failed too, or there is no model: the rules gave it
    "smaller",  # the scorer was behind: it read less of the neighbourhood
    "unseen",  # the event's own change had not come to the reader in time
]


class Score(msgspec.Struct, frozen=True):
    """The score of one version of an event.

    `revision` is 1 at first. Where the stream had not passed the event's position on every
    partition, revision 1 is `provisional` and revision 2 follows, final. (event id, event position,
    revision) names a score; scoring again gives the same name, so replays are harmless. A scorer that was killed
    behind a provisional score may find the stream past it: then revision 1 comes once more, final, and counts (`rank`).

    A withdrawn event (its row was deleted) has probability 0 and no subgraph.

    Attributes:
        probability: calibrated, 0 to 1.
        model: name and version of the model, `rules` for the fall-back.
        reasons: sentences an analyst reads, strongest first.
        contributions: strongest first; empty when nobody will look.
        subgraph: as scored; only where the probability may raise an alert.
        incomplete: a row of the event's neighbourhood is in the dead letters.
        threshold: probability from which the model asks for an alert.
        alert_by: the rule that asks for one whatever the probability; None: none does.
        remarks: how it came about, where that is out of the ordinary.
        read_at: the watermark (a position token) of the store when it was read, empty if unknown.
    """

    event: Event
    revision: int
    provisional: bool
    probability: float
    model: str
    reasons: tuple[str, ...]
    contributions: tuple[Contribution, ...]
    subgraph: Subgraph | None
    read_at: str
    incomplete: bool = False
    threshold: float = 0.5  # of a record that was written before there was one
    alert_by: str | None = None
    remarks: tuple[Remark, ...] = ()

    @property
    def asks(self) -> bool:
        """Whether it asks for an alert by itself; where a threshold is set, that decides (`alerts.policy`)."""
        return asks(self.probability, self.threshold, self.alert_by)

    @property
    def rank(self) -> tuple[str, int, bool]:
        """Of an event's scores the highest counts."""
        return self.event.pos, self.revision, not self.provisional

    @property
    def id(self) -> str:
        """The score's deterministic name."""
        return f"{self.event.id}@{self.event.pos}#{self.revision}"


def asks(probability: float, threshold: float, alert_by: str | None) -> bool:
    """Whether a score with these asks for an alert: by its probability, or a rule does."""
    return probability >= threshold or alert_by is not None
