"""Curves: few points, the same area; and bounds of shares."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve, roc_curve

from scoring.core.curves import MOST_MOVED, POINTS, Curve, log_roc, pr_curve, reliability, roc, wilson


@pytest.mark.parametrize(("share", "apart", "digits"), [(0.003, 3, 9), (0.05, 1, 9), (0.02, 0.3, 2), (0.5, 1, 9)])
def test_thinning_keeps_the_area(share: float, apart: float, digits: int) -> None:
    """500 points of 100,000, rare and common, easy and hard, with ties and without."""
    generator = np.random.default_rng(0)
    target = generator.random(100_000) < share
    score = np.round(generator.normal(0, 1, 100_000) + apart * target, digits)
    precision, recall, _ = precision_recall_curve(target, score)
    false_positive, found, _ = roc_curve(target, score)
    for whole, thin in ((Curve(recall[::-1], precision[::-1]), pr_curve(target, score)),
                        (Curve(false_positive, found), roc(target, score))):  # fmt: skip
        assert len(thin.x) <= POINTS
        assert (thin.x[0], thin.x[-1]) == (whole.x[0], whole.x[-1])
        assert abs(thin.area - whole.area) < MOST_MOVED


def test_points_of_a_thinned_curve_are_points_of_the_curve() -> None:
    """Each is a threshold one could choose."""
    generator = np.random.default_rng(1)
    target = generator.random(20_000) < 0.1
    score = generator.normal(0, 1, 20_000) + target
    false_positive, recall, _ = roc_curve(target, score)
    assert set(roc(target, score).points) <= set(zip(false_positive.tolist(), recall.tolist(), strict=True))


def test_a_logarithmic_roc_begins_with_the_recall_at_its_least_rate() -> None:
    """Two hits before the first false alarm of 1,000, on an axis from 1 in 100."""
    score = np.linspace(1, 0, 1_004)
    target = np.zeros(1_004, bool)
    target[[0, 1, 500, 900]] = True
    curve = log_roc(target, score, 0.01)
    assert curve.x[0] == pytest.approx(-2)
    assert curve.y[0] == 0.5
    assert (curve.x[-1], curve.y[-1]) == (0.0, 1.0)


def test_wilsons_bounds_are_the_published_ones() -> None:
    """15 of 148: 0.0624 to 0.1605 (Newcombe 1998, table I, method 3); none of 20 still has an upper bound."""
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_reliability_counts_every_event_once() -> None:
    """Ten bins of 100, each with what was said, what came and bounds around it."""
    generator = np.random.default_rng(0)
    said = generator.random(1_000)
    target = generator.random(1_000) < said
    found = reliability(target, said)
    assert [each.events for each in found] == [100] * 10
    assert sum(each.hits for each in found) == target.sum()
    assert all(each.low <= each.came <= each.high for each in found)
    assert sum(each.low <= each.said <= each.high for each in found) >= 8
