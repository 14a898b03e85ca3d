"""How far what comes is from what a model was made on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.online.drift import LARGE, LEAST, SMALL, Recent
from scoring.reference import Bins, Reference

DRAW = np.random.default_rng(0)


def rows(count: int, shift: float = 0.0) -> np.ndarray:
    """Two columns: one that shifts, one that stays."""
    return np.stack([DRAW.normal(shift, 1, count), DRAW.normal(0, 1, count)], axis=1).astype(np.float32)


def odds(count: int, shift: float = 0.0) -> np.ndarray:
    return 1 / (1 + np.exp(-DRAW.normal(shift - 3, 1, count)))


def test_the_same_distribution_has_hardly_moved() -> None:
    assert Bins.of(DRAW.normal(0, 1, 5_000)).psi(DRAW.normal(0, 1, 5_000)) < 0.02


def test_a_shift_by_a_whole_deviation_is_large() -> None:
    """The figure of the formula: normal(1, 1) against normal(0, 1) has a divergence of 1, ten bins nearly see it."""
    assert Bins.of(DRAW.normal(0, 1, 50_000)).psi(DRAW.normal(1, 1, 50_000)) == pytest.approx(1.0, abs=0.15)


@given(st.lists(st.sampled_from([0.0, 1.0, float("nan"), float("inf"), -2.5]), max_size=50))
def test_any_column_has_bins_whose_shares_add_up(values: list[float]) -> None:
    """Constant ones, empty ones, such with NaN."""
    column = np.array(values)
    bins = Bins.of(column)
    assert len(bins.shares) == len(bins.edges) + 2
    assert sum(bins.shares) == pytest.approx(1.0 if values else 0.0)
    assert bins.psi(column) == pytest.approx(0.0, abs=1e-9)


def test_nan_that_was_not_there_before_is_a_shift() -> None:
    values = DRAW.normal(0, 1, 1_000)
    half = np.where(np.arange(1_000) % 2, values, np.nan)
    assert Bins.of(values).psi(half) > LARGE


def test_a_value_stands_for_as_many_as_it_weighs() -> None:
    values, weight = np.array([0.0] * 10 + [1.0] * 10), np.array([9.0] * 10 + [1.0] * 10)
    assert Bins.of(values, weight).psi(np.array([0.0] * 90 + [1.0] * 10)) == pytest.approx(0.0, abs=1e-9)


def test_the_column_that_moved_is_named_first() -> None:
    reference = Reference.of(["moved", "stays"], rows(4_096), odds(4_096))
    recent = Recent(2_048)
    recent.add(rows(2_048, shift=2.0), odds(2_048, shift=1.0))
    found = recent.shift(["moved", "stays"], reference)
    assert found is not None and found.worst[0][0] == "moved" and found.columns["stays"] < SMALL
    assert found.score > LARGE


def test_only_the_newest_count() -> None:
    reference = Reference.of(["moved", "stays"], rows(4_096), odds(4_096))
    recent = Recent(1_024)
    recent.add(rows(1_024, shift=3.0), odds(1_024))
    for _ in range(8):
        recent.add(rows(128), odds(128))
    found = recent.shift(["moved", "stays"], reference)
    assert found is not None and found.columns["moved"] < SMALL


def test_of_few_events_nothing_is_said() -> None:
    reference, recent = Reference.of(["a", "b"], rows(1_000), odds(1_000)), Recent()
    recent.add(rows(LEAST - 1), odds(LEAST - 1))
    assert recent.shift(["a", "b"], reference) is None and recent.reference(["a", "b"]) is None
