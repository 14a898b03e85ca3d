"""What `fraud.explanations` says of a score: what its parts add, how completely, and which known frauds are alike."""

from __future__ import annotations

from typing import Literal

import msgspec

from graph.model import Attributes
from scoring.score import Contribution, Score

Method = Literal["integrated gradients", "Shapley values and integrated gradients", "none"]
ALONE: Method = "integrated gradients"  # of a network
HYBRID: Method = "Shapley values and integrated gradients"  # of trees, and of the network that they read
NONE: Method = "none"  # `reason` says why


class Neighbour(msgspec.Struct, frozen=True):
    """An earlier event that was known to be fraud at the time of the one that is explained.

    Attributes:
        event_id: its edge's owner.
        relation, src, dst, time_ms, attributes: of the edge, as its row was at first.
        known_ms: the date of the label: when it became known.
        similarity: cosine of what the network makes of the two, each as of its own time; 1 is alike.
    """

    event_id: str
    relation: str
    src: str
    dst: str
    time_ms: int
    attributes: Attributes
    known_ms: int
    similarity: float


class Explanation(msgspec.Struct, frozen=True):
    """The explanation of one score, which (event id, position, revision) name.

    `reference` and all contributions and the `rest` together are `logit`, but for the error.

    Attributes:
        model: name and version.
        method: how it was made.
        steps: gradients along the path from the average event to this one.
        contributions: the strongest edges and features, strongest first, in calibrated log-odds.
        about: of features that raised the score and speak of one edge, that edge's owner.
        rest: what all others add together.
        logit: the calibrated log-odds of the score.
        reference: those of what it is told against: the average event.
        completeness_error: |what all parts add - (logit - reference)|.
        relative_error: that as a share of the difference.
        neighbours: known frauds, the most alike first.
        reason: why there are no contributions; None where there are.
        provisional: whether the score was.
    """

    event_id: str
    pos: str
    revision: int
    model: str
    method: Method
    steps: int = 0
    contributions: tuple[Contribution, ...] = ()
    about: dict[str, str] = {}
    rest: float = 0.0
    logit: float = 0.0
    reference: float = 0.0
    completeness_error: float = 0.0
    relative_error: float = 0.0
    neighbours: tuple[Neighbour, ...] = ()
    reason: str | None = None
    provisional: bool = False

    @property
    def rank(self) -> tuple[str, int, bool]:
        """Of the score it explains: see Score.rank."""
        return self.pos, self.revision, not self.provisional

    @property
    def id(self) -> str:
        """The deterministic name, that of the score it explains."""
        return f"{self.event_id}@{self.pos}#{self.revision}"


def wanted(score: Score) -> bool:
    """Whether somebody will look at a score: it asks for an alert, and its event is there."""
    return score.asks and score.event.kind != "withdrawn"


def unexplained(score: Score, reason: str) -> Explanation:
    """What is said of a score that can't be explained."""
    return Explanation(score.event.id, score.event.pos, score.revision, score.model, NONE, reason=reason,
                       provisional=score.provisional)  # fmt: skip
