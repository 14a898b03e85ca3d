"""The mapping's TOML: its fields, and errors that name the line.

The mapping is the only place that knows a bank's schema. `deploy/demo/mapping.toml` is a commented
example of every field.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from graph.toml_lines import Loc, line_numbers
from ingest.events import RESERVED_SOURCE, RESERVED_TABLE

IDENTIFIER = r"^[A-Za-z][A-Za-z0-9_]{0,62}$"  # what Cypher takes without quoting; anything else is refused
Name = Annotated[str, Field(pattern=IDENTIFIER)]
Column = Annotated[str, Field(min_length=1, max_length=128)]


class MappingError(Exception):
    """A mapping can't be used. Says file, line, field and what was expected."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_strip_whitespace=True)


class NodeRef(_Part):
    """The end of an edge: a node's label and the column with its id.

    Contacts are hashed: `hash` says what kind the column holds, `hash_column` which column says it.
    """

    label: Name
    id: Column
    hash: Literal["phone", "email", "address", "text"] | None = None
    hash_column: Column | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> NodeRef:
        if self.hash is not None and self.hash_column is not None:
            raise ValueError("give hash (one kind) or hash_column (the kind is in a column), not both")
        return self


class Property(_Part):
    """A column kept as a property; `decimal` is exact, in 10^-scale units (scale 2: cents)."""

    column: Column
    type: Literal["integer", "decimal", "number", "text", "bool"] = "text"
    scale: int = Field(default=2, ge=0, le=9)


class TimeColumn(_Part):
    """A column with a time. Debezium gives DATETIME(3) in ms, DATETIME(6) in us, DATE in days."""

    column: Column
    unit: Literal["ms", "us", "s", "days", "iso", "yymmdd"] = "ms"


