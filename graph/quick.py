"""A rule's columns bound once, and nearly every cell read at once.

What is usual (a whole number, plain text, an amount as databases write it) is read here; everything else goes to
`graph.columns`, `graph.cells` and `graph.times`, which define what a cell means and say what is wrong with it. A
property test holds the two equal (`tests/graph/test_graph_quick.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from graph.cells import constant_free, id_text, key_of
from graph.columns import CENTURY_MS, ID_LIMIT, INT64, PLAIN_NUMBER, TEXT_LIMIT, TEXTS, column, typed
from graph.mapping_rules import NodeRef, Property, TimeColumn
from graph.model import Attributes, Scalar, node_key
from graph.times import moment_ms
from ingest.events import Row

T = TypeVar("T")
Read = Callable[[Row], T]


def key_reader(names: Sequence[str]) -> Read[str]:
    """The key's cells as one text: see `cells.key_of`, which also says what it raises."""
    if len(names) != 1:
        return lambda row: key_of(names, row)
    name = names[0]

    def read(row: Row) -> str:
        value = row.get(name)
        return str(value) if type(value) is int and -INT64 <= value < INT64 else key_of(names, row)

    return read


def end_reader(ref: NodeRef) -> Read[str | None]:
    """The name (`Label:id`) of the node at an edge's end, hashed ones excepted; None where the row has none.

    Raises (when read) what `cells.id_text` raises.
    """
    name, prefix = constant_free(ref.id), f"{ref.label}:"

    def read(row: Row) -> str | None:
        value = None if name is None else row.get(name)
        if type(value) is int and -INT64 <= value < INT64:
            return f"{prefix}{value}"
        if type(value) is str and 0 < len(value) <= ID_LIMIT:
            return prefix + value
        id = id_text(ref.id, row)
        return None if id is None else node_key(ref.label, id)

    return read


def moment_reader(time: TimeColumn) -> Read[int]:
    """When it happened, ms since 1970 UTC: see `times.moment_ms`, which also says what it raises."""
    name = time.column
    if name is None or time.unit != "ms" or time.zone is not None or time.format is not None:
        return lambda row: moment_ms(time, row)

    def read(row: Row) -> int:
        value = row.get(name)
        return value if type(value) is int and -CENTURY_MS <= value <= CENTURY_MS else moment_ms(time, row)

    return read


def attributes_reader(wanted: Mapping[str, Property]) -> Read[Attributes]:
    """What the row gives; a NULL gives nothing, as in a graph database.

    Raises (when read) what `columns.column` and `columns.typed` raise.
    """
    fields = [(name, p.column, _cell(p)) for name, p in wanted.items()]

    def read(row: Row) -> Attributes:
        given: Attributes = {}
        for name, source, cell in fields:
            value = row.get(source)
            if value is None:
                column(row, source)  # NULL, or missing
            elif (scalar := cell(value)) is not None:
                given[name] = scalar
        return given

    return read


def _cell(p: Property) -> Callable[[Any], Scalar]:
    """How one property's cell is read. The cell is in the row, and not NULL."""

    def rest(value: Any) -> Scalar:
        return typed(column({p.column: value}, p.column), p.type, p.scale, p.column)

    def text(value: Any) -> Scalar:
        return value if type(value) is str and len(value) <= TEXT_LIMIT else rest(value)

    def amount(value: Any) -> Scalar:
        if type(value) is str and (plain := PLAIN_NUMBER(value)) and len(fraction := plain[2] or "") <= p.scale:
            return int(plain[1] + fraction.ljust(p.scale, "0"))
        return rest(value)

    def integer(value: Any) -> Scalar:
        return value if type(value) is int and -INT64 <= value < INT64 else rest(value)

    usual = {"decimal": amount, "integer": integer}
    return text if p.type in TEXTS else usual.get(p.type, rest)
