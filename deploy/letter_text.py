"""Dead letters as people read them in a terminal. What a letter holds came from outside: control
characters are written out, so that no record can steer the terminal.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from ingest.deadletter import DeadLetter
from ingest.letterindex import Line

REASON_WIDTH = 90
KEY_WIDTH = 40
HEX_ROW = 16
LATEST_MS = 253_402_300_800_000  # year 10000


def printable(text: str, keep: str = "") -> str:
    """The text with what is invisible or steers a terminal written out as \\uXXXX; `keep` stays."""
    return "".join(c if c in keep or not _unseen(c) else _escaped(c) for c in text)


def _unseen(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def _escaped(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def cut(text: str, width: int) -> str:
    """One line of at most that many characters."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def when(ms: int) -> str:
    """A moment, UTC."""
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M:%S}" if ms < LATEST_MS else f"{ms} ms"


def table(lines: Sequence[Line]) -> Iterator[str]:
    """A row for each: place, when it was refused (UTC), table and key, position, reason."""
    rows = [("place", "refused (UTC)", "table and key", "position", "reason"), *map(_row, lines)]
    widths = [max(len(row[n]) for row in rows) for n in range(4)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:4], widths, strict=True)]
        yield "  ".join([*cells, row[4]]).rstrip()


def _row(line: Line) -> tuple[str, str, str, str, str]:
    key = "-" if line.key is None else printable(line.key[: 4 * KEY_WIDTH].decode(errors="replace"))
    return (
        printable(line.place),
        when(line.refused_ms),
        cut(f"{printable(line.topic.rpartition('.')[2])} {key}", KEY_WIDTH),
        printable(line.position) or "-",
        cut(printable(line.reason), REASON_WIDTH),
    )


def whole(letter: DeadLetter) -> Iterator[str]:
    """Everything a letter holds, its row's values included."""
    yield f"place     {printable(letter.place)}"
    yield f"refused   {when(letter.refused_ms)} UTC"
    yield f"position  {printable(letter.position) or 'not known: the record could not be read that far'}"
    yield f"reason    {printable(letter.reason)}"
    yield f"then      {mend(letter)}"
    for name, value in letter.headers:
        yield f"header    {printable(name)}: {cut(' '.join(payload(value)), 300)}"
    for name, part in (("key", letter.key), ("value", letter.value)):
        yield f"{name:9} {'none' if part is None else f'{len(part):,} bytes'}"
        yield from (f"  {row}" for row in payload(part or b""))


def mend(letter: DeadLetter) -> str:
    """What to do once the cause is mended."""
    place = printable(letter.place)
    return (
        "mend the cause (the connector, the mapping, or the row at the bank), then "
        f"ringwatch deadletter replay '{place}'; to give it up: ringwatch deadletter drop '{place}'"
    )


def payload(part: bytes) -> list[str]:
    """Rows of JSON where it is JSON, unchanged but for its layout; else the bytes in hex with their text."""
    if not part:
        return []
    try:
        text = msgspec.json.format(part, indent=2).decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [_hex_row(part, at) for at in range(0, len(part), HEX_ROW)]
    return printable(text, keep="\n").split("\n")


def _hex_row(part: bytes, at: int) -> str:
    row = part[at : at + HEX_ROW]
    seen = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
    return f"{at:08x}  {row.hex(' '):{3 * HEX_ROW - 1}}  {seen}"


def as_json(lines: Sequence[Line], kinds: Sequence[tuple[str, int]], count: int, unreadable: int) -> bytes:
    """The list as one JSON object; keys of rows as text."""
    told: list[dict[str, Any]] = [
        {
            "place": line.place, "refused_ms": line.refused_ms, "topic": line.topic, "position": line.position,
            "key": None if line.key is None else line.key.decode(errors="replace"), "reason": line.reason,
        }
        for line in lines
    ]  # fmt: skip
    reasons = [{"reason": kind, "count": n} for kind, n in kinds]
    return msgspec.json.encode({"count": count, "letters": told, "reasons": reasons, "unreadable": unreadable})
