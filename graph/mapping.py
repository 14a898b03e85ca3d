"""From a Change to what it does to the graph: a pure function, the same for every delivery of it."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from pathlib import Path

import msgspec

from graph.cells import contact_text, holds, id_text, key_of, row_id, verdict
from graph.columns import Missing, NullWhereMissing, column, hashed, shown, typed
from graph.mapping_file import (
    EdgeRule,
    EventRef,
    LabelRule,
    MappingFile,
    NodeRef,
    NodeRule,
    Property,
    TableRule,
    read_mapping,
)
from graph.model import Attributes, EdgeUpsert, Floor, LabelUpsert, NodeUpsert, node_key
from graph.plan import Plan as Plan  # its readers name the mapping
from graph.plan import RowImage, Step, owner_of
from graph.schema import GraphSchema, Relation
from graph.times import moment_ms
from ingest.debezium import read_key
from ingest.events import Change, Halt, Op, Reject, Row
from ingest.labels import DECISIONS

CONTACT_KINDS = ("phone", "email", "address", "text")
NAMES_LIMIT = 200  # bytes: a table, a role (63 at most each) and the colons
OWNER_LIMIT = 7_800  # bytes of `table:key:role`: with a position behind it, it fits the 8,160 an index of Neo4j takes


class Mapping:
    """A bank's mapping, ready to plan Changes."""

    def __init__(self, file: MappingFile, contact_key: bytes) -> None:
        """`contact_key` is the HMAC key of contacts, at least 16 bytes.

        Raises:
            ValueError: the key is too short.
        """
        if len(contact_key) < 16:
            raise ValueError(f"the contact key has {len(contact_key)} bytes; give at least 16 random ones")
        self.file = file
        self._contact_key = contact_key
        self._event_roles = {(t, e.role) for t, rule in file.tables.items() for e in rule.edges if e.event}

    @classmethod
    def load(cls, path: Path, contact_key: bytes) -> Mapping:
        """Read a mapping file.

        Raises:
            MappingError: it is not a valid mapping (file, line, field, what was expected).
        """
        return cls(read_mapping(path), contact_key)

    @property
    def labels(self) -> tuple[str, ...]:
        """Every node label, sorted."""
        rules = self.file.tables.values()
        found = {n.label for t in rules for n in t.nodes}
        return tuple(sorted(found | {end.label for t in rules for e in t.edges for end in (e.source, e.target)}))

    @property
    def relations(self) -> tuple[Relation, ...]:
        """Every relation, sorted by name."""
        found: dict[str, Relation] = {}
        for table, rule in sorted(self.file.tables.items()):
            for edge in rule.edges:
                before = found.get(edge.relation, Relation(edge.relation, edge.source.label, edge.target.label))
                found[edge.relation] = msgspec.structs.replace(
                    before,
                    numeric=_named(edge, ("integer", "decimal", "number"), before.numeric),
                    categories=_named(edge, ("category",), before.categories),
                    tables=tuple(dict.fromkeys((*before.tables, table))),
                )
        return tuple(found[name] for name in sorted(found))

    @property
    def windowed(self) -> tuple[str, ...]:
        """Tables whose edges leave the graph behind the retention horizon, sorted: those that give events,
        unless the mapping's `keep` says otherwise.
        """
        return tuple(sorted(table for table, rule in self.file.tables.items() if rule.windowed))

    @property
    def schema(self) -> GraphSchema:
        """What a store has to know."""
        properties = {
            (node.label, table): tuple(sorted(node.properties))
            for table, rule in self.file.tables.items()
            for node in rule.nodes
        }
        return GraphSchema(self.labels, self.relations, properties, self.windowed)

    def plan(self, change: Change, whole: bool = False) -> Plan:
        """What the change does to the graph.

        What the row gave before and still gives makes no new version, unless `whole` asks for the
        full row (an earlier change of the key was dead-lettered, so this one has to supersede it).
        Where the change ends a snapshot, each table gets a floor: what is below was not read again.

        Raises:
            Reject: the table is not mapped, or the row does not fit its rule.
            Halt: a column is missing, and the mapping says to stop then.
        """
        if not change.completes:
            return self._planned(change, whole)
        floors = tuple(Floor(table, change.position.token, change.committed_ms) for table in self.file.tables)
        if change.after is None:
            return Plan(floors)
        planned = self._planned(change, whole)
        return Plan((*planned.upserts, *floors), planned.events)

    def _planned(self, change: Change, whole: bool) -> Plan:
        if change.table in self.file.ignore:
            return Plan()
        if change.table == DECISIONS:
            return Plan((self._decided(change),))
        rule = self.file.tables.get(change.table)
        if rule is None:
            raise Reject(f"table {change.table!r} is not in the mapping; map it, or name it under ignore")
        if change.op is Op.TRUNCATE:
            return Plan((Floor(change.table, change.position.token, change.committed_ms),))
        try:
            step = self._step(change, rule, whole)
        except Missing as missing:
            if rule.missing != "stop":
                raise
            raise Halt(
                f'table {change.table!r} at {change.position.token}: {missing}; its mapping says missing = "stop". '
                "Mend the mapping (or the table) and start again: nothing was committed, this row comes first"
            ) from missing
        return step.plan()

    def _step(self, change: Change, rule: TableRule, whole: bool) -> Step:
        key = _key(change.key, rule)
        before, after = self._before(change, rule, key), self._image(change, rule, key, change.after)
        return Step(change, rule, key, before or RowImage(), after, known=before is not None, whole=whole)

    def row_of_key(self, topic: str, key: bytes | None) -> str | None:
        """The row (`table:key`) that a record of this topic and key speaks of; None where it does not tell."""
        table = topic.rpartition(".")[2]
        rule = self.file.tables.get(table)
        if rule is None:
            return None
        try:
            return f"{table}:{_key(read_key(key), rule)}"
        except Reject:
            return None

    # -- one image of a row -------------------------------------------------------------------

    def _before(self, change: Change, rule: TableRule, key: str) -> RowImage | None:
        """None where it is not known: not given, or itself so bad that it was dead-lettered. It must not
        drag the row that mends it, or its deletion, along.
        """
        if change.before is None:
            return None
        try:
            return self._image(change, rule, key, change.before)
        except Reject as reason:
            if rule.missing == "stop" and isinstance(reason, Missing):
                raise
            return None

    def _image(self, change: Change, rule: TableRule, key: str, row: Row | None) -> RowImage:
        image = RowImage()
        if row is None:
            return image
        if rule.missing == "ignore":
            row = NullWhereMissing(row)
        for node_rule in rule.nodes:
            node = self._node(change, node_rule, row)
            image.nodes[node.key] = node
        for edge_rule in rule.edges:
            if edge := self._edge(change, edge_rule, key, row):
                image.edges[edge_rule.role] = edge
        for label_rule in rule.labels:
            if label := self._label(change, label_rule, key, row, image.edges.get(label_rule.of or "")):
                image.labels[label_rule.role] = label
        return image

    def _node(self, change: Change, rule: NodeRule, row: Row) -> NodeUpsert:
        return NodeUpsert(
            label=rule.label,
            id=row_id(rule.id, row),
            role=change.table,
            pos=change.position.token,
            known_ms=change.committed_ms,
            properties=_attributes(rule.properties, row),
        )

    def _edge(self, change: Change, rule: EdgeRule, key: str, row: Row) -> EdgeUpsert | None:
        if rule.when and not holds(rule.when, row):
            return None
        src, dst = self._end(rule.source, row), self._end(rule.target, row)
        if src is None or dst is None:
            return None
        at = moment_ms(rule.time, row)
        return EdgeUpsert(
            owner=owner_of(change.table, key, rule.role),
            pos=change.position.token,
            known_ms=at if change.op is Op.READ else change.committed_ms,
            relation=rule.relation,
            src=src,
            dst=dst,
            time_ms=at,
            attributes=_attributes(rule.attributes, row),
        )

    def _label(self, change: Change, rule: LabelRule, key: str, row: Row, own: EdgeUpsert | None) -> LabelUpsert | None:
        """None where the row does not say, or where the event it is `of` (`own`) is none."""
        fraud = verdict(rule.fraud, row)
        if fraud is None or (rule.of is not None and own is None):
            return None
        since = moment_ms(rule.reported, row) if rule.reported is not None else own.time_ms if own is not None else 0
        reported = since + rule.delay_ms
        return LabelUpsert(
            owner=owner_of(change.table, key, rule.role),
            pos=change.position.token,
            known_ms=reported if change.op is Op.READ else max(reported, change.committed_ms),
            event=_reported(rule.event, row) if own is None or rule.event is not None else own.owner,
            fraud=fraud,
        )

    def _end(self, ref: NodeRef, row: Row) -> str | None:
        if ref.hash is None and ref.hash_column is None:
            id = id_text(ref.id, row)
            return None if id is None else node_key(ref.label, id)
        text = contact_text(ref.id, row)
        if text is None:
            return None
        kind = ref.hash if ref.hash_column is None else column(row, ref.hash_column)
        if kind not in CONTACT_KINDS:  # NULL too: unhashed it must not get in
            raise Reject(f"column {ref.hash_column!r} holds {shown(kind)}, expected one of {CONTACT_KINDS}")
        contact = hashed(text, kind, self._contact_key)
        return None if contact is None else node_key(ref.label, contact)

    def _decided(self, change: Change) -> LabelUpsert:
        """An analyst's decision: a label like a report; a later one on the same alert corrects it."""
        row = change.after or {}
        event = row["event"]
        table, _, rest = event.partition(":")
        key, _, role = rest.rpartition(":")
        if not key or (table, role) not in self._event_roles or len(event.encode()) > OWNER_LIMIT:
            raise Reject(f"the decision is on {shown(event)}, which is no event of the mapping")
        owner = owner_of(DECISIONS, str(row["alert"]), "label")
        return LabelUpsert(owner, change.position.token, change.committed_ms, event, row["fraud"])


