"""An ablation that was interrupted goes on where it was, and one that runs out of time says what it left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from outcomes import Model, outcome_of

from scoring.ablation_ledger import Ledger, Limits, run
from scoring.outcome import Outcome, OutcomeError


@pytest.fixture
def made() -> tuple[list[str], Callable[[str], Outcome]]:
    """Makes small outcomes and remembers for which variants."""
    asked: list[str] = []

    def make(variant: str) -> Outcome:
        asked.append(variant)
        return outcome_of({"network": Model(1.0 + len(asked))}, events=300)

    return asked, make


def test_what_is_finished_is_not_run_again(tmp_path: Path, made: tuple[list[str], Callable[[str], Outcome]]) -> None:
    """In another process: only the file is shared."""
    asked, make = made
    path = tmp_path / "ledger.jsonl"
    assert run(["base", "a"], make, Ledger(path, "1")) == []
    again = Ledger(path, "1")
    assert run(["base", "a", "b / c"], make, again) == []
    assert asked == ["base", "a", "b / c"]
    assert (again.outcome("base").said["network"] != again.outcome("b / c").said["network"]).any()


def test_a_broken_last_line_is_passed_over_and_its_variant_run_again(
    tmp_path: Path, made: tuple[list[str], Callable[[str], Outcome]]
) -> None:
    """The run was killed while it wrote; the line behind it is whole."""
    asked, make = made
    path = tmp_path / "ledger.jsonl"
    run(["base", "a"], make, Ledger(path, "1"))
    path.write_bytes(path.read_bytes()[:-20])
    assert set(Ledger(path, "1").finished) == {"base"}
    run(["base", "a"], make, Ledger(path, "1"))
    assert asked == ["base", "a", "a"]
    assert set(Ledger(path, "1").finished) == {"base", "a"}


def test_variants_of_another_recipe_and_without_their_file_count_as_not_run(
    tmp_path: Path, made: tuple[list[str], Callable[[str], Outcome]]
) -> None:
    """Other data or settings, or somebody removed the .npz."""
    _, make = made
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(path, "1")
    run(["base", "a"], make, ledger)
    assert Ledger(path, "2").finished == {}
    (tmp_path / ledger.finished["a"].file).unlink()
    assert set(Ledger(path, "1").finished) == {"base"}
    with pytest.raises(OutcomeError, match="'a' is not finished"):
        Ledger(path, "1").outcome("a")


def test_two_recipes_keep_their_outcomes_apart(
    tmp_path: Path, made: tuple[list[str], Callable[[str], Outcome]]
) -> None:
    """One ledger file, the same variant."""
    _, make = made
    first, second = (Ledger(tmp_path / "ledger.jsonl", recipe) for recipe in ("1", "2"))
    run(["base"], make, first)
    run(["base"], make, second)
    assert (first.outcome("base").said["network"] != second.outcome("base").said["network"]).any()


def test_a_plan_stops_before_its_time_is_up_and_says_what_it_left_out(
    tmp_path: Path, made: tuple[list[str], Callable[[str], Outcome]]
) -> None:
    """100 s each, 250 s in all: two fit, a third would end at 300."""
    asked, make = made
    now_s = 0.0

    def slow(variant: str) -> Outcome:
        nonlocal now_s
        now_s += 100
        return make(variant)

    ledger = Ledger(tmp_path / "ledger.jsonl", "1")
    assert run(["base", "a", "b", "c"], slow, ledger, Limits(250, lambda: now_s)) == ["b", "c"]
    assert asked == ["base", "a"]
    assert run(["base", "a", "b", "c"], slow, ledger, Limits(None, lambda: now_s)) == []
