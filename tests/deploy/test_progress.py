"""What a long training shows."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from deploy import progress
from deploy.progress import Shown


def shown(terminal: bool, plain: bool = False) -> str:
    """What is written of a line that stays, and of two moments."""
    written = io.StringIO()
    console = Console(file=written, force_terminal=terminal, width=100)
    with Shown(plain, console) as showing:
        showing.at("[reading] a", 0.0)
        showing.say("20 events [all]")
        showing.at("seed 1 of 2", 0.5)
    return written.getvalue()


def test_a_terminal_gets_a_bar_with_what_runs_now() -> None:
    """Below the lines that stay; names are not read as markup."""
    said = shown(terminal=True)
    assert "20 events [all]" in said and "seed 1 of 2" in said and "━" in said and "\x1b[" in said


@pytest.mark.parametrize(("terminal", "plain"), [(False, False), (True, True)])
def test_elsewhere_there_are_plain_lines_and_not_too_many(terminal: bool, plain: bool) -> None:
    """What runs now is told once in five seconds; a bar is never drawn beside JSON."""
    assert shown(terminal, plain).splitlines() == ["[reading] a", "20 events [all]"]


def test_after_five_seconds_what_runs_now_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here after none."""
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)
    assert shown(terminal=False).splitlines()[-1] == "seed 1 of 2"
