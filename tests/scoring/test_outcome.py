"""An outcome on the disk, together with another one, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from outcomes import Model, outcome_of

from scoring.outcome import Outcome, OutcomeError, joined, load


def same(first: Outcome, second: Outcome) -> bool:
    """Whether all of it is equal."""
    arrays = all(np.array_equal(getattr(first, name), getattr(second, name)) for name in ("ids", "time_ms", "target"))
    maps = all(
        list(a) == list(b) and all(np.array_equal(a[key], b[key]) for key in a)
        for a, b in ((first.said, second.said), (first.groups, second.groups))
    )
    rest = all(getattr(first, name) == getattr(second, name) for name in ("name", "titles", "cost_ms", "ours", "notes"))
    kinds = (first.kinds is None) is (second.kinds is None) and np.array_equal(first.kinds, second.kinds)
    return arrays and maps and rest and bool(kinds)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    """Every field, and nothing is left of the file it was written to first."""
    outcome = replace(outcome_of(), groups={"payers": np.arange(3_000) // 10})
    outcome.save(tmp_path / "made" / "a.npz")
    assert same(load(tmp_path / "made" / "a.npz"), outcome)
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["a.npz"]


def test_kinds_of_fraud_are_kept_with_it(tmp_path: Path) -> None:
    """A file without any, as all were once, is read as before."""
    plain = outcome_of(events=300)
    for outcome in (plain, replace(plain, kinds=np.where(plain.target, "ring", ""))):
        outcome.save(tmp_path / "a.npz")
        assert same(load(tmp_path / "a.npz"), outcome)


def test_a_file_with_a_pickle_is_not_opened(tmp_path: Path) -> None:
    """Loading runs no code."""
    np.savez(tmp_path / "a.npz", head=np.array([{"format": 1}], object))
    with pytest.raises(OutcomeError, match="evaluate again"):
        load(tmp_path / "a.npz")


def test_a_broken_or_missing_file_is_named_with_the_mend(tmp_path: Path) -> None:
    """Cut short, not an archive, not there."""
    path = tmp_path / "a.npz"
    outcome_of(events=300).save(path)
    for content in (path.read_bytes()[:500], b"x", b""):
        path.write_bytes(content)
        with pytest.raises(OutcomeError, match=r"a\.npz.*evaluate again"):
            load(path)
    with pytest.raises(OutcomeError, match="--keep"):
        load(tmp_path / "none.npz")


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "one class": ({"target": np.zeros(300, bool)}, "one class"),
    "shapes": ({"time_ms": np.zeros(7, np.int64)}, r"time_ms has shape \(7,\), there are 300 ids"),
    "one row": ({"said": {"m": np.full(300, 0.5)}, "ours": ()}, "a row a seed"),
    "no probability": ({"said": {"m": np.full((1, 300), 1.5)}, "ours": ()}, "calibrate it first"),
    "not a number": ({"said": {"m": np.full((1, 300), np.nan)}, "ours": ()}, "calibrate it first"),
    "unknown": ({"ours": ("x",)}, "x is ours but said nothing"),
    "silent": ({"said": {}, "ours": ()}, "no model said anything"),
    "kinds": ({"kinds": np.full(3, "ring")}, r"kinds has shape \(3,\)"),
    "kind of none": ({"kinds": np.full(300, "ring")}, "names a kind of fraud where there was none"),
    "group": ({"groups": {"payers": np.zeros(3, np.int64)}}, r"payers has shape \(3,\)"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_no_figure_can_be_had_of_is_refused(what: str) -> None:
    """With the test set's name and what is wrong."""
    fields, said = BAD[what]
    with pytest.raises(OutcomeError, match=f"test set later: .*{said}"):
        replace(outcome_of(events=300), **fields)


def test_two_outcomes_are_joined_event_by_event() -> None:
    """In whatever order the second has them; a model that said the same stays one, one that did not gets a number."""
    first = outcome_of(events=300)
    order = np.random.default_rng(0).permutation(300)
    again = first.said["network"][:, ::-1].copy()
    second = replace(
        first, ids=first.ids[order], time_ms=first.time_ms[order], target=first.target[order],
        said={"trees": first.said["trees"][:, order], "network": again[:, order]},
    )  # fmt: skip
    both = joined(first, second)
    assert list(both.said) == ["rules", "trees", "network", "network@2"]
    assert np.array_equal(both.said["network@2"], again)
    assert both.ours == ("network", "network@2")
    assert both.titles["network@2"] == "the network (second)"
    assert both.cost_ms["network@2"] == first.cost_ms["network"]


def test_joined_outcomes_know_the_kinds_that_either_knew() -> None:
    """Event by event, in the first one's order."""
    first = outcome_of(events=300)
    kinds = np.where(first.target, np.where(np.arange(300) % 2, "ring", "takeover"), "")
    back = replace(
        first, ids=first.ids[::-1], time_ms=first.time_ms[::-1], target=first.target[::-1], kinds=kinds[::-1],
        said={model: scores[:, ::-1] for model, scores in first.said.items()},
    )  # fmt: skip
    for both in (joined(first, back), joined(replace(first, kinds=kinds), replace(back, kinds=None))):
        assert np.array_equal(both.kinds, kinds)


def test_outcomes_of_other_events_or_another_truth_are_not_joined() -> None:
    """A difference between test sets is no difference between models."""
    first = outcome_of(events=300)
    with pytest.raises(OutcomeError, match="10 events are in one of them only"):
        joined(first, outcome_of(events=310))
    with pytest.raises(OutcomeError, match="the truth differs"):
        joined(first, outcome_of({"network": Model(1.0)}, events=300, seed=1))
