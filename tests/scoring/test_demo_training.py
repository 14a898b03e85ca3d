"""The demo bank as a training set: parts in time, thinning, and truth that only evaluation gets."""

from __future__ import annotations

import numpy as np
import pytest

from deploy.demo.settings import BankSettings
from deploy.demo.training import BankData, Plan, demo_schema, simulate, training_data
from graph.model import Caps

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
    assert bank.reported != bank.truth
    assert not hasattr(data, "truth")


def test_truth_names_events_as_the_graph_does(bank: BankData) -> None:
    """Otherwise nothing would be found in the test range."""
    ids = set(np.concatenate([part.ids for part in bank.parts.values()]).tolist())
    assert ids & bank.truth
    assert all(name.startswith("bank901/") and name.count(":") == 2 for name in bank.truth)


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
