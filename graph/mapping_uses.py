"""Which columns a table's rules read, where in the mapping each is named, and what it is read as."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from graph.mapping_rules import (
    DelayColumn,
    LabelRule,
    NodeRef,
    Property,
    TableRule,
    TimeColumn,
    columns_in,
)
from graph.toml_lines import Loc

Reads = Literal["identity", "contact", "property", "time", "truth", "words"]


class Use(msgspec.Struct, frozen=True):
    """One column a rule reads. `rule` says how, for properties and times. `loc` is below the table's.

    `nullable`: a row whose cell is NULL is used all the same.
    """

    loc: Loc
    column: str
    reads: Reads
    rule: Property | TimeColumn | None = None
    nullable: bool = False


def uses(table: TableRule) -> Iterator[Use]:
    """Every column the table's rules read; a column read twice comes twice."""
    for i, name in enumerate(table.key):
        yield Use(("key", i), name, "identity")
    for i, node in enumerate(table.nodes):
        yield from _named(("nodes", i, "id"), node.id)
        yield from _properties(("nodes", i, "properties"), node.properties)
    for i, edge in enumerate(table.edges):
        at: Loc = ("edges", i)
        yield from _end((*at, "source"), edge.source)
        yield from _end((*at, "target"), edge.target)
        yield from _time((*at, "time"), edge.time)
        yield from _properties((*at, "attributes"), edge.attributes)
        for name in edge.when:
            yield Use((*at, "when", name), name, "words")
    for i, label in enumerate(table.labels):
        yield from _label(("labels", i), label)
    if table.file is not None and table.file.time is not None:
        yield from _time(("file", "time"), table.file.time)


def _named(loc: Loc, template: str, reads: Reads = "identity") -> Iterator[Use]:
    for name in columns_in(template):
        yield Use(loc, name, reads)


def _end(loc: Loc, ref: NodeRef) -> Iterator[Use]:
    yield from _named((*loc, "id"), ref.id, "contact" if ref.hash or ref.hash_column else "identity")
    if ref.hash_column is not None:
        yield Use((*loc, "hash_column"), ref.hash_column, "words")


def _time(loc: Loc, time: TimeColumn, nullable: bool = False) -> Iterator[Use]:
    if time.column is not None:
        yield Use(loc, time.column, "time", time, nullable)


def _properties(loc: Loc, properties: dict[str, Property]) -> Iterator[Use]:
    for name, rule in properties.items():
        yield Use((*loc, name), rule.column, "property", rule)


def _label(loc: Loc, label: LabelRule) -> Iterator[Use]:
    if label.fraud.column is not None:
        yield Use((*loc, "fraud"), label.fraud.column, "words" if label.fraud.worded else "truth")
    if label.reported is not None:
        yield from _time((*loc, "reported"), label.reported, nullable=label.of is not None)
    if isinstance(label.delay, DelayColumn):
        number = Property(column=label.delay.column, type="number")
        yield Use((*loc, "delay"), label.delay.column, "property", number)
    if label.event is not None:
        for name in label.event.key:
            yield Use((*loc, "event", "key"), name, "identity")
        if label.event.table_column is not None:
            yield Use((*loc, "event", "table_column"), label.event.table_column, "words")