def _named(edge: EdgeRule, types: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    """The edge's attributes of these types, beside those known of the relation, sorted."""
    return tuple(sorted({name for name, p in edge.attributes.items() if p.type in types} | set(known)))


def _reported(ref: EventRef | None, row: Row) -> str:
    """The event a report in a table of its own speaks of."""
    assert ref is not None  # the format asks for one of the two
    table = ref.table or column(row, ref.table_column or "")
    if not isinstance(table, str) or table not in ref.roles:
        raise Reject(f"column {ref.table_column!r} names {shown(table)}, expected one of {sorted(ref.roles)}")
    return owner_of(table, key_of(ref.key, row), ref.roles[table])


def _key(columns: Row, rule: TableRule) -> str:
    key = key_of(rule.keys, columns)
    most = OWNER_LIMIT - NAMES_LIMIT
    if 4 * len(key) > most and (size := len(key.encode())) > most:  # a character has at most four bytes
        raise Reject(f"the key ({', '.join(rule.keys)}) has {size} bytes, at most {most} fit an index: map another")
    return key


def _attributes(wanted: MappingType[str, Property], row: Row) -> Attributes:
    """What the row gives; a NULL gives nothing, as in a graph database."""
    read: Attributes = {}
    for name, p in wanted.items():
        value = typed(column(row, p.column), p.type, p.scale, p.column)
        if value is not None:
            read[name] = value
    return read
