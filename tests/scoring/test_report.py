"""What is printed: figures with intervals, ours beside the strongest baseline, and where the figures are weak."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from outcomes import DAY_MS, Model, outcome_of

from scoring.core import metrics
from scoring.measured import Measured, Settings, measure
from scoring.report import figures_of, headline, models_of, notes, table

FEW = Settings(a_day=5, rounds=60)


@pytest.fixture(scope="module")
def measured() -> Measured:
    """Rules, trees and a network that is the best of them."""
    return measure(outcome_of(), FEW)


def test_a_figure_is_the_mean_over_seeds_and_lies_in_its_interval(measured: Measured) -> None:
    """As scikit-learn has it, run by run."""
    outcome = measured.outcome
    found = measured.figure("network", "pr_auc")
    assert found.value == pytest.approx(np.mean([metrics.pr_auc(outcome.target, s) for s in outcome.said["network"]]))
    assert all(
        f.low <= f.value <= f.high for m in outcome.said for n in measured.figures for f in [measured.figure(m, n)]
    )


def test_the_wider_of_events_and_days_is_reported() -> None:
    """Fraud on single days, found or missed by the day: drawing days admits far more."""
    outcome = outcome_of({"network": Model(3.0)})
    day = metrics.days_of(outcome.time_ms)
    target = outcome.target & (day % 3 == 0)
    caught = np.where((day % 2 == 0)[None, :], outcome.said["network"], 0.01 * outcome.said["network"])
    found = measure(replace(outcome, target=target, said={"network": caught}), FEW).figure("network", "pr_auc")
    assert found.by == "days"


def test_a_day_that_is_drawn_twice_brings_its_budget() -> None:
    """Every day alike, two hits for three alerts: so is every draw of days."""
    time_ms = np.arange(240) * (DAY_MS // 10)
    target = np.arange(240) % 10 < 2
    outcome = replace(outcome_of({"m": Model(1.0)}, (), 240), time_ms=time_ms, target=target)
    found = measure(replace(outcome, said={"m": np.where(target, 0.9, 0.1)[None, :]}), Settings(a_day=3, rounds=20))
    place = found.figures.index("precision_at_3_a_day")
    assert np.allclose(found.samples["days"]["m"][:, place], 2 / 3)


def test_a_group_the_outcome_names_is_drawn_as_well() -> None:
    """Whatever its numbers are."""
    outcome = replace(outcome_of(events=600), groups={"payers": np.arange(600) // 6 * 7})
    assert list(measure(outcome, FEW).samples) == ["events", "days", "payers"]


def test_a_difference_is_paired(measured: Measured) -> None:
    """A model less itself has no width; less another it is narrower than the two intervals would say."""
    itself = measured.difference("network", "network", "pr_auc")
    assert (itself.low, itself.value, itself.high) == (0.0, 0.0, 0.0)
    assert measured.difference("network", "trees", "pr_auc").above_zero
    assert measured.difference("trees", "network", "pr_auc").below_zero


def test_ours_is_measured_against_the_strongest_of_the_others(measured: Measured) -> None:
    """Not against the rules."""
    assert measured.rival == "trees"
    assert "less that of the trees: +" in table([measured])


def test_every_figure_of_the_json_form_has_an_interval_and_its_beside(measured: Measured) -> None:
    """And the names of the design."""
    rows = figures_of([measured])
    names = {row["name"] for row in rows}
    assert {"pr_auc@later", "recall_at_fpr_0.023@later", "ece@later", "pr_auc_gain_low@later", "pr_auc_gain_high@later",
            "precision_at_5_a_day@later"} <= names  # fmt: skip
    assert all(row["low"] <= row["value"] <= row["high"] and row["by"] in ("events", "days") for row in rows)
    assert all(row["beside"]["name"] == "trees" for row in rows)
    assert {row["better"] for row in rows if row["name"].startswith(("ece", "brier"))} == {"lower"}
    assert models_of([measured])["later"]["rules"]["pr_auc"]["value"] == headline([measured])["rules.pr_auc@later"]


def test_the_table_gives_every_model_its_seeds_its_interval_and_its_cost(measured: Measured) -> None:
    """Numbers to the right."""
    lines = table([measured], ["pr_auc", "ece"]).splitlines()
    assert lines[2] == "| model | seeds | PR-AUC | ECE | ms an event |"
    assert lines[3] == "|---|---:|---:|---:|---:|"
    assert lines[6].startswith("| the network | 5 | 0.")
    assert lines[6].endswith("| 1.5 |")
    assert lines[4].endswith("|  |")


def test_weak_evidence_is_named() -> None:
    """One seed, too few days, no baseline; and a gain that may be none says so."""
    outcome = outcome_of({"network": Model(2.0, 1), "trees": Model(2.0)}, events=600)
    short = replace(outcome, time_ms=outcome.time_ms[0] + np.arange(600) * (2 * DAY_MS // 600))
    said = "\n".join(notes(measure(short, FEW)))
    assert "Fewer than 5 seeds" in said and "the network (1)" in said and "the trees" not in said
    assert "too narrow" in said
    assert "Split: by time." in said
    assert "the interval includes zero" in table([measure(outcome, FEW)])
    assert "No baseline in this table" in table([measure(outcome.of(["network"]), FEW)])


def test_two_of_ours_are_told_apart_in_the_json_form() -> None:
    """By the model behind the test set's name."""
    outcome = outcome_of({"trees": Model(1.0), "a": Model(2.0), "b": Model(3.0)}, ("a", "b"), 600)
    names = {row["name"] for row in figures_of([measure(outcome, FEW)])}
    assert {"pr_auc@later/a", "pr_auc@later/b"} <= names


def test_a_bar_that_was_named_is_compared_with_beside_the_strongest() -> None:
    """Sentences and rows for both; kept with the outcome."""
    result = measure(replace(outcome_of(), bars=("rules",)), FEW)
    assert result.rival != "rules" and result.rivals == (result.rival, "rules")
    assert sum("less that of the rules" in line for line in table([result]).splitlines()) == 2
    names = {figure["name"] for figure in figures_of([result])}
    assert any("_gain_over_rules@" in name for name in names) and any("_gain@" in name for name in names)


def test_the_edge_shuffle_control_is_told_with_its_verdict() -> None:
    """In a sentence under the table, and as figures."""
    said = {"rules": Model(0.5, 1), "network": Model(3.0), "shuffled": Model(0.5)}
    result = measure(replace(outcome_of(said), control=("network", "shuffled", "rules")), FEW)
    assert "Edge-shuffle control" in table([result]) and "a graph gain" in table([result])
    found = {figure["name"]: figure["value"] for figure in figures_of([result])}
    name = f"@{result.outcome.name}"
    gain, left, graph = (found[f"control_pr_auc_{which}{name}"] for which in ("gain", "gain_shuffled", "gain_of_edges"))
    assert gain == pytest.approx(left + graph, abs=1e-4) and graph > 0.1
