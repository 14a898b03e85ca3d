"""Dead letters in a terminal: what came from outside can't steer it, and nothing is lost on the way."""

from __future__ import annotations

import msgspec
import pytest

from deploy.letter_text import as_json, payload, printable, table, when, whole
from ingest.deadletter import DeadLetter
from ingest.letterindex import Line

LINE = Line("bank.bank.transfers", 0, 7, "", "column 'amount' holds 'much'", b'{"id":7}', 1_700_000_000_000)


@pytest.mark.parametrize("bad", ["\x1b[2J", "\x9b2J", "\r", "\x00", "\u202e", "\x7f", "\u2028", "\ud800"])
def test_what_steers_a_terminal_is_written_out(bad: str) -> None:
    """Escape sequences, carriage returns, text that runs backwards."""
    shown = printable(f"a{bad}b")
    assert bad[0] not in shown and shown.startswith("a\\u") and shown.encode()


def test_letters_of_any_language_stay() -> None:
    """So do emoji."""
    assert printable("Zoë 中文 \U0001f600") == "Zoë 中文 \U0001f600"


def test_json_is_laid_out_and_not_changed() -> None:
    """Numbers as they were written: 1e400 and 20 digits are what there is to see."""
    rows = payload(b'{"a":1e400,"b":12345678901234567890123,"c":"\\u001b"}')
    assert rows == ["{", '  "a": 1e400,', '  "b": 12345678901234567890123,', '  "c": "\\u001b"', "}"]


@pytest.mark.parametrize("part", [b"{", b"\xff\xfe", b"[" * 50_000, bytes(range(256))])
def test_what_is_no_json_is_shown_in_hex(part: bytes) -> None:
    """All of it, and it reads back."""
    rows = payload(part)
    assert b"".join(bytes.fromhex(row[10:57]) for row in rows) == part


def test_control_characters_in_json_are_written_out() -> None:
    """JSON lets some through."""
    (row,) = payload('"\x7f\x9b"'.encode())
    assert row == '"\\u007f\\u009b"'


def test_a_list_shows_no_value_and_one_line_each() -> None:
    """Place, time, table and key, position, reason."""
    head, row = table([LINE])
    assert head.split()[0] == "place" and "2023-11-14 22:13:20" in row and 'transfers {"id":7}' in row
    assert "\n" not in row


def test_a_time_no_calendar_holds_is_a_number() -> None:
    """A letter that something else wrote."""
    assert when(2**63 - 1) == f"{2**63 - 1} ms"


def test_a_letter_is_shown_with_everything() -> None:
    """Headers, key, value, and what to do."""
    letter = DeadLetter("t", 0, 7, "", "not JSON", None, b"\xff", 0, (("epoch", b"1"),))
    text = "\n".join(whole(letter))
    for part in ("t[0]@7", "not JSON", "epoch: 1", "deadletter replay 't[0]@7'", "key       none", "ff"):
        assert part in text


def test_the_list_as_json_is_json_whatever_the_key_holds() -> None:
    """A key need not be text."""
    line = msgspec.structs.replace(LINE, key=b"\xff\x00")
    told = msgspec.json.decode(as_json([line], [("x", 1)], 1, 0))
    assert told["count"] == 1 and told["letters"][0]["place"] == "bank.bank.transfers[0]@7"
