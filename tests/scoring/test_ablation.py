"""An ablation: what ships, and on what evidence."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from outcomes import Model, outcome_of

from scoring.ablation import Ablation, Technique, ablate, figures_of, table
from scoring.measured import Settings
from scoring.outcome import Outcome, OutcomeError

FEW = Settings(a_day=5, rounds=80)
TECHNIQUES = (
    Technique("good", "a good one"),
    Technique("idle", "an idle one"),
    Technique("bad", "a bad one"),
    Technique("kept", "one the base has", without=True),
    Technique("late", "one there was no time for"),
)


def variant(apart: float, cost_ms: float = 1.5) -> Outcome:
    """A network of this strength, on the events of all the others."""
    return outcome_of({"network": Model(apart, cost_ms=cost_ms)})


@pytest.fixture(scope="module")
def ablation() -> Ablation:
    """A base between trees and a better network."""
    variants = {"good": variant(4.0, 2.0), "idle": variant(3.0), "bad": variant(2.0), "kept": variant(2.0)}
    return ablate(outcome_of(), variants, TECHNIQUES, FEW)


def test_a_technique_is_on_only_where_its_interval_is_above_zero(ablation: Ablation) -> None:
    """Better, the same, worse; and one that the base would be worse without."""
    verdicts = {row.technique.name: row.verdict for row in ablation.rows}
    assert verdicts == {"good": "on", "idle": "off: interval includes zero", "bad": "off: worse", "kept": "on"}


def test_a_difference_is_on_less_off_whichever_of_the_two_was_run(ablation: Ablation) -> None:
    """The base without it is the off side."""
    rows = {row.technique.name: row for row in ablation.rows}
    assert rows["kept"].pr_auc_on > rows["kept"].pr_auc_off
    assert rows["kept"].pr_auc.value == pytest.approx(rows["kept"].pr_auc_on - rows["kept"].pr_auc_off)
    assert rows["good"].cost_ms == pytest.approx(0.5)
    assert rows["idle"].pr_auc.low < 0 == rows["idle"].pr_auc.value < rows["idle"].pr_auc.high


def test_the_table_says_what_it_rests_on(ablation: Ablation) -> None:
    """The verdict, the rule, the chance of a false one, the baseline, and what was not run."""
    said = table(ablation)
    assert "| a good one | " in said and said.count("off: interval includes zero") == 1
    for part in ("includes zero is off by default", "0.1 would be on by chance", "the trees, PR-AUC 0.",
                 "Not run for want of time: one there was no time for."):  # fmt: skip
        assert part in said


def test_the_json_form_gives_differences_with_interval_verdict_and_cost(ablation: Ablation) -> None:
    """A technique on, beside off."""
    rows = {row["name"]: row for row in json.loads(json.dumps(figures_of(ablation)))}
    gain = rows["pr_auc_gain@later/good"]
    assert gain["low"] <= gain["value"] <= gain["high"] and gain["verdict"] == "on"
    assert gain["beside"]["name"] == "good=off"
    assert rows["cost_ms@later/good"]["value"] == pytest.approx(0.5)


def test_few_seeds_and_a_missing_baseline_or_cost_are_named() -> None:
    """One seed, no trees, no cost."""
    base = outcome_of({"network": Model(2.0, 1)})
    said = table(ablate(base, {"good": outcome_of({"network": Model(3.0, 1)})}, TECHNIQUES[:1], FEW))
    assert "Fewer than 5 seeds" in said and "No baseline" in said and "not measured" in said


def test_an_outcome_with_no_or_two_models_of_ours_is_refused() -> None:
    """Which of them is the variant?"""
    with pytest.raises(OutcomeError, match="0 models are ours"):
        ablate(outcome_of(), {"good": replace(variant(4.0), ours=())}, TECHNIQUES[:1], FEW)
