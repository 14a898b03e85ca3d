"""Metrics on cases small enough to check by hand."""

from __future__ import annotations

import numpy as np
import pytest

from scoring.core import metrics

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
    figures = metrics.summary(none, np.full(4, 0.1), metrics.Budget(2, np.zeros(4, np.int64)))
    assert (figures["pr_auc"], figures["roc_auc"], figures["recall_at_fpr_0.01"]) == (0.0, 0.5, 0.0)


def test_precision_a_day_takes_the_highest_of_each_day() -> None:
    """Two days, one alert each: a hit on the first; on the second the higher of its two is none."""
    target = np.array([1, 0, 1, 0], bool)
    score = np.array([0.3, 0.2, 0.8, 0.9])
    day = np.array([0, 0, 1, 1])
    assert metrics.precision_a_day(target, score, day, 1) == pytest.approx(0.5)
    assert metrics.precision_at(target, score, 2) == pytest.approx(0.5)
    assert metrics.precision_a_day(target, score, np.zeros(4, np.int64), 1) == 0.0


def test_precision_a_day_is_the_mean_over_every_order_of_ties() -> None:
    """Three tie for one place, one of them a hit: a third; and a short day spends what it has."""
    target = np.array([0, 1, 0, 1], bool)
    score = np.array([0.5, 0.5, 0.5, 0.1])
    day = np.array([0, 0, 0, 1])
    assert metrics.precision_a_day(target, score, day, 1) == pytest.approx((1 / 3 + 1) / 2)
    assert metrics.precision_a_day(target, score, day, 9) == pytest.approx(2 / 4)


def test_days_are_utc_and_by_event_time() -> None:
    """A millisecond before midnight is another day; days without events have no number."""
    midnight_ms = 20_000 * metrics.DAY_MS
    assert metrics.days_of(np.array([midnight_ms, midnight_ms - 1, midnight_ms + 3 * metrics.DAY_MS])).tolist() == [
        1,
        0,
        2,
    ]


def test_bins_of_equal_mass_see_what_bins_of_equal_width_average_away() -> None:
    """All below 10 %: half said 0.01 and half 0.09, and both came at 0.05; in one bin that is no gap."""
    said = np.repeat([0.01, 0.09], 1_000)
    target = np.tile(np.arange(20) == 0, 100)
    assert metrics.expected_calibration_error(target, said) == pytest.approx(0.0, abs=1e-9)
    assert metrics.ece_mass(target, said) == pytest.approx(0.04)


def test_equal_probabilities_share_a_bin() -> None:
    """Or the order of the events would decide the error."""
    assert len(set(metrics.mass_bins(np.full(100, 0.2)).tolist())) == 1
    assert np.bincount(metrics.mass_bins(np.linspace(0, 1, 100))).tolist() == [10] * 10
