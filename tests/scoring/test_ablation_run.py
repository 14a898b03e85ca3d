"""Variants, trained and tested on one sample, from one ledger."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_ablation_inputs import CAPS, drawn

from scoring.ablation_ledger import Ledger, Limits
from scoring.ablation_run import MODEL, TITLES, AblationSettings, Bench, run_all
from scoring.ablation_variants import BASE, NAMES, SHUFFLED, VARIANTS, Variant
from scoring.baseline import BoostSettings
from scoring.core.metrics import pr_auc
from scoring.core.tuning import Search
from scoring.outcome import Outcome
from scoring.telling import Told

pytestmark = pytest.mark.usefixtures("one_thread")
SHORT = Search(steps=6, rounds=2)
BY_NAME = {variant.name: variant for variant in VARIANTS}
FEW = (BY_NAME["past"], BY_NAME["focal"])


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Two seeds of short trainings."""
    settings = AblationSettings((0, 1), 300, CAPS, epochs=2, boost=BoostSettings(rounds=20), search=SHORT, costed=5)
    return Bench(drawn(tmp_path_factory.mktemp("bank"), 300), settings)


@pytest.fixture(scope="module")
def base(bench: Bench) -> Outcome:
    """What the base says."""
    return bench.make(BASE)


def test_the_base_stands_beside_boosted_trees_of_the_same_events(bench: Bench, base: Outcome) -> None:
    """One model is ours; it knows its cost; events of one payer belong together."""
    assert set(base.said) == {MODEL, *TITLES} and base.ours == (MODEL,)
    assert all(scores.shape == (2, len(bench.sample.cut.test)) for scores in base.said.values())
    assert base.cost_ms[MODEL] > 0 and set(base.groups) == {"payers"}


def test_a_variant_speaks_of_the_base_s_events_the_same_each_time(bench: Bench, base: Outcome) -> None:
    """Alone; and differently with another seed."""
    first, second = (bench.make(BY_NAME["ports"]) for _ in range(2))
    assert list(first.said) == [MODEL] and np.array_equal(first.said[MODEL], second.said[MODEL])
    assert np.array_equal(first.ids, base.ids)
    assert not np.array_equal(*first.said[MODEL])


@pytest.mark.parametrize("variant", [SHUFFLED, *VARIANTS], ids=["shuffled", *NAMES])
def test_every_variant_is_something_else_than_the_base(bench: Bench, base: Outcome, variant: Variant) -> None:
    """It trains, and says something else."""
    one = Bench(bench.sample, replace(bench.settings, seeds=(0,)))
    assert not np.array_equal(one.make(variant).said[MODEL], base.said[MODEL][:1])


def test_without_labels_the_taken_over_terminals_are_not_found(tmp_path: Path) -> None:
    """Nor on another's neighbourhood: what is fraud can be known from neither."""
    settings = AblationSettings((0,), 1_000, CAPS, epochs=4, boost=BoostSettings(rounds=20), costed=5)
    made = Bench(drawn(tmp_path, 1_000), settings)
    base, *others = (made.make(variant) for variant in (BASE, BY_NAME["labels"], SHUFFLED))
    figures = [pr_auc(each.target, each.said[MODEL][0]) for each in (base, *others)]
    assert figures[0] > max(figures[1:]) + 0.05


def test_one_teacher_a_seed_teaches_both_ways(bench: Bench) -> None:
    """It is trained once, and what it says of the test is told."""
    bench.teachers.clear()
    first = bench.make(BY_NAME["distil_schedule"])
    said = dict(bench.teachers)
    bench.make(BY_NAME["distil_entropy"])
    assert set(said) == {0, 1} and all(bench.teachers[seed] is said[seed] for seed in said)
    assert "64 hidden; PR-AUC 0." in first.notes["Teacher"]


def test_an_interrupted_run_goes_on_where_it_was(bench: Bench, tmp_path: Path) -> None:
    """Ctrl-C while the third is trained: the next run, in another process, makes the third and what follows."""
    path, made = tmp_path / "ledger.jsonl", list[str]()

    def interrupted(text: str, _: float) -> None:
        if text.startswith(FEW[0].title):
            raise KeyboardInterrupt

    stopped = Bench(bench.sample, bench.settings, Told(at=interrupted))
    with pytest.raises(KeyboardInterrupt):
        run_all(stopped, FEW, Ledger(path, "r"))
    assert set(Ledger(path, "r").finished) == {BASE.name, SHUFFLED.name}
    later, again = Ledger(path, "r"), Bench(bench.sample, bench.settings, Told(say=made.append))
    assert run_all(again, FEW, later) == []
    assert [line.partition(":")[0] for line in made] == [variant.title for variant in FEW]
    assert set(later.finished) == {BASE.name, SHUFFLED.name, "past", "focal"}


def test_what_does_not_fit_the_time_is_left_out(bench: Bench, tmp_path: Path) -> None:
    """The base is made in any case."""
    ledger = Ledger(tmp_path / "ledger.jsonl", "r")
    assert run_all(bench, FEW, ledger, Limits(0.0)) == [SHUFFLED.name, "past", "focal"]
    assert set(ledger.finished) == {BASE.name}


def test_a_variant_is_given_up_when_the_time_is_up(bench: Bench, tmp_path: Path) -> None:
    """It takes longer than the one before it: what is finished stands."""
    now_s = 0.0

    def later(text: str, _: float) -> None:
        nonlocal now_s
        now_s += 30.0 if text.startswith(SHUFFLED.title) else 0.0

    ledger = Ledger(tmp_path / "ledger.jsonl", "r")
    slow = Bench(bench.sample, bench.settings, Told(at=later))
    assert run_all(slow, FEW, ledger, Limits(50.0, lambda: now_s)) == [SHUFFLED.name, "past", "focal"]
    assert set(ledger.finished) == {BASE.name} and now_s == 60.0


def test_progress_tells_which_share_of_the_variants_is_finished(bench: Bench, tmp_path: Path) -> None:
    """From nought on, and never back."""
    shares = list[float]()
    told = Bench(bench.sample, bench.settings, Told(at=lambda _, done: shares.append(done)))
    run_all(told, FEW[:1], Ledger(tmp_path / "ledger.jsonl", "r"))
    assert shares == sorted(shares) and set(shares) == {0.0, 1 / 3, 2 / 3}
