"""One opinion of several models."""

from __future__ import annotations

import numpy as np
import pytest

from scoring.blend import SHARES, Blend, blended
from scoring.core.metrics import pr_auc

DRAWN = np.random.default_rng(5)
TARGET = DRAWN.random(2_000) < 0.1
WEIGHT = np.ones(2_000)
SIGNAL = np.where(TARGET, 1.0, -1.0)
FIRST, SECOND, THIRD = (SIGNAL + DRAWN.normal(scale=1.5, size=2_000) for _ in range(3))


def test_models_that_err_apart_are_better_together() -> None:
    """Than the best of them."""
    found = blended(FIRST, SECOND, THIRD, TARGET, WEIGHT).logit(FIRST, SECOND, THIRD)
    assert pr_auc(TARGET, found) > max(pr_auc(TARGET, each) for each in (FIRST, SECOND, THIRD)) + 0.05


def test_how_loud_a_model_is_does_not_matter() -> None:
    """A logit that is a hundred times as large has the same say."""
    quiet = blended(FIRST, SECOND, THIRD, TARGET, WEIGHT)
    loud = blended(FIRST * 100, SECOND, THIRD / 100, TARGET, WEIGHT)
    assert loud.logit(FIRST * 100, SECOND, THIRD / 100) == pytest.approx(quiet.logit(FIRST, SECOND, THIRD), rel=1e-3)


def test_shares_are_a_whole() -> None:
    """Of the same logit three times the blend is its log-odds."""
    same = blended(FIRST, FIRST, FIRST, TARGET, WEIGHT)
    assert sum(SHARES) == 1 and same.network / (same.network + same.baseline + same.trees) == pytest.approx(SHARES[0])


@pytest.mark.parametrize("weights", [(-0.1, 0.6, 0.5), (0.0, 0.0, 0.0)])
def test_a_blend_that_turns_a_member_round_or_has_none_is_refused(weights: tuple[float, float, float]) -> None:
    """By name."""
    with pytest.raises(ValueError, match="train again"):
        Blend(*weights)


def test_what_the_network_adds_is_told_against_its_middle() -> None:
    """The mean over the slice, each event by what it stands for."""
    heavy = np.where(TARGET, 1.0, 9.0)
    assert blended(FIRST, SECOND, THIRD, TARGET, heavy).middle == pytest.approx(np.average(FIRST, weights=heavy))
