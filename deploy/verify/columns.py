"""A column of a source table: how it is selected, and its value as the connector sends it."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graph.mapping_file import TableRule


@dataclass(frozen=True, slots=True)
class Column:
    """`sql` is what is selected; `read` makes of what the driver gives what Debezium's JSON holds.

    `key` says how a key's text compares with the column: as "integer" or "text" with the bare column, by
    its index, or, where that would not be the same, "shown": with `sql`, without an index.
    """

    name: str
    sql: str
    read: Callable[[Any], Any]
    key: str = "shown"
    type: str = ""


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
