"""A split by time with delayed labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from flat_payments import write

from scoring.flat_set import FlatSet, FlatSetError, read_flat
from scoring.split import SplitSettings, split

DAY_MS = 86_400_000


@pytest.fixture
def data(tmp_path: Path) -> FlatSet:
    """The small bank."""
    return read_flat(write(tmp_path), tmp_path, pytest.fail)


def test_each_part_lies_behind_the_one_before(data: FlatSet) -> None:
    """And the gap before the test."""
    cut = split(data, SplitSettings())
    ends = [(int(data.time_ms[p.index].min()), int(data.time_ms[p.index].max()))
            for p in (cut.train, cut.calibrate, cut.test)]  # fmt: skip
    assert ends[0][1] < ends[1][0] and ends[1][1] < ends[2][0] - cut.gap_ms and cut.gap_ms == 2 * DAY_MS
    assert ends[2][0] == cut.cut_ms


def test_the_test_is_whole_and_tells_the_truth(data: FlatSet) -> None:
    """Each event counts once, whatever was reported."""
    cut = split(data, SplitSettings(test=0.4, most=100))
    assert np.array_equal(cut.test.index, np.arange(900, 1_500)) and (cut.test.weight == 1).all()
    assert np.array_equal(cut.test.target, data.fraud[900:])


def test_training_knows_what_was_reported_when_the_test_begins(data: FlatSet) -> None:
    """Without a gap the latest labels are missing, so their events are left out, not taken for honest."""
    cut = split(data, SplitSettings(gap_ms=0))
    latest = int(max(data.time_ms[cut.calibrate.index]))
    assert latest + 2 * DAY_MS <= cut.cut_ms
    assert np.array_equal(cut.train.target, data.fraud[cut.train.index])


def test_thinning_keeps_every_fraud_and_the_weight_of_the_rest(data: FlatSet) -> None:
    """So that probabilities stay what they are."""
    whole, thin = split(data, SplitSettings()), split(data, SplitSettings(most=400))
    assert thin.train.target.sum() == whole.train.target.sum() and len(thin.train) < len(whole.train)
    assert abs(thin.train.weight.sum() / len(whole.train) - 1) < 0.1


def test_a_part_without_fraud_is_refused(data: FlatSet) -> None:
    """With the numbers."""
    data.book._versions.clear()
    with pytest.raises(FlatSetError, match="no label is known"):
        split(data, SplitSettings(gap_ms=0))
