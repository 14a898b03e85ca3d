"""What a database's tables, or flat files, are known to have: what a mapping is checked against and drafted from."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["integer", "decimal", "number", "text", "bool", "time", "virtual", "other"]


class KnownColumn(msgspec.Struct, frozen=True):
    """A column as its rows give it to ingest.

    Attributes:
        kind: what its values are; `virtual` is computed and not in the log's rows, `other` nothing a rule reads.
        declared: its type in the bank's words ("datetime(6)"), or how it looks in a file.
        unit: of a time, a mapping's unit; for text in a file strptime's format, where it holds a %.
        scale: decimal places of a decimal.
        nullable: whether it may be NULL.
        words: a few values that were seen (flat files), sorted.
    """

    kind: Kind
    declared: str
    unit: str = ""
    scale: int = 0
    nullable: bool = False
    words: tuple[str, ...] = ()


class ForeignKey(msgspec.Struct, frozen=True):
    """One column that names a row of another table."""

    column: str
    table: str
    references: str


class KnownTable(msgspec.Struct, frozen=True):
    """A table: its columns in order, its primary key, its foreign keys of one column.

    `logged_whole` is False where the log lacks the row before (Postgres without REPLICA IDENTITY FULL).
    `file` is the mapping's `file` that reads it, for flat files.
    """

    columns: dict[str, KnownColumn]
    key: tuple[str, ...] = ()
    foreign: tuple[ForeignKey, ...] = ()
    logged_whole: bool = True
    file: dict[str, str] = {}


Tables = dict[str, KnownTable]
