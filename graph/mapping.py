"""From a Change to what it does to the graph: a pure function, the same for every delivery of it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from graph.bound import BoundTable, read_label
from graph.columns import Missing, NullWhereMissing, shown
from graph.mapping_file import EdgeRule, MappingFile, read_mapping
from graph.model import Floor, LabelUpsert
from graph.plan import Plan as Plan  # its readers name the mapping
from graph.plan import RowImage, Step, owner_of
from graph.schema import GraphSchema, Relation
from ingest.debezium import read_key
from ingest.events import Change, Halt, Op, Reject, Row
from ingest.labels import DECISIONS

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
        self._tables = {name: BoundTable.of(rule, contact_key) for name, rule in file.tables.items()}
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
                    attributes=tuple(sorted({*before.attributes, *edge.attributes})),
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
        table = self._tables.get(change.table)
        if table is None:
            raise Reject(f"table {change.table!r} is not in the mapping; map it, or name it under ignore")
        if change.op is Op.TRUNCATE:
            return Plan((Floor(change.table, change.position.token, change.committed_ms),))
        try:
            return self._step(change, table, whole).plan()
        except Missing as missing:
            if table.rule.missing != "stop":
                raise
            raise Halt(
                f'table {change.table!r} at {change.position.token}: {missing}; its mapping says missing = "stop". '
                "Mend the mapping (or the table) and start again: nothing was committed, this row comes first"
            ) from missing

    def _step(self, change: Change, table: BoundTable, whole: bool) -> Step:
        key = _key(change.key, table)
        before, after = self._before(change, table, key), self._image(change, table, key, change.after)
        return Step(change, table.rule, key, before or RowImage(), after, known=before is not None, whole=whole)

    def row_of_key(self, topic: str, key: bytes | None) -> str | None:
        """The row (`table:key`) that a record of this topic and key speaks of; None where it does not tell."""
        name = topic.rpartition(".")[2]
        if (table := self._tables.get(name)) is None:
            return None
        try:
            return f"{name}:{_key(read_key(key), table)}"
        except Reject:
            return None

    # -- one image of a row -------------------------------------------------------------------

    def _before(self, change: Change, table: BoundTable, key: str) -> RowImage | None:
        """None where it is not known: not given, or itself so bad that it was dead-lettered. It must not
        drag the row that mends it, or its deletion, along.
        """
        if change.before is None:
            return None
        try:
            return self._image(change, table, key, change.before)
        except Reject as reason:
            if table.rule.missing == "stop" and isinstance(reason, Missing):
                raise
            return None

    def _image(self, change: Change, table: BoundTable, key: str, row: Row | None) -> RowImage:
        image = RowImage()
        if row is None:
            return image
        if table.rule.missing == "ignore":
            row = NullWhereMissing(row)
        for node_rule in table.nodes:
            node = node_rule.read(change, row)
            image.nodes[node.key] = node
        for edge_rule in table.edges:
            if edge := edge_rule.read(change, key, row):
                image.edges[edge_rule.rule.role] = edge
        for label_rule in table.rule.labels:
            if label := read_label(change, label_rule, key, row, image.edges.get(label_rule.of or "")):
                image.labels[label_rule.role] = label
        return image

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


def _key(columns: Row, table: BoundTable) -> str:
    key = table.key(columns)
    most = OWNER_LIMIT - NAMES_LIMIT
    if 4 * len(key) > most and (size := len(key.encode())) > most:  # a character has at most four bytes
        names = ", ".join(table.rule.keys)
        raise Reject(f"the key ({names}) has {size} bytes, at most {most} fit an index: map another")
    return key
