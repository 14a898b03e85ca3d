"""From a score to a verdict, and what is answered where there is none in time. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import msgspec

from scoring.deciding.remarks import NO_REASONS, Remark, of_score
from scoring.deciding.request import Question
from scoring.score import Score

Verdict = Literal["approve", "review", "decline"]
Why = Literal["deadline", "not ready", "overloaded", "model failed"]

LEAD_S, LEAD_SHARE = 0.005, 0.2  # an answer is made so long before its deadline, at most this share of it


class Watermark(msgspec.Struct, frozen=True):
    """How current the graph is: the position of the bank's log it has passed, and since when it heard nothing."""

    position: str
    silent_ms: int | None


class Answer(msgspec.Struct, frozen=True):
    """What the payment switch gets. `docs/decide.md` explains each field.

    `probability`, `model` and `threshold` are null where `fallback` says why nothing was scored.
    """

    id: str
    verdict: Verdict
    probability: float | None
    reasons: tuple[str, ...]
    model: str | None
    threshold: float | None
    fallback: Why | None
    deadline_ms: int
    took_ms: float
    watermark: Watermark
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """What a probability comes to.

    Attributes:
        fallback: the verdict where there is no probability in time.
        decline_from: probability from which it is declined; None: nothing is, review is the strongest.
    """

    fallback: Verdict = "review"
    decline_from: float | None = None

    def verdict(self, score: Score) -> Verdict:
        """Decline from its own bar on; review where an alert is due, by the model's bar or by a rule; else approve."""
        if self.decline_from is not None and score.probability >= self.decline_from:
            return "decline"
        return "review" if score.asks else "approve"

    def wants_reasons(self, score: Score) -> bool:
        """Whether somebody will ask why."""
        return self.verdict(score) != "approve"


@dataclass(frozen=True, slots=True)
class Deadline:
    """When an answer has to leave, on a clock of seconds that only rise."""

    arrived_s: float
    ms: int

    @property
    def answer_by_s(self) -> float:
        """When the answer is made at the latest: writing it out takes time too."""
        return self.arrived_s + self.ms / 1000 - min(LEAD_S, LEAD_SHARE * self.ms / 1000)

    def took_ms(self, now_s: float) -> float:
        """Since the arrival."""
        return round(1000 * (now_s - self.arrived_s), 2)


@dataclass(frozen=True, slots=True)
class Moment:
    """What an answer says of the moment it is made."""

    took_ms: float
    watermark: Watermark
    remarks: tuple[Remark, ...] = ()


def decided(question: Question, score: Score, reasons: Iterable[str] | None, policy: Policy, now: Moment) -> Answer:
    """The answer from a score; `reasons` is None where they did not come in time."""
    remarks = (*question.remarks, *of_score(score), *now.remarks)
    if reasons is None:
        remarks = (*remarks, NO_REASONS)
    return Answer(
        question.event.id, policy.verdict(score), score.probability, tuple(reasons or ()), score.model,
        score.threshold, None, question.deadline_ms, now.took_ms, now.watermark, remarks,
    )  # fmt: skip


def fallen_back(question: Question, why: Why, policy: Policy, now: Moment) -> Answer:
    """The answer where there is no score."""
    return Answer(
        question.event.id, policy.fallback, None, (), None, None, why, question.deadline_ms, now.took_ms,
        now.watermark, (*question.remarks, *now.remarks),
    )  # fmt: skip
