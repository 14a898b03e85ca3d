"""The subsample of an ablation, and what variants read of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from flat_payments import MAPPING, write

from graph.model import Caps
from scoring.ablation_inputs import Sample, capped, sample
from scoring.ablation_variants import Reads
from scoring.baseline import row_columns
from scoring.flat_set import read_flat
from scoring.split import Part

CAPS = Caps((8, 2))


def drawn(folder: Path, most: int = 10_000, mapping: str = MAPPING) -> Sample:
    """Of the small bank."""
    return sample(read_flat(write(folder, mapping=mapping), folder, pytest.fail), most, CAPS)


def part(events: int = 1_000) -> tuple[Part, list[str]]:
    """A part of which every tenth event is fraud, and its ids."""
    target = np.arange(events) % 10 == 0
    return Part(np.arange(events), target, np.ones(events)), [f"payments:{n}:payment" for n in range(events)]


def test_a_capped_part_keeps_the_share_of_fraud_and_stands_for_the_whole() -> None:
    """By weight."""
    whole, ids = part()
    few = capped(whole, ids, 200)
    assert len(few) == 200 and few.target.sum() == 20
    assert few.weight[few.target].sum() == pytest.approx(100) and few.weight.sum() == pytest.approx(1_000)
    assert (np.diff(few.index) > 0).all()


def test_which_events_are_kept_hangs_on_their_ids_alone() -> None:
    """Others that come or go before them change nothing of it, nor does a larger cap take one away."""
    whole, ids = part()
    few, more = (set(capped(whole, ids, most).index) for most in (200, 400))
    back = Part(whole.index[::-1], whole.target[::-1], whole.weight)
    assert set(capped(back, ids[::-1], 200).index) == few
    assert few < more


def test_every_part_is_capped_and_the_notes_tell(tmp_path: Path) -> None:
    """A fifth calibrates, twice as many are tested, each of them counting once."""
    found = drawn(tmp_path, 150)
    assert len(found.cut.train) <= 150 and len(found.cut.calibrate) <= 30 and len(found.cut.test) == 300
    assert (found.cut.test.weight == 1).all()
    assert "66.7%" in found.notes["Subsample"]
    assert [len(each.prepared) for each in found.slices] == [len(each.part) for each in found.slices]


def test_without_labels_nothing_of_them_is_read(tmp_path: Path) -> None:
    """Calling every fraud legit and the other way round changes no feature; with labels it does."""
    turned = MAPPING.replace('fraud = "1", legit = "0"', 'fraud = "0", legit = "1"')
    own, other = (drawn(tmp_path, mapping=mapping).test.prepared for mapping in (MAPPING, turned))
    assert not np.array_equal(own.edges, other.edges)
    own, other = (drawn(tmp_path, mapping=text).read_as(Reads(labels=False))[2] for text in (MAPPING, turned))
    assert all(np.array_equal(getattr(own, name), getattr(other, name)) for name in ("nodes", "edges", "event"))


def test_without_labels_all_else_stands(tmp_path: Path) -> None:
    """And the base's arrays are left as they were."""
    found = drawn(tmp_path)
    schema, before = found.data.schema, found.test.prepared.edges.copy()
    blank = found.read_as(Reads(labels=False))[2]
    changed = [name for at, name in enumerate(schema.edges) if not np.array_equal(blank.edges[:, at], before[:, at])]
    assert changed == ["fraud", "legit"]
    assert np.array_equal(found.test.prepared.edges, before)


def test_without_the_past_only_the_event_s_own_features_are_left(tmp_path: Path) -> None:
    """The neighbourhood stands."""
    found = drawn(tmp_path)
    short = found.read_as(Reads(past=False))[0]
    width = len(found.data.schema.event)
    assert short.event.shape == (len(found.cut.train), width) and found.train.prepared.event.shape[1] > width
    assert short.edges is found.train.prepared.edges


def test_topology_is_that_of_each_subgraph(tmp_path: Path) -> None:
    """Of each part; without it there is none."""
    found = drawn(tmp_path, 150)
    made = found.read_as(Reads(topology=True))
    assert [len(each.whole) for each in made if each.whole is not None] == [len(each.part) for each in found.slices]
    pieces = made[2].whole
    assert pieces is not None and (pieces[:, 0] >= 1).all() and found.test.prepared.whole is None


def test_shuffling_leaves_each_event_its_row_and_takes_its_neighbourhood_and_past(tmp_path: Path) -> None:
    """Both are another's now, each given once."""
    found = drawn(tmp_path, 150)
    own, other = found.test.prepared, found.read_as(Reads(shuffled=True))[2]
    row, width = row_columns(found.data.schema), len(found.data.schema.event)
    assert np.array_equal(own.event[:, row], other.event[:, row])
    mine, theirs = own.event[:, width:], other.event[:, width:]
    assert (mine != theirs).any(axis=1).mean() > 0.9
    assert np.array_equal(np.sort(mine, axis=0), np.sort(theirs, axis=0))
    assert not np.array_equal(np.diff(own.columns.edges_of), np.diff(other.columns.edges_of))
