"""What becomes of a score: raise, update, withdraw or ignore. Pure: no clock, no database."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from alerts.errors import BadSettings
from scoring.score import Score


class State(StrEnum):
    """Where an alert stands."""

    OPEN = "open"
    CONFIRMED = "confirmed"  # an analyst says fraud
    DISMISSED = "dismissed"  # an analyst says legitimate
    WITHDRAWN = "withdrawn"  # the row is gone, or a newer score is below the threshold


DECIDED = frozenset({State.CONFIRMED, State.DISMISSED})


class Action(StrEnum):
    """What to do with a score."""

    RAISE = "raise"  # there is no alert: open one
    REOPEN = "reopen"  # it was withdrawn and is above the threshold again
    UPDATE = "update"  # newer facts, same state
    WITHDRAW = "withdraw"  # open no longer
    REMEMBER = "remember"  # no alert, but an older score may still come and must not raise one
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class Known:
    """What is stored of an event: the name of its newest score, and the alert's state (None: no alert)."""

    position: str
    revision: int
    state: State | None
    provisional: bool = False

    @property
    def rank(self) -> tuple[str, int, bool]:
        """See Score.rank."""
        return self.position, self.revision, not self.provisional


@dataclass(frozen=True, slots=True)
class Step:
    """What to do with a score, and why (a sentence for the audit and the page)."""

    action: Action
    reason: str


@dataclass(frozen=True, slots=True)
class Policy:
    """Alerts by threshold, and by rules that ask for one whatever the model says.

    Attributes:
        threshold: probability from which an event is an alert; None: what each score's own model asks for, so that
            one that is promoted brings its threshold along.
    """

    threshold: float | None = None

    def __post_init__(self) -> None:
        """Raises BadSettings: the threshold is no probability."""
        if self.threshold is not None and not 0 < self.threshold <= 1:
            raise BadSettings(f"policy: threshold {self.threshold:g} is no probability above 0")

    def step(self, score: Score, known: Known | None) -> Step:
        """What to do with `score`, given what is stored of its event.

        What is open in the end is a function of the newest score alone, so any order, duplication and
        batching of the same scores ends the same. Positions are compared as text (`Position.token`).
        """
        if known is not None and score.rank <= known.rank:
            return Step(Action.IGNORE, "not newer than the score already stored")
        above, why = self._above(score)
        state = known.state if known else None
        if state is None:
            return Step(Action.RAISE, why) if above else self._none(score, why)
        if state in DECIDED:
            return Step(Action.UPDATE, f"already {state}; {why}")
        if above:
            return Step(Action.REOPEN if state is State.WITHDRAWN else Action.UPDATE, why)
        return Step(Action.UPDATE if state is State.WITHDRAWN else Action.WITHDRAW, why)

    def _above(self, score: Score) -> tuple[bool, str]:
        if score.event.kind == "withdrawn":
            return False, "the bank deleted the row behind the event"
        kind = "provisional" if score.provisional else "final"
        limit = score.threshold if self.threshold is None else self.threshold
        above = score.probability >= limit
        why = f"{kind} score {score.probability:.3f} is {'at or above' if above else 'below'} the threshold {limit:.3f}"
        if score.alert_by is not None:
            return True, f"the rule {score.alert_by!r} asks for an alert; {why}"
        return above, why

    def _none(self, score: Score, why: str) -> Step:
        supersedes = score.revision > 1 or score.event.kind != "new"
        return Step(Action.REMEMBER if supersedes else Action.IGNORE, why)
