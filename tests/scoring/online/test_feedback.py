"""Labels meet scores."""

from __future__ import annotations

import random

import pytest

from graph.model import Event, LabelUpsert
from scoring.online.feedback import Feedback
from scoring.score import Score


def score(n: int, probability: float, kind: str = "new") -> Score:
    event = Event(f"transfers:{n}:transfer", kind, f"bank/{n}", n, "TRANSFER", "A:1", "A:2", n, {})  # type: ignore[arg-type]
    return Score(event, 1, False, probability, "m@1", (), (), None, "")


def label(n: int, fraud: bool, pos: int = 1) -> LabelUpsert:
    return LabelUpsert(f"fraud_reports:{n}:label", f"bank/{pos}", 1, f"transfers:{n}:transfer", fraud)


def hear(feedback: Feedback, labels: list[LabelUpsert]) -> None:
    for each in labels:
        feedback.heard(each)


def test_frauds_expected_stand_beside_those_reported() -> None:
    """Of the same events: a label of one that was never scored counts nothing."""
    feedback = Feedback()
    feedback.scored([score(1, 0.5), score(2, 0.25)])
    hear(feedback, [label(1, True), label(2, False), label(3, True)])
    assert (feedback.expected, feedback.reported, feedback.labels) == (0.75, 1, 2)


def test_a_second_score_replaces_the_first_and_a_withdrawn_event_counts_nothing() -> None:
    feedback = Feedback()
    feedback.scored([score(1, 0.5), score(1, 0.75), score(2, 0.0, "withdrawn")])
    assert feedback.expected == 0.75


def test_a_label_again_changes_nothing_and_a_correction_does() -> None:
    feedback = Feedback()
    feedback.scored([score(1, 0.5)])
    hear(feedback, [label(1, True), label(1, True)])
    assert (feedback.reported, feedback.labels) == (1, 1)
    hear(feedback, [label(1, False, 2)])
    assert (feedback.reported, feedback.labels) == (0, 1)


def test_calibration_is_the_distance_of_what_was_said_from_what_came() -> None:
    """A model that says 0.25 where a quarter is fraud, and one that says 0.75 there."""
    for said, off in ((0.25, 0.0), (0.75, 0.5)):
        feedback = Feedback()
        feedback.scored([score(n, said) for n in range(400)])
        assert feedback.calibration_error is None
        hear(feedback, [label(n, n % 4 == 0) for n in range(400)])
        assert feedback.calibration_error == pytest.approx(off)


def test_a_change_of_the_scores_and_of_the_error_is_found() -> None:
    """ADWIN (Bifet and Gavaldà 2007); steady scores raise nothing."""
    draw, feedback = random.Random(1), Feedback()
    feedback.scored([score(n, draw.uniform(0.1, 0.2)) for n in range(2_000)])
    hear(feedback, [label(n, False) for n in range(2_000)])
    assert (feedback.score_shifts, feedback.error_shifts) == (0, 0)
    feedback.scored([score(n, draw.uniform(0.6, 0.7)) for n in range(2_000, 3_000)])
    hear(feedback, [label(n, False) for n in range(2_000, 3_000)])
    assert feedback.score_shifts >= 1 and feedback.error_shifts >= 1
