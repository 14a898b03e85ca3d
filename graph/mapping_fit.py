"""Whether a mapping fits a database's tables: a pure comparison, each finding at its field."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

import msgspec

from graph.known_tables import KnownColumn, KnownTable, Tables
from graph.mapping_rules import MappingFile, Property, TableRule, TimeColumn
from graph.mapping_uses import Use, uses
from graph.toml_lines import Loc

READ_BY: dict[str, tuple[str, ...]] = {
    "integer": ("integer", "bool"),
    "decimal": ("integer", "decimal", "number"),
    "number": ("integer", "decimal", "number"),
    "bool": ("bool", "integer"),
    "text": ("integer", "decimal", "number", "text", "bool", "time"),
    "category": ("integer", "decimal", "number", "text", "bool", "time"),
}
WHOLE = ("ms", "us", "s", "days", "order", "yymmdd")  # units that whole numbers may have
WRITTEN = ("iso", "yymmdd")  # units that text may have


class Finding(msgspec.Struct, frozen=True):
    """What does not fit, where; a hint stops nothing."""

    loc: Loc
    said: str
    hint: bool = False


def findings(mapping: MappingFile, known: Tables) -> list[Finding]:
    """Everything about the mapping that the tables contradict, and what they have besides."""
    found = [f for name, rule in mapping.tables.items() for f in _table(name, rule, known)]
    left = sorted(known.keys() - mapping.tables.keys() - set(mapping.ignore))
    if left:
        said = f"has {', '.join(left)}, neither mapped nor ignored: their rows would be dead-lettered"
        found.append(Finding(("ignore",), said, hint=True))
    gone = [(i, name) for i, name in enumerate(mapping.ignore) if name not in known]
    return [*found, *(Finding(("ignore", i), f"names {name!r}, which is no table", hint=True) for i, name in gone)]


def _table(name: str, rule: TableRule, known: Tables) -> Iterator[Finding]:
    at: Loc = ("tables", name)
    table = known.get(name)
    if table is None:
        yield Finding(at, f"is no table of the database{_meant(name, known)}; mend the name, or leave it out")
        return
    yield from _keys(at, rule, table)
    if not table.logged_whole:
        yield Finding(at, f"is logged without the row before: ALTER TABLE {name} REPLICA IDENTITY FULL")
    for use in uses(rule):
        column = table.columns.get(use.column)
        place = (*at, *use.loc)
        if column is None:
            yield Finding(
                place, f"names column {use.column!r}, which the table lacks{_meant(use.column, table.columns)}"
            )
        elif column.kind == "virtual":
            yield Finding(place, f"names {use.column!r}, which is computed and not in the log's rows; make it STORED")
        else:
            yield from _use(place, use, column)


def _meant(name: str, known: dict[str, KnownColumn] | Tables) -> str:
    near = get_close_matches(name, known, 1)
    return f"; is {near[0]!r} meant?" if near else f" (it has {', '.join(known)})" if len(known) < 30 else ""


def _keys(at: Loc, rule: TableRule, table: KnownTable) -> Iterator[Finding]:
    here: Loc = (*at, "key")
    if not rule.key:
        yield Finding(here, f"is missing; the database's rows have the key {list(table.key)}")
    elif not table.key:
        said = "but the table has no primary key: give it one, or set the connector's message.key.columns"
        yield Finding(here, f"is {rule.key}, {said}", hint=True)
    elif sorted(rule.key) != sorted(table.key):
        yield Finding(here, f"is {rule.key}, but the primary key is {list(table.key)}; name that")


def _use(place: Loc, use: Use, column: KnownColumn) -> Iterator[Finding]:
    match use.rule:
        case Property() as rule:
            yield from _property(place, rule, column)
        case TimeColumn() as time:
            yield from _time(place, time, column, use.nullable)
        case None:
            yield from _bare(place, use, column)


def _property(place: Loc, rule: Property, column: KnownColumn) -> Iterator[Finding]:
    shown = f"reads {rule.column!r} ({column.declared}) as {rule.type}"
    if rule.type == "integer" and column.kind == "decimal" and column.scale == 0:
        return
    if column.kind not in READ_BY[rule.type]:
        yield Finding(place, f'{shown}, which it is not; give type = "{_type_of(column)}", or another column')
    elif rule.type == "decimal" and column.kind == "decimal" and column.scale > rule.scale:
        yield Finding(
            place,
            f"{shown} with scale {rule.scale}, but it has {column.scale} places; raise scale to that",
            hint=column.declared == "numeric",
        )  # without a declared scale
    elif rule.type == "decimal" and column.kind == "number":
        yield Finding(place, f"{shown}, but a binary number is not exact; number would do", hint=True)


def _type_of(column: KnownColumn) -> str:
    return column.kind if column.kind in ("integer", "decimal", "number", "bool") else "text"


def _time(place: Loc, rule: TimeColumn, column: KnownColumn, nullable: bool) -> Iterator[Finding]:
    asked = f"format {rule.format!r}" if rule.format else f"unit {rule.unit!r}"
    shown = f"reads {rule.column!r} ({column.declared}) as a time in {asked}"
    whole = column.kind == "integer" or (column.kind == "decimal" and column.scale == 0)
    if column.kind == "time":
        if rule.format is not None or rule.unit != column.unit:
            yield Finding(place, f'{shown}, but the connector gives it in "{column.unit}"; give unit = "{column.unit}"')
    elif column.kind == "text":
        if rule.format is None and rule.unit not in WRITTEN:
            yield Finding(place, f'{shown}, but it is text; give unit = "iso", or a format')
    elif not whole or (rule.format is None and rule.unit not in WHOLE):
        yield Finding(place, f"{shown}, which it can't be; name another column or unit")
    if column.nullable and not nullable:
        yield Finding(place, f"{rule.column!r} may be NULL; such rows would be dead-lettered", hint=True)


def _bare(place: Loc, use: Use, column: KnownColumn) -> Iterator[Finding]:
    whole = column.kind in ("integer", "text") or (column.kind == "decimal" and column.scale == 0)
    if use.reads in ("identity", "contact") and not whole:
        said = "is neither text nor a whole number, so it can't name anything; name another column"
        yield Finding(place, f"{use.column!r} ({column.declared}) {said}")
    elif use.reads == "truth" and column.kind not in ("bool", "integer"):
        said = "holds no plain truth values; say which by { column, fraud = […], legit = […] }"
        yield Finding(place, f"{use.column!r} ({column.declared}) {said}", hint=column.kind == "text")
