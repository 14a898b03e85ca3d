"""The policy, alone."""

from __future__ import annotations

import pytest
from alertdata import event, pos, score

from alerts.errors import BadSettings
from alerts.policy import Action, Known, Policy, State

POLICY = Policy(threshold=0.8)


def known(state: State | None, offset: int = 100, revision: int = 1) -> Known:
    return Known(pos(offset), revision, state)


@pytest.mark.parametrize(("probability", "action"), [(0.8, Action.RAISE), (0.7999, Action.IGNORE)])
def test_an_event_is_an_alert_from_the_threshold_on(probability: float, action: Action) -> None:
    assert POLICY.step(score(probability), None).action is action


def test_a_provisional_score_may_raise() -> None:
    step = POLICY.step(score(0.9, provisional=True), None)
    assert step.action is Action.RAISE and "provisional score 0.900" in step.reason


@pytest.mark.parametrize("state", list(State))
def test_the_same_score_again_is_ignored(state: State) -> None:
    assert POLICY.step(score(0.99), known(state)).action is Action.IGNORE


def test_a_higher_revision_of_an_older_position_is_ignored() -> None:
    assert POLICY.step(score(0.99, revision=9), known(State.OPEN, offset=101)).action is Action.IGNORE


def test_a_final_score_below_the_threshold_withdraws() -> None:
    step = POLICY.step(score(0.3, revision=2), known(State.OPEN))
    assert step.action is Action.WITHDRAW and "below the threshold 0.800" in step.reason


def test_a_deleted_row_withdraws_whatever_the_probability() -> None:
    gone = score(0.99, of=event(offset=200, kind="withdrawn"))
    assert POLICY.step(gone, known(State.OPEN)).action is Action.WITHDRAW


@pytest.mark.parametrize("state", [State.CONFIRMED, State.DISMISSED])
def test_a_decision_stands_when_the_score_falls(state: State) -> None:
    assert POLICY.step(score(0.1, revision=2), known(state)).action is Action.UPDATE


def test_a_withdrawn_alert_reopens_when_a_newer_score_is_above() -> None:
    assert POLICY.step(score(0.9, revision=2), known(State.WITHDRAWN)).action is Action.REOPEN


def test_a_low_correction_without_an_alert_is_remembered() -> None:
    assert POLICY.step(score(0.1, revision=2), None).action is Action.REMEMBER


def test_a_final_score_of_the_same_revision_counts_above_a_provisional_one() -> None:
    """A scorer that was killed behind the provisional one makes it once more, final; never the other way round."""
    before = Known(pos(100), 1, State.OPEN, provisional=True)
    assert POLICY.step(score(0.2), before).action is Action.WITHDRAW
    assert POLICY.step(score(0.9, provisional=True), known(State.OPEN)).action is Action.IGNORE


@pytest.mark.parametrize("threshold", [0.0, 1.1, -0.1, float("nan")])
def test_a_threshold_that_is_no_probability_is_refused(threshold: float) -> None:
    with pytest.raises(BadSettings, match="no probability"):
        Policy(threshold)


def test_without_a_threshold_the_model_s_own_counts() -> None:
    """A model that is promoted brings its own along; one that is set wins."""
    asked = score(probability=0.5, threshold=0.4)
    assert Policy().step(asked, None).action is Action.RAISE
    assert Policy(0.6).step(asked, None).action is Action.IGNORE


def test_a_rule_can_ask_for_an_alert_whatever_the_model_says() -> None:
    """And the reason names it."""
    step = POLICY.step(score(probability=0.01, alert_by="mule"), None)
    assert step.action is Action.RAISE and "'mule'" in step.reason
