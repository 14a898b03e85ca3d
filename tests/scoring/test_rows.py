"""Rows that trees read: each begins the next, and shuffled they are another event's but for the event's own row."""

from __future__ import annotations

import numpy as np
import pytest
from flat_payments import write

from graph.model import Caps
from scoring.baseline import means_and_tops
from scoring.flat_set import FlatSet, read_flat
from scoring.inputs import stream
from scoring.rows import NETWORK, Rows, names_of, put_together, rows_of


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> FlatSet:
    """The small bank."""
    folder = tmp_path_factory.mktemp("bank")
    return read_flat(write(folder, 300), folder, pytest.fail)


@pytest.fixture(scope="module")
def rows(data: FlatSet) -> Rows:
    """Of all its events."""
    chunks = stream(data, np.arange(len(data)), Caps((8, 2)))
    return put_together([rows_of(data.schema, features, past) for _, features, past in chunks])


def test_each_baseline_reads_the_beginning_of_the_next(data: FlatSet, rows: Rows) -> None:
    """Row, counts, labels, the neighbourhood; behind them the network."""
    widths = [matrix.shape[1] for matrix in rows.named().values()]
    names = names_of(data.schema)
    assert widths == sorted(widths) and widths[-1] == len(names) - 1 and names[-1] == NETWORK
    assert not any("fraud" in name or "legit" in name for name in names[: widths[1]])
    assert any("fraud" in name for name in names[widths[1] : widths[2]])


def test_shuffled_rows_keep_the_events_own_and_take_all_else_from_another(rows: Rows) -> None:
    """Its past, its neighbourhood, what the network says of it: of one donor, each given once."""
    own, logit = rows.widths[0], np.arange(len(rows.graph), dtype=float)
    plain, shuffled = rows.with_network(logit), rows.shuffled(logit)
    donor = shuffled[:, -1].astype(int)
    assert np.array_equal(shuffled[:, :own], plain[:, :own]) and sorted(donor) == list(range(len(donor)))
    assert np.array_equal(shuffled[:, own:], plain[donor, own:]) and (donor != logit).all()
    assert np.array_equal(rows.kind[donor], rows.kind)


def test_means_and_maxima_of_groups_some_of_them_empty() -> None:
    """Of each group's rows; 0 where there are none, and a maximum is never below 0."""
    rows = np.array([[1, -2], [3, -4], [5, 6]], np.float32)
    means, tops = means_and_tops(rows, np.array([1, 1, 3]), 5)
    assert means.tolist() == [[0, 0], [2, -3], [0, 0], [5, 6], [0, 0]]
    assert tops.tolist() == [[0, 0], [3, 0], [0, 0], [5, 6], [0, 0]]
    nothing = means_and_tops(rows[:0], np.zeros(0, np.int64), 2)
    assert [part.tolist() for part in nothing] == [[[0, 0], [0, 0]]] * 2
