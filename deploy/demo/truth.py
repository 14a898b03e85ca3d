"""Truth: what really was fraud. Kept apart from the stream; only evaluation may read it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec


class Truth(msgspec.Struct, frozen=True):
    """One event that was part of a fraud episode."""

    event_table: str
    event_id: int
    typology: str
    episode: str


def write_truth(path: Path, rows: Iterable[Truth]) -> None:
    """Write rows to a file of their own, one JSON object a line."""
    encode = msgspec.json.encode
    path.write_bytes(b"".join(encode(row) + b"\n" for row in rows))


def read_truth(path: Path) -> list[Truth]:
    """Read such a file. For evaluation only: nothing that scores or trains may call this.

    Raises:
        ValueError: a line is no truth row; names file and line.
    """
    rows = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            rows.append(msgspec.json.decode(line, type=Truth))
        except msgspec.DecodeError as error:
            raise ValueError(f"{path}:{number}: not a truth row: {error}") from error
    return rows
