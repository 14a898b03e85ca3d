"""Recall by kind of fraud: thresholds over all negatives, the mean over seeds, an interval from the kind's events."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from outcomes import outcome_of

from scoring.core.metrics import caught_at_fpr, recalls_at_fpr
from scoring.kinds import RATES, recall_by_kind
from scoring.measured import Settings, measure
from scoring.outcome import Outcome
from scoring.report import kinds_of, table

FEW = Settings(a_day=5, rounds=80)


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    """Two kinds of fraud: the hidden one scores below everybody."""
    made = outcome_of()
    kinds = np.where(made.target, np.where(np.arange(len(made)) % 3 == 0, "hidden", "loud"), "")
    said = {model: np.where(kinds == "hidden", 0.0, scores) for model, scores in made.said.items()}
    return replace(made, said=said, kinds=kinds)


def test_what_lies_above_a_threshold_is_what_recall_counts() -> None:
    """At every rate, ties included, and where every negative may be let through."""
    generator = np.random.default_rng(0)
    target, score = generator.random(400) < 0.2, np.round(generator.random(400), 2)
    rates = (0.0, 0.001, 0.023, 0.051, 0.5, 1.0)
    caught = caught_at_fpr(target, score, rates)
    assert caught[:, target].mean(axis=1).tolist() == pytest.approx(recalls_at_fpr(target, score, rates))
    assert (caught[:, ~target].mean(axis=1) <= rates).all()


def test_the_kinds_weighted_by_their_events_make_the_whole_recall(outcome: Outcome) -> None:
    """Mean over seeds, one threshold for all kinds; nothing is found of the hidden one."""
    hidden, loud = recall_by_kind(outcome, FEW)
    assert (hidden.kind, loud.kind, hidden.events + loud.events) == ("hidden", "loud", outcome.target.sum())
    for model, scores in outcome.said.items():
        whole = np.mean([recalls_at_fpr(outcome.target, score, RATES) for score in scores], axis=0)
        parts = [found.value * loud.events / outcome.target.sum() for found in loud.recall[model]]
        assert parts == pytest.approx(whole)
        assert [found.value for found in hidden.recall[model]] == [0, 0]


def test_the_interval_holds_the_figure_and_is_wider_for_fewer_events(outcome: Outcome) -> None:
    """And none leaves 0 to 1."""
    few = replace(outcome, kinds=np.where(np.arange(len(outcome)) < 400, outcome.kinds, ""))
    wide, narrow = (recall_by_kind(each, FEW)[-1].recall["trees"][0] for each in (few, outcome))
    assert all(0 <= found.low <= found.value <= found.high <= 1 for found in (wide, narrow))
    assert wide.width > narrow.width > 0


def test_fraud_that_is_found_by_the_day_has_the_interval_of_days(outcome: Outcome) -> None:
    """Episodes are found or missed as a whole: events alone would promise too much."""
    day = outcome.time_ms // 86_400_000
    said = {"network": np.where(outcome.target & (day % 2 == 0), 1.0, 0.5 * outcome.said["network"])}
    loud = recall_by_kind(replace(outcome, said=said), FEW)[-1]
    assert loud.recall["network"][0].by == "days"


def test_an_outcome_without_kinds_has_no_table_of_them() -> None:
    """Nor anything in the JSON."""
    found = measure(outcome_of(events=400), FEW)
    assert recall_by_kind(found.outcome, FEW) == [] and kinds_of([found]) == {}
    assert "kind of fraud" not in table([found])


def test_the_report_shows_each_kind_with_its_events_and_every_model(outcome: Outcome) -> None:
    """In the table and for programs alike."""
    found = measure(outcome, FEW)
    rows = [line for line in table([found], ["pr_auc"]).splitlines() if line.startswith(("| hidden", "| loud"))]
    assert [row.split(" | ")[2] for row in rows] == ["2.3 %", "5.1 %"] * 2
    said = kinds_of([found])["later"]
    assert f"| loud | {said['loud']['events']} |" in rows[2]
    assert set(said["loud"]["models"]) == set(outcome.said)
    assert f"{said['loud']['models']['network']['recall_at_fpr_0.051']['value']:.3f}" in rows[3]
