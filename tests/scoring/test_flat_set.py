"""Flat files as a set to train and test on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from flat_payments import MAPPING, write

from graph.flat import Refused
from scoring.flat_set import FlatSetError, read_flat

DAY_MS = 86_400_000


def test_every_row_is_an_event_with_its_truth(tmp_path: Path) -> None:
    """In the order of time, each known, labels two days later."""
    data = read_flat(write(tmp_path), tmp_path, pytest.fail)
    assert len(data) == 1_500 and data.known.all() and (np.diff(data.time_ms) >= 0).all()
    said = [line.endswith(",1") for line in (tmp_path / "payments.csv").read_text().split()[1:]]
    assert data.fraud.tolist() == said and data.delay_ms == 2 * DAY_MS


def test_what_stands_reported_waits_for_its_delay(tmp_path: Path) -> None:
    """A label of yesterday is not known today."""
    data = read_flat(write(tmp_path), tmp_path, pytest.fail)
    by_ms = int(data.time_ms[1_000])
    known = data.time_ms + 2 * DAY_MS <= by_ms
    assert np.array_equal(data.fraud_by(by_ms), data.fraud & known)


def test_a_row_that_does_not_fit_is_told_and_stops_nothing(tmp_path: Path) -> None:
    """With its place."""
    mapping, refused = write(tmp_path), list[Refused]()
    path = tmp_path / "payments.csv"
    path.write_text(path.read_text() + "9999,yesterday,1,1,5,web,0\n")
    assert len(read_flat(mapping, tmp_path, refused.append)) == 1_500
    assert [row.place.rpartition(":")[2] for row in refused] == ["1502"]


def test_an_event_nobody_labelled_is_no_evidence(tmp_path: Path) -> None:
    """Where the files say of some that they are not fraud, silence says nothing."""
    mapping = write(tmp_path, mapping=MAPPING.replace('legit = "0"', 'legit = "0", unknown = "2"'))
    path = tmp_path / "payments.csv"
    lines = path.read_text().split()
    path.write_text("\n".join([*lines[:100], *(line[:-1] + "2" for line in lines[100:200]), *lines[200:]]) + "\n")
    assert np.flatnonzero(~read_flat(mapping, tmp_path, pytest.fail).known).tolist() == list(range(99, 199))


def test_only_early_events_say_which_words_are_features(tmp_path: Path) -> None:
    """A kind that is common later only is not known when training begins."""
    mapping = write(tmp_path)
    path = tmp_path / "payments.csv"
    lines = path.read_text().split()
    path.write_text("\n".join([*lines[:800], *(line.replace(",web,", ",later,") for line in lines[800:])]) + "\n")
    assert read_flat(mapping, tmp_path, pytest.fail).schema.words == (("PAID", "kind", "web"),)


@pytest.mark.parametrize(("old", "new", "said"), [
    ("event = true", "event = false", "event = true"),
    ('fraud = "1"', 'fraud = "7"', "labelled as fraud"),
])  # fmt: skip
def test_a_set_without_anything_to_learn_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    """With the mend."""
    text = MAPPING.replace(old, new)
    if "event = false" in text:
        text = text.partition("[[tables.payments.labels]]")[0]
    with pytest.raises(FlatSetError, match=said):
        read_flat(write(tmp_path, 50, text), tmp_path, lambda _: None)