def _column_alone(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


PropertyField = Annotated[Property, BeforeValidator(_column_alone)]
TimeField = Annotated[TimeColumn, BeforeValidator(_column_alone)]


class NodeRule(_Part):
    """Each row of the table is a node with these properties; its id is the table's key."""

    label: Name
    id: Column
    properties: dict[Name, PropertyField] = {}


class EdgeRule(_Part):
    """Each row of the table gives this edge (no edge while an end's column is NULL).

    `event = true` asks for a score of each new or changed one.
    """

    role: Name
    relation: Name
    source: NodeRef
    target: NodeRef
    time: TimeField
    event: bool = False
    attributes: dict[Name, PropertyField] = {}


class EventRef(_Part):
    """Which event a label speaks of: its table (fixed, or in a column), its key, its role by table."""

    key: Column
    roles: dict[Name, Name] = Field(min_length=1)
    table: Name | None = None
    table_column: Column | None = None

    @model_validator(mode="after")
    def _one_table(self) -> EventRef:
        if (self.table is None) == (self.table_column is None):
            raise ValueError("give either table (fixed) or table_column (read from the row)")
        if self.table is not None and self.table not in self.roles:
            raise ValueError(f"roles must name the role of table {self.table!r}")
        return self


class LabelRule(_Part):
    """Each row is a report: `fraud` is a truth column, `reported` when the bank learnt of it."""

    role: Name = "label"
    event: EventRef
    fraud: Column
    reported: TimeField


class TableRule(_Part):
    """What the rows of one table become.

    `missing` says what to do when a mapped column is not in the row (dropped or renamed while running):
    refuse: dead-letter the row; ignore: read the column as NULL; stop: end the process, nothing committed.
    """

    key: list[Column] = Field(min_length=1)
    missing: Literal["refuse", "ignore", "stop"] = "refuse"
    nodes: list[NodeRule] = []
    edges: list[EdgeRule] = []
    labels: list[LabelRule] = []


class MappingFile(_Part):
    """The whole file. `ignore` names tables of the stream that are no part of the graph."""

    source: Name
    tables: dict[Name, TableRule] = Field(min_length=1)
    ignore: list[Name] = []


def read_mapping(path: Path) -> MappingFile:
    """Read and validate a mapping.

    Raises:
        MappingError: it can't be read or is not a mapping; each problem on a line of its own.
    """
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8").replace("\r\n", "\n")
        data = tomllib.loads(text)
    except OSError as error:
        raise MappingError(f"{path}: can't be read ({error.strerror}); name an existing mapping file") from error
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise MappingError(f"{path}:{line}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"{path}:{_line_of(error, text)}: not TOML: {error}") from error
    lines = line_numbers(text)
    try:
        mapping = MappingFile.model_validate(data)
    except ValidationError as error:
        problems = [(tuple(e["loc"]), _said(e["type"], e["msg"], e.get("input"))) for e in error.errors()]
        raise MappingError(_listed(path, lines, problems)) from error
    if wrong := _cross_checks(mapping):
        raise MappingError(_listed(path, lines, wrong))
    return mapping


def _line_of(error: tomllib.TOMLDecodeError, text: str) -> int:
    at = re.search(r"\(at line (\d+),", str(error))
    return int(at[1]) if at else max(1, len(text.splitlines()))  # "at end of document"


Problem = tuple[Loc, str]


def _said(kind: str, message: str, given: object) -> str:
    if kind == "missing":
        return "is missing; it has to be given"
    if kind == "extra_forbidden":
        return "is no field of the format; check its spelling"
    if kind == "string_pattern_mismatch":
        return f"is {given!r}, expected a letter, then letters, digits or underscores (63 at most)"
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    shown = repr(given)
    return f"is {shown if len(shown) < 80 else f'{shown[:80]}…'}: {message[:1].lower()}{message[1:]}"


def _listed(path: Path, lines: dict[Loc, int], problems: list[Problem]) -> str:
    rows = []
    for loc, said in problems:
        known = next((lines[loc[:n]] for n in range(len(loc), 0, -1) if loc[:n] in lines), 1)
        rows.append(f"{path}:{known}: {'.'.join(map(str, loc))} {said}")
    return "\n".join(rows)


def _cross_checks(mapping: MappingFile) -> list[Problem]:
    """What one field alone can't show."""
    return [
        *_table_problems(mapping),
        *_role_problems(mapping),
        *_node_problems(mapping),
        *_edge_problems(mapping),
        *_label_problems(mapping),
    ]


def _table_problems(mapping: MappingFile) -> Iterator[Problem]:
    if mapping.source == RESERVED_SOURCE:
        yield ("source",), f"is {RESERVED_SOURCE!r}, Ringwatch's own source; name the connector differently"
    for name in mapping.tables:
        if name == RESERVED_TABLE:
            yield ("tables", name), "is Ringwatch's own table of analysts' decisions; it can't be mapped"
        if name in mapping.ignore:
            yield ("tables", name), "is named under ignore too; leave it out of one of the two"


def _role_problems(mapping: MappingFile) -> Iterator[Problem]:
    for name, table in mapping.tables.items():
        roles = [*(edge.role for edge in table.edges), *(label.role for label in table.labels)]
        places = [*(("edges", i) for i in range(len(table.edges))), *(("labels", i) for i in range(len(table.labels)))]
        for n, (role, place) in enumerate(zip(roles, places, strict=True)):
            if role in roles[:n]:
                yield ("tables", name, *place, "role"), f"{role!r} is used twice in this table"


def _node_problems(mapping: MappingFile) -> Iterator[Problem]:
    owned: dict[tuple[str, str], str] = {}
    for name, table in mapping.tables.items():
        labels = [node.label for node in table.nodes]
        for i, node in enumerate(table.nodes):
            at: Loc = ("tables", name, "nodes", i)
            if table.key != [node.id]:
                yield (
                    (*at, "id"),
                    (
                        f"is {node.id!r}, but a node with properties is identified by its table's key {table.key}: "
                        "two rows would overwrite each other's properties"
                    ),
                )
            if labels.count(node.label) > 1:
                yield (*at, "label"), f"{node.label!r} is used twice in this table; join the two rules"
            for prop in node.properties:
                if prop == "id":
                    yield (*at, "properties", prop), "is the node's identity; name the property differently"
                elif owned.setdefault((node.label, prop), name) != name:
                    other = owned[node.label, prop]
                    yield (*at, "properties", prop), f"of {node.label} is given by table {other!r}; one table owns it"


def _edge_problems(mapping: MappingFile) -> Iterator[Problem]:
    ends: dict[str, tuple[str, str]] = {}
    for name, table in mapping.tables.items():
        for i, edge in enumerate(table.edges):
            at: Loc = ("tables", name, "edges", i)
            pair = (edge.source.label, edge.target.label)
            if ends.setdefault(edge.relation, pair) != pair:
                yield (
                    (*at, "relation"),
                    (
                        f"{edge.relation!r} joins {' to '.join(pair)} here and {' to '.join(ends[edge.relation])} "
                        "elsewhere; name it differently"
                    ),
                )
            for taken in {"id", "time"} & edge.attributes.keys():
                yield (*at, "attributes", taken), f"is what every edge's {taken} is called; name it differently"


def _label_problems(mapping: MappingFile) -> Iterator[Problem]:
    for name, table in mapping.tables.items():
        for i, rule in enumerate(table.labels):
            for target, role in rule.event.roles.items():
                edges = mapping.tables[target].edges if target in mapping.tables else []
                events = [edge.role for edge in edges if edge.event]
                if role not in events:
                    at: Loc = ("tables", name, "labels", i, "event", "roles", target)
                    yield at, f"names {role!r}, but table {target!r} has the events {events or 'none'}"
