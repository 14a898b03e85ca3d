"""The fast bootstrap says what scikit-learn says of the same resample, ties and all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score, roc_curve

from scoring.core import metrics
from scoring.core.bootstrap import Counts, Plan, draws, resampled
from scoring.core.interval import Interval, interval, widest
from scoring.core.metrics import Budget, Flags, Floats, Ints

RATES = metrics.FALSE_POSITIVE_RATES
NAMES = metrics.names(3)


def case(seed: int, values: int, events: int = 400) -> tuple[Flags, Floats, Ints]:
    """Target [B], score [B] of so many different values, day [B] of six."""
    generator = np.random.default_rng(seed)
    target = generator.random(events) < 0.1
    score = np.clip(np.round((4 * generator.random(events) + target) / 5 * values) / values, 0, 1)
    return target, score, np.sort(generator.integers(0, 6, events))


def repeated(count: Counts) -> Ints:
    """The resample itself: each event as often as it was drawn."""
    return np.repeat(np.arange(len(count)), count)


def sorted_as_in_resampled(score: Floats, plan: Plan, budget: Budget) -> Iterator[tuple[Ints, Counts]]:
    """The order the draws apply to, and the draws."""
    near = np.argsort(-score)
    for count, _ in draws(len(score), Budget(budget.a_day, budget.day[near]), plan):
        yield near, count


@pytest.mark.parametrize("values", [3, 20, 10_000])
def test_every_figure_is_scikit_learns_with_the_draws_as_weights(values: int) -> None:
    """Three different scores among 400 events, 20, and hardly any tie."""
    target, score, day = case(values, values)
    budget, plan = Budget(3, day), Plan(rounds=20)
    found = resampled(target, {"m": score[None, :]}, budget, plan)["m"]
    for row, (near, count) in zip(found, sorted_as_in_resampled(score, plan, budget), strict=True):
        t, s = target[near], score[near]
        said = dict(zip(NAMES, row.tolist(), strict=True))
        assert said["pr_auc"] == pytest.approx(average_precision_score(t, s, sample_weight=count))
        assert said["roc_auc"] == pytest.approx(roc_auc_score(t, s, sample_weight=count))
        false, true, _ = roc_curve(t, s, sample_weight=count, drop_intermediate=False)
        for rate in RATES:
            assert said[f"recall_at_fpr_{rate:g}"] == pytest.approx(true[false <= rate].max())
        assert said["brier"] == pytest.approx(brier_score_loss(t, s, sample_weight=count))
        drawn = repeated(count)
        assert said["ece"] == pytest.approx(metrics.expected_calibration_error(t[drawn], s[drawn]))
        at_budget = metrics.precision_a_day(t[drawn], s[drawn], day[near][drawn], 3)
        assert said["precision_at_3_a_day"] == pytest.approx(at_budget)


def test_a_day_drawn_twice_has_its_budget_twice() -> None:
    """Whole days as units: the same alerts, each as often as its day."""
    target, score, day = case(1, 10_000)
    budget, plan = Budget(3, day), Plan(rounds=20, unit=day, by_day=True)
    found = resampled(target, {"m": score[None, :]}, budget, plan)["m"][:, NAMES.index("precision_at_3_a_day")]
    alone = np.array([metrics.precision_a_day(target[day == d], score[day == d], day[day == d], 3) for d in range(6)])
    near = np.argsort(-score)
    moved = Plan(rounds=20, unit=day[near], by_day=True)
    for value, (count, _) in zip(found, draws(len(score), Budget(3, day[near]), moved), strict=True):
        times = np.array([count[day[near] == d][0] for d in range(6)])
        assert value == pytest.approx((alone * times).sum() / times.sum())


def test_units_are_drawn_whole() -> None:
    """Every event of an account is drawn as often as the account."""
    unit = np.array([0, 0, 1, 2, 2, 2])
    for count, places in draws(6, Budget(5, np.zeros(6, np.int64)), Plan(rounds=30, unit=unit)):
        assert all(len(set(count[unit == number].tolist())) == 1 for number in range(3))
        assert places.tolist() == [5]


def test_draws_that_lie_together_make_the_interval_wider() -> None:
    """Rings of ten events that are all caught or all missed count for one each, not for ten."""
    generator = np.random.default_rng(0)
    unit = np.repeat(np.arange(300), 10)
    target = np.repeat(generator.random(300) < 0.2, 10)
    score = np.repeat(np.clip(generator.normal(0.3, 0.1, 300) + 0.15 * target[::10], 0, 1), 10)[None, :]
    budget = Budget(3, np.zeros(3_000, np.int64))
    by_event, by_ring = (
        resampled(target, {"m": score}, budget, Plan(200, unit=drawn))["m"][:, 0].std() for drawn in (None, unit)
    )
    assert by_ring > 2 * by_event


def test_models_are_taken_on_the_same_resamples() -> None:
    """So a model less itself is nought in every one, and a better one is above in nearly all."""
    target, score, day = case(2, 10_000)
    worse = np.random.default_rng(9).random(len(score))
    found = resampled(target, {"a": score[None], "b": score[None], "c": worse[None]}, Budget(3, day), Plan(50))
    assert (found["a"] == found["b"]).all()
    assert ((found["a"] - found["c"])[:, 0] > 0).mean() > 0.9


def test_seeds_are_drawn_too() -> None:
    """Five that differ spread as the mean of five does; one and the same five times hardly at all."""
    generator = np.random.default_rng(4)
    target = np.tile([True, False], 20_000)
    runs = np.stack([np.clip(target * 0.05 * seed + generator.random(40_000), 0, 1) for seed in range(5)])
    same = np.repeat(runs[2:3], 5, axis=0)
    budget = Budget(3, np.zeros(40_000, np.int64))
    found = resampled(target, {"seeds": runs, "same": same}, budget, Plan(400))
    each = [metrics.roc_auc(target, run) for run in runs]
    place = NAMES.index("roc_auc")
    assert found["same"][:, place].std() < 0.1 * found["seeds"][:, place].std()
    assert found["seeds"][:, place].std() == pytest.approx(np.std(each, ddof=1) / np.sqrt(5), rel=0.15)


def test_a_resample_without_a_hit_says_nothing_and_is_left_out() -> None:
    """Two hits in 200 events, drawn by halves: a quarter of the draws has none."""
    target = np.zeros(200, bool)
    target[:2] = True
    score = np.linspace(1, 0, 200)[None, :]
    unit = np.repeat([0, 1], 100)
    found = resampled(target, {"m": score}, Budget(3, np.zeros(200, np.int64)), Plan(100, unit=unit))["m"][:, 0]
    assert 10 < np.isnan(found).sum() < 40
    assert interval(1.0, found) == Interval(1.0, 1.0, 1.0)


def test_an_interval_holds_the_middle_of_its_resamples() -> None:
    """2.5 and 97.5 % of 0 to 1,000; recentred it stands around the figure, never below nought."""
    samples = np.arange(1_001.0)
    assert interval(500.0, samples, "days") == Interval(500.0, 25.0, 975.0, "days")
    assert interval(600.0, samples, recentre=True) == Interval(600.0, 125.0, 1_075.0)
    assert interval(100.0, samples, recentre=True).low == 0.0


def test_the_widest_interval_is_reported() -> None:
    """With what was drawn for it."""
    assert widest([Interval(0, -1, 1, "events"), Interval(0, -2, 1, "days")]).by == "days"
