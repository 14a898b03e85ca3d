"""`ringwatch deadletter`: what it refuses before it asks Kafka for anything."""

from __future__ import annotations

import sys

import pytest

from deploy import cli
from deploy.commands_deadletter import _make_sure
from ingest.letterbox import LetterError

PLACE = "bank.bank.transfers[0]@7"
REFUSED = [
    (["replay"], "name places, or give --all"),
    (["drop", PLACE, "--all"], "one of both"),
    (["replay", "--topic", "transfers"], "give it too"),
    (["replay", PLACE, "--since", "2h"], "give it too"),
    (["drop", PLACE, "transfers@7"], "'transfers@7' is no place"),
    (["show", "nonsense"], "'nonsense' is no place"),
]


@pytest.mark.parametrize(("arguments", "says"), REFUSED, ids=[" ".join(row[0]) for row in REFUSED])
def test_a_command_that_makes_no_sense_is_refused(
    arguments: list[str], says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one readable line, status 2; no server is needed to find out."""
    monkeypatch.setattr(sys, "argv", ["ringwatch", "deadletter", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr().err
    assert ended.value.code == 2 and says in said and said.startswith("ringwatch: ") and said.count("\n") == 1


@pytest.mark.parametrize(("count", "yes"), [(0, False), (1, False), (2, True), (5_000, True)])
def test_one_letter_needs_no_yes(count: int, yes: bool) -> None:
    """Nor do many with one."""
    _make_sure(count, "sent again", yes)


def test_many_need_a_yes_where_nobody_can_be_asked() -> None:
    """The message says how many."""
    with pytest.raises(LetterError, match="2 records would be sent again; give --yes"):
        _make_sure(2, "sent again", False)
