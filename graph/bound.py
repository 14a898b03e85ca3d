"""The rules of a table with their columns bound: what turns its rows into nodes, edges and labels."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from graph.cells import contact_text, holds, key_of, label_known_ms, row_id, verdict
from graph.columns import column, hashed, shown
from graph.mapping_file import EdgeRule, EventRef, LabelRule, NodeRef, NodeRule, TableRule
from graph.model import Attributes, EdgeUpsert, LabelUpsert, NodeUpsert, node_key
from graph.plan import owner_of
from graph.quick import attributes_reader, end_reader, key_reader, moment_reader
from ingest.events import Change, Op, Reject, Row

CONTACT_KINDS = ("phone", "email", "address", "text")


class BoundNode(msgspec.Struct, frozen=True, gc=False):
    """One rule that makes a row a node."""

    rule: NodeRule
    properties: Callable[[Row], Attributes]

    def read(self, change: Change, row: Row) -> NodeUpsert:
        """The node a row is.

        Raises:
            Reject: it has no id, or a cell does not fit.
        """
        return NodeUpsert(
            label=self.rule.label,
            id=row_id(self.rule.id, row),
            role=change.table,
            pos=change.position.token,
            known_ms=change.committed_ms,
            properties=self.properties(row),
        )


class BoundEdge(msgspec.Struct, frozen=True, gc=False):
    """One rule that makes a row an edge."""

    rule: EdgeRule
    source: Callable[[Row], str | None]
    target: Callable[[Row], str | None]
    time: Callable[[Row], int]
    attributes: Callable[[Row], Attributes]

    def read(self, change: Change, key: str, row: Row) -> EdgeUpsert | None:
        """The edge a row is; None where an end is NULL or the rule's `when` does not hold.

        Raises:
            Reject: a cell does not fit.
        """
        rule = self.rule
        if rule.when and not holds(rule.when, row):
            return None
        src, dst = self.source(row), self.target(row)
        if src is None or dst is None:
            return None
        at = self.time(row)
        return EdgeUpsert(
            owner_of(change.table, key, rule.role),
            change.position.token,
            at if change.op is Op.READ else change.committed_ms,
            rule.relation,
            src,
            dst,
            at,
            self.attributes(row),
        )


class BoundTable(msgspec.Struct, frozen=True, gc=False):
    """All rules of a table."""

    rule: TableRule
    key: Callable[[Row], str]
    nodes: tuple[BoundNode, ...]
    edges: tuple[BoundEdge, ...]

    @classmethod
    def of(cls, rule: TableRule, contact_key: bytes) -> BoundTable:
        """`contact_key` is the HMAC key of contacts."""
        nodes = tuple(BoundNode(node, attributes_reader(node.properties)) for node in rule.nodes)
        edges = tuple(
            BoundEdge(
                edge, _end(edge.source, contact_key), _end(edge.target, contact_key), moment_reader(edge.time),
                attributes_reader(edge.attributes),
            )
            for edge in rule.edges
        )  # fmt: skip
        return cls(rule, key_reader(rule.keys), nodes, edges)


def read_label(change: Change, rule: LabelRule, key: str, row: Row, own: EdgeUpsert | None) -> LabelUpsert | None:
    """What a row says of an event; None where it does not say, or where the event it is `of` (`own`) is none.

    Raises:
        Reject: a cell does not fit.
    """
    fraud = verdict(rule.fraud, row, needed=rule.of is None)
    if fraud is None or (rule.of is not None and own is None):
        return None
    reported = label_known_ms(rule, row, None if own is None else own.time_ms)
    if reported is None:
        return None
    return LabelUpsert(
        owner=owner_of(change.table, key, rule.role),
        pos=change.position.token,
        known_ms=reported if change.op is Op.READ else max(reported, change.committed_ms),
        event=_reported(rule.event, row) if own is None or rule.event is not None else own.owner,
        fraud=fraud,
    )


def _end(ref: NodeRef, contact_key: bytes) -> Callable[[Row], str | None]:
    if ref.hash is None and ref.hash_column is None:
        return end_reader(ref)

    def contact(row: Row) -> str | None:
        text = contact_text(ref.id, row)
        if text is None:
            return None
        kind = ref.hash if ref.hash_column is None else column(row, ref.hash_column)
        if kind not in CONTACT_KINDS:  # NULL too: unhashed it must not get in
            raise Reject(f"column {ref.hash_column!r} holds {shown(kind)}, expected one of {CONTACT_KINDS}")
        made = hashed(text, kind, contact_key)
        return None if made is None else node_key(ref.label, made)

    return contact


def _reported(ref: EventRef | None, row: Row) -> str:
    """The event a report in a table of its own speaks of."""
    assert ref is not None  # the format asks for one of the two
    table = ref.table or column(row, ref.table_column or "")
    if not isinstance(table, str) or table not in ref.roles:
        raise Reject(f"column {ref.table_column!r} names {shown(table)}, expected one of {sorted(ref.roles)}")
    return owner_of(table, key_of(ref.key, row), ref.roles[table])
