"""From a probability to a verdict, and what is answered without one."""

from __future__ import annotations

import pytest

from graph.model import Event
from scoring.deciding.decision import Deadline, Moment, Policy, Watermark, decided, fallen_back
from scoring.deciding.request import Question
from scoring.score import Score

EVENT = Event("t:1:x", "new", "", 5, "TRANSFER", "Account:1", "Account:2", 5, {})
NOW = Moment(3.2, Watermark("bank/1", 40))


def score(probability: float, threshold: float = 0.4, alert_by: str | None = None) -> Score:
    return Score(EVENT, 1, False, probability, "m@1", ("why",), (), None, "", False, threshold, alert_by)


@pytest.mark.parametrize(
    ("probability", "decline_from", "verdict"),
    [(0.39, None, "approve"), (0.4, None, "review"), (1, None, "review"), (0.79, 0.8, "review"), (0.8, 0.8, "decline")],
)  # fmt: skip
def test_a_probability_comes_to_a_verdict(probability: float, decline_from: float | None, verdict: str) -> None:
    """Review from the model's own threshold on; decline only where that is set."""
    assert Policy(decline_from=decline_from).verdict(score(probability)) == verdict


def test_a_rule_that_asks_for_an_alert_asks_for_a_review() -> None:
    """Whatever the probability."""
    assert Policy().verdict(score(0.0, alert_by="blocked")) == "review"


def test_an_answer_without_reasons_says_so() -> None:
    """None came in time; an empty list is an answer."""
    question = Question(EVENT, 50)
    late, none = (decided(question, score(0.9), reasons, Policy(), NOW) for reasons in (None, ()))
    assert [one.code for one in late.remarks] == ["no_reasons"] and none.remarks == ()
    assert (late.verdict, late.probability, late.threshold, late.model) == ("review", 0.9, 0.4, "m@1")


def test_a_fall_back_says_why_and_claims_no_probability() -> None:
    """Its verdict is the configured one."""
    answer = fallen_back(Question(EVENT, 50), "deadline", Policy("decline"), NOW)
    assert (answer.verdict, answer.fallback, answer.probability, answer.model) == ("decline", "deadline", None, None)


@pytest.mark.parametrize(("ms", "by"), [(50, 0.045), (1_000, 0.995), (10, 0.008), (1, 0.0008)])
def test_an_answer_is_made_before_its_deadline(ms: int, by: float) -> None:
    """To be written out and sent: 5 ms, of a short deadline a fifth."""
    assert Deadline(100.0, ms).answer_by_s == pytest.approx(100 + by)
