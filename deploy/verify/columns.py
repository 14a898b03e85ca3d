"""A column of a source table: how it is selected, its value as the connector sends it, and keys made of it."""

from __future__ import annotations

import struct
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deploy.verify.connector import CannotVerify
from graph.columns import TEXT_LIMIT, Unreadable
from graph.current import cells
from graph.mapping_file import TableRule

LONGEST = TEXT_LIMIT + 1  # characters or bytes that are read: longer is refused all the same, and a page has 2,000 rows


@dataclass(frozen=True, slots=True)
class Column:
    """`sql` is what is selected; `read` makes of what the driver gives what Debezium's JSON holds."""

    name: str
    sql: str
    read: Callable[[Any], Any]
    type: str = ""
    key: KeyPart | None = None  # None: no such value is an identifier, so no key has this type


def unreadable(name: str, at: str, type: str) -> Column:
    """A column of a type not understood: whether it is NULL is known, else a row that needs it is refused."""
    return Column(name, f"CASE WHEN {at} IS NULL THEN NULL ELSE 1 END", lambda _: Unreadable(type), type)


@dataclass(frozen=True, slots=True)
class KeyPart:
    """How a key is sorted and looked up by its column: `place` is compared with `given`, which takes what `value`
    makes of a cell of the key's text.

    Two cells that differ differ in `place` as well, and rows are sorted as they are compared; where the column itself
    does neither, `place` is an expression, without an index. `value` raises ValueError for what no row's cell can be.
    """

    place: str
    given: str
    value: Callable[[str], object] = str


def key_parts(table: str, keys: Sequence[Column]) -> list[KeyPart]:
    """How a table's key is sorted and looked up.

    Raises:
        CannotVerify: a column of it holds no identifiers.
    """
    found = [each.key for each in keys if each.key is not None]
    if len(found) < len(keys):
        bad = next(each for each in keys if each.key is None)
        raise CannotVerify(
            f"the key column {bad.name!r} of table {table!r} is a {bad.type}, which ingest takes for no identifier: "
            "every row is refused; map another key"
        )
    return found


def values_of(keys: Sequence[KeyPart], key: str) -> list[object] | None:
    """A key's text as values to be compared; None where no row can have it (left from another type or another key)."""
    mine = cells(key)
    if len(mine) != len(keys):
        return None
    try:
        return [part.value(cell) for part, cell in zip(keys, mine, strict=True)]
    except (ValueError, OverflowError):
        return None


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Reads a cell of an integer column: written as we write it, and within the type's bounds."""

    def read(cell: str) -> int:
        value = int(cell)
        if str(value) != cell or not least <= value <= most:
            raise ValueError(cell)
        return value

    return read


def binary(cell: str) -> bytes:
    """Bytes, which the connector sends as base64."""
    return b64decode(cell, validate=True)


def named(rule: TableRule) -> frozenset[str]:
    """Every text in a table's rule: the columns it names are among them, whatever fields the format has."""
    return frozenset(_texts(rule.model_dump()))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


def float32(value: float) -> float:
    """The shortest decimal that reads back as this 32-bit number, as JSON writers print it."""
    for digits in range(6, 10):
        short = float(f"{value:.{digits}g}")
        if struct.pack("f", short) == struct.pack("f", value):
            return short
    return value
