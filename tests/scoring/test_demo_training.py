"""The demo bank as a training set: parts in time, thinning, and truth that only evaluation gets."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from outcomes import Model, outcome_of

from deploy.demo.settings import BankSettings
from deploy.demo.training import BankData, Plan, demo_schema, holdout, report, simulate, training_data, write_results
from deploy.demo.typologies import typologies
from graph.model import Caps
from scoring.measured import Measured, Settings, measure

PLAN = Plan(train_seeds=(901,), later=1, unseen_seed=902, users=300, warm=2, train=5, calibrate=3, gap=2, test=2)


@pytest.fixture(scope="module")
def bank() -> BankData:
    """A tiny bank, twelve days and a bit."""
    return simulate(901, PLAN, ["train", "calibrate", "test"], Caps((4, 2)))


def test_every_part_keeps_to_its_range_of_time(bank: BankData) -> None:
    """And the gap is empty."""
    cuts = PLAN.cuts()
    for name, part in bank.parts.items():
        assert len(part) > 0
        assert len(cuts.index(part.time_ms, name)) == len(part)


def test_only_training_is_thinned_and_by_weight_nothing_is_lost(bank: BankData) -> None:
    """Kept negatives stand for those left out; the test range is whole."""
    assert set(bank.parts["test"].weight.tolist()) == {1.0}
    train = bank.parts["train"]
    assert set(train.weight.tolist()) <= {1.0, float(PLAN.one_in)}
    per_day = len(bank.parts["test"]) / PLAN.test
    assert train.weight.sum() / PLAN.train == pytest.approx(per_day, rel=0.35)


def test_models_see_reports_and_never_the_truth(bank: BankData) -> None:
    """The two differ: reports are late, some never come, a few are wrong."""
    data = training_data(PLAN, Caps((4, 2)), {901: bank})
    assert data.reported == bank.reported
    assert bank.reported != set(bank.truth)
    assert not hasattr(data, "truth")


def test_truth_names_events_as_the_graph_does(bank: BankData) -> None:
    """Otherwise nothing would be found in the test range."""
    ids = set(np.concatenate([part.ids for part in bank.parts.values()]).tolist())
    assert ids & set(bank.truth)
    assert all(name.startswith("bank901/") and name.count(":") == 2 for name in bank.truth)


def test_the_truth_says_of_what_typology_each_event_was(bank: BankData) -> None:
    """And the test set takes it along, for the recall by kind."""
    assert set(bank.truth.values()) <= set(typologies())
    test = holdout("later", [bank])
    assert test.kinds == bank.truth and set(test.truth) == set(bank.truth)


@pytest.fixture(scope="module")
def measured() -> Measured:
    """A made-up outcome of the demo bank's models, with two typologies."""
    models = {"rules": Model(0.5, 1), "hybrid": Model(3.0)}
    made = outcome_of(models, ("hybrid",))
    kinds = np.where(made.target, np.where(np.arange(len(made)) % 2, "bust_out", "mule_ring"), "")
    return measure(replace(made, kinds=kinds), Settings(a_day=10, rounds=50))


def test_the_json_form_holds_the_bar_and_the_recall_by_typology(measured: Measured) -> None:
    """The network's recall at 2.3 % false positives, at least .89, beside the rules' at 5.1 %."""
    said = report([measured], PLAN, "made up")
    (bar,) = [row for row in said["figures"] if row["bar"] is not None]
    assert bar["value"] == said["models"]["later"]["hybrid"]["recall_at_fpr_0.023"]["value"]
    assert bar["beside"]["value"] == said["models"]["later"]["rules"]["recall_at_fpr_0.051"]["value"]
    assert (bar["bar"], bar["ok"]) == (0.89, bar["value"] >= 0.89)
    assert set(said["kinds"]["later"]) == {"bust_out", "mule_ring"}


def test_the_results_page_has_the_bar_and_a_row_for_each_typology(measured: Measured, tmp_path: Path) -> None:
    """Beside the JSON of the same."""
    write_results(tmp_path, [measured], PLAN, "made up")
    page = (tmp_path / "demo-bank.md").read_text()
    assert "aim 0.89" in page and "| bust_out | " in page and "| mule_ring | " in page
    assert json.loads((tmp_path / "demo-bank.json").read_text())["kinds"]["later"]["bust_out"]["events"] > 0


def test_the_same_seed_gives_the_same_set(bank: BankData) -> None:
    """Byte for byte, features included."""
    again = simulate(901, PLAN, ["train", "calibrate", "test"], Caps((4, 2)))
    for name, part in bank.parts.items():
        for field in type(part.columns).__slots__:
            assert np.array_equal(getattr(part.columns, field), getattr(again.parts[name].columns, field)), field
        assert np.array_equal(part.ids, again.parts[name].ids)


def test_the_demo_runs_a_bank_no_model_was_trained_on() -> None:
    """Seed 7 is the demo's."""
    plan = Plan()
    assert BankSettings().seed not in (*plan.train_seeds, plan.unseen_seed)
    assert plan.unseen_seed not in plan.train_seeds


def test_the_demo_schema_covers_the_mapping() -> None:
    """Five relations, five labels, amount as a number, channel and field as words."""
    schema = demo_schema()
    assert [relation.name for relation in schema.relations] == ["CONNECT", "LOGIN", "MODIFY", "OWNS", "TRANSFER"]
    assert schema.relations[-1].numeric == ("amount",)
    assert set(schema.labels) == {"User", "Account", "Device", "IP", "Contact"}
