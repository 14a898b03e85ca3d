"""Metrics and calibration on cases small enough to check by hand."""

from __future__ import annotations

import numpy as np
import pytest

from scoring.core import metrics
from scoring.core.calibration import Calibration, CalibrationError, calibrate

TARGET = np.array([1, 0, 1, 0, 0], bool)
SCORE = np.array([0.9, 0.8, 0.7, 0.2, 0.1])


def test_pr_auc_is_the_mean_precision_at_each_hit() -> None:
    """Hits at ranks 1 and 3: (1/1 + 2/3) / 2."""
    assert metrics.pr_auc(TARGET, SCORE) == pytest.approx((1 + 2 / 3) / 2)


def test_roc_auc_counts_the_pairs_in_order() -> None:
    """5 of the 6 pairs of a hit and a miss are in order."""
    assert metrics.roc_auc(TARGET, SCORE) == pytest.approx(5 / 6)


@pytest.mark.parametrize(("rate", "recall"), [(0.0, 0.5), (0.3, 0.5), (0.34, 1.0), (1.0, 1.0)])
def test_recall_at_a_false_positive_rate_never_exceeds_the_rate(rate: float, recall: float) -> None:
    """The second hit costs one of three misses."""
    assert metrics.recall_at_fpr(TARGET, SCORE, rate) == recall


@pytest.mark.parametrize(("budget", "precision"), [(1, 1.0), (2, 0.5), (3, 2 / 3), (99, 0.4), (0, 0.0)])
def test_precision_at_a_budget_counts_the_hits_among_the_highest(budget: int, precision: float) -> None:
    """A budget above the number of events is all of them."""
    assert metrics.precision_at(TARGET, SCORE, budget) == pytest.approx(precision)


def test_precision_at_a_budget_does_not_depend_on_the_order_of_ties() -> None:
    """Four equal scores, one hit among them, two places."""
    assert metrics.precision_at(np.array([1, 0, 0, 0], bool), np.ones(4), 2) == pytest.approx(0.25)


def test_ece_is_the_gap_between_said_and_came() -> None:
    """0.85 said twice and one hit of two: 0.35 of the two; the rest is right."""
    said = np.array([0.85, 0.85, 0.0, 0.0])
    assert metrics.expected_calibration_error(np.array([1, 0, 0, 0], bool), said) == pytest.approx(0.35 / 2)


def test_brier_is_the_mean_square() -> None:
    """(0.5² + 0.5²) / 2."""
    assert metrics.brier(np.array([1, 0], bool), np.array([0.5, 0.5])) == pytest.approx(0.25)


def test_one_class_only_gives_figures_not_errors() -> None:
    """A slice without fraud still reports."""
    none = np.zeros(4, bool)
    figures = metrics.summary(none, np.full(4, 0.1), 2)
    assert (figures["pr_auc"], figures["roc_auc"], figures["recall_at_fpr_0.01"]) == (0.0, 0.5, 0.0)


def test_the_bootstrap_of_equal_rankings_is_nought_and_of_a_better_one_above() -> None:
    """Paired: the same resamples for both."""
    generator = np.random.default_rng(0)
    target = generator.random(2_000) < 0.1
    good, bad = target + generator.normal(0, 0.5, 2_000), generator.normal(0, 1, 2_000)
    same = metrics.paired_bootstrap(target, good, good, rounds=50)
    assert (same.low, same.value, same.high) == (0.0, 0.0, 0.0)
    assert metrics.paired_bootstrap(target, good, bad, rounds=50).low > 0


def test_the_mean_interval_is_students() -> None:
    """1, 2, 3: spread 1, t(2) = 4.303, half 4.303 / √3."""
    interval = metrics.mean_interval([1.0, 2.0, 3.0])
    assert interval.value == 2.0
    assert interval.high - interval.value == pytest.approx(4.3027 / 3**0.5, abs=1e-3)


def test_calibration_finds_the_temperature_and_bias_that_were_put_in() -> None:
    """Logits twice too large and shifted by one."""
    generator = np.random.default_rng(0)
    true = generator.normal(-1, 2, 200_000)
    target = generator.random(200_000) < 1 / (1 + np.exp(-true))
    found = calibrate(2 * true + 1, target)
    assert found.slope == pytest.approx(0.5, abs=0.02)
    assert found.bias == pytest.approx(-0.5, abs=0.05)
    assert metrics.expected_calibration_error(target, found.probability(2 * true + 1)) < 0.01


def test_weights_stand_for_events_that_were_thinned_out() -> None:
    """A quarter of the negatives with weight 4 calibrates as all of them."""
    generator = np.random.default_rng(1)
    logit = generator.normal(-2, 1.5, 100_000)
    target = generator.random(100_000) < 1 / (1 + np.exp(-logit))
    kept = target | (generator.random(100_000) < 0.25)
    found = calibrate(logit[kept], target[kept], np.where(target[kept], 1.0, 4.0))
    assert found.bias == pytest.approx(0.0, abs=0.1)


def test_calibration_refuses_one_class_and_a_ranking_the_wrong_way_round() -> None:
    """With what to do about it."""
    with pytest.raises(CalibrationError, match="one class"):
        calibrate([0.1, 0.2], [0, 0])
    with pytest.raises(CalibrationError, match="wrong way round"):
        calibrate([3.0, 2.0, 1.0, 0.0], [0, 0, 1, 1])


def test_a_calibrated_probability_maps_back_to_its_logit() -> None:
    """Thresholds are given as probabilities."""
    calibration = Calibration(0.5, -1.0)
    assert calibration.logit(float(calibration.probability(3.0))) == pytest.approx(3.0)
