"""The fields of a mapping file, one class each. `docs/mapping.md` explains them with examples."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from graph.mapping_fields import IDENTIFIER as IDENTIFIER
from graph.mapping_fields import ROW as ROW
from graph.mapping_fields import (
    Cells,
    Column,
    Columns,
    IdText,
    Name,
    Part,
    Unit,
    Zone,
    column_alone,
    inside_path,
    iso_moment,
    strptime_format,
    written_time,
)
from graph.mapping_fields import cell_text as cell_text
from graph.mapping_fields import columns_in as columns_in
from graph.mapping_verdicts import DelayColumn as DelayColumn
from graph.mapping_verdicts import DelayField, VerdictField
from graph.mapping_verdicts import Verdict as Verdict


class NodeRef(Part):
    """The end of an edge: a node's label and its id, a column or text with columns in braces.

    Contacts are hashed: `hash` says what kind the id is, `hash_column` which column says it.
    """

    label: Name
    id: IdText
    hash: Literal["phone", "email", "address", "text"] | None = None
    hash_column: Column | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> NodeRef:
        if self.hash is not None and self.hash_column is not None:
            raise ValueError("give hash (one kind) or hash_column (the kind is in a column), not both")
        return self


class Property(Part):
    """A column kept as a property. `decimal` is exact, in 10^-scale units (scale 2: cents); `category` is
    text of few values, which a model may read; `text` is for people.
    """

    column: Column
    type: Literal["integer", "decimal", "number", "text", "bool", "category"] = "text"
    scale: int = Field(default=2, ge=0, le=9)


class TimeColumn(Part):
    """When it happened: a column and how it is written, or one `value` for all rows.

    Debezium gives DATETIME(3) in ms, DATETIME(6) in us, DATE in days, TIMESTAMP as ISO text. `format` is
    strptime's; `zone` is the wall clock of times that name none (default UTC). The unit `order` is an index
    that only orders rows and is no clock.
    """

    column: Column | None = None
    value: Annotated[str, AfterValidator(iso_moment)] | None = None
    unit: Unit = "ms"
    format: Annotated[str, AfterValidator(strptime_format)] | None = None
    zone: Zone | None = None

    @model_validator(mode="after")
    def _one_way(self) -> TimeColumn:
        given = self.model_fields_set
        if (self.column is None) == (self.value is None):
            raise ValueError("column is missing; give it, or value (one time for every row), not both")
        if self.value is not None and given & {"unit", "format"}:
            raise ValueError("has a value, which is an ISO date; unit and format are for a column")
        if self.format is not None and "unit" in given:
            raise ValueError("give unit or format, not both")
        if self.unit == "order" and self.zone is not None:
            raise ValueError("has the unit 'order', which is no clock and has no zone")
        return self


PropertyField = Annotated[Property, BeforeValidator(column_alone, json_schema_input_type=str | Property)]
TimeField = Annotated[TimeColumn, BeforeValidator(column_alone, json_schema_input_type=str | TimeColumn)]


class NodeRule(Part):
    """Each row of the table is a node with these properties; its id is the table's key."""

    label: Name
    id: IdText
    properties: dict[Name, PropertyField] = {}


class EdgeRule(Part):
    """Each row of the table gives this edge; none while an end's column is NULL, or where `when` does not hold.

    `event = true` asks for a score of each new or changed one.
    """

    role: Name
    relation: Name
    source: NodeRef
    target: NodeRef
    time: TimeField
    event: bool = False
    when: dict[Column, Cells] = {}
    attributes: dict[Name, PropertyField] = {}


class EventRef(Part):
    """Which event a label speaks of: its table (fixed, or in a column), its key, its role by table."""

    key: Columns
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


class LabelRule(Part):
    """Each row says of an event whether it is fraud: of another table's (`event`), or of this row's (`of`, a role).

    It counts as known `delay` after `reported`; without `reported`, or where it is NULL, after the event's own time.
    """

    role: Name = "label"
    event: EventRef | None = None
    of: Name | None = None
    fraud: VerdictField
    reported: TimeField | None = None
    delay: DelayField | None = None

    @model_validator(mode="after")
    def _one_event(self) -> LabelRule:
        if (self.event is None) == (self.of is None):
            raise ValueError("event is missing; give it (a report in a table of its own) or of (a role of this table)")
        if self.event is not None and self.reported is None:
            raise ValueError("reported is missing; it has to be given: when the bank learnt of it")
        return self


class Lookup(Part):
    """A column this file lacks: `column` of the row of `table` whose `key` is what this row has in `by`.

    Without `by`, this row's column is called like the other's key.
    """

    table: Name
    key: Column
    column: Column
    by: Column | None = None

    @property
    def own(self) -> str:
        """This table's column."""
        return self.by or self.key


class FileRule(Part):
    """Where the table's rows are when they are read from flat files, and how they are written.

    `path` is relative to the folder and may hold * (files in the order of their names are one table). What
    the file lacks is added (`add`: constants, `lookup`: from another table), so that one mapping reads the
    bank's database and its files.
    """

    model_config = ConfigDict(str_strip_whitespace=False)  # a blank may be a delimiter, and stand for NULL

    path: Annotated[str, AfterValidator(inside_path)]
    format: Literal["csv", "parquet"] | None = None
    member: str | None = None
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    quote: str = Field(default='"', min_length=1, max_length=1)
    encoding: str = "utf-8"
    header: bool = True
    columns: list[Column] = []
    null: list[str] = [""]
    times: dict[Column, Annotated[str, AfterValidator(written_time)]] = {}
    add: dict[Column, str | int] = {}
    lookup: dict[Column, Lookup] = {}
    time: TimeField | None = None
    sorted: bool = False

    @model_validator(mode="after")
    def _readable(self) -> FileRule:
        if not self.header and not self.columns:
            raise ValueError("columns is missing; a file without a header needs their names")
        try:
            "".encode(self.encoding)
        except LookupError:
            raise ValueError(f"encoding is {self.encoding!r}, which is none; give one such as utf-8, cp1250") from None
        return self


class TableRule(Part):
    """What the rows of one table become.

    `missing` says what to do when a mapped column is not in the row (dropped or renamed while running):
    refuse: dead-letter the row; ignore: read the column as NULL; stop: end the process, nothing committed.
    `keep`: whether its edges leave the graph behind the retention window; those of tables with events do by
    default, what only says who owns what stays.
    """

    key: Annotated[list[Column], Field(min_length=1)] = []  # none: only of a flat file
    missing: Literal["refuse", "ignore", "stop"] = "refuse"
    keep: Literal["window", "forever"] | None = None
    file: FileRule | None = None
    nodes: list[NodeRule] = []
    edges: list[EdgeRule] = []
    labels: list[LabelRule] = []

    @property
    def keys(self) -> list[str]:
        """The key's columns; of a file without any, the row's number."""
        return self.key or [ROW]

    @property
    def windowed(self) -> bool:
        """Whether its edges leave the graph behind the retention window."""
        return self.keep == "window" or (self.keep is None and any(edge.event for edge in self.edges))


class MappingFile(Part):
    """The whole file. `ignore` names tables of the stream that are no part of the graph."""

    source: Name
    tables: dict[Name, TableRule] = Field(min_length=1)
    ignore: list[Name] = []
