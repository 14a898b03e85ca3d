"""From the two images of a row to what its change does: upserts and events."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from typing import Literal

import msgspec

from graph.cells import row_id
from graph.mapping_file import TableRule
from graph.model import EdgeUpsert, Event, Gone, LabelUpsert, NodeUpsert, Upsert
from ingest.events import Change, Op


class Plan(msgspec.Struct, frozen=True, gc=False):
    """What one Change does: upserts in writing order (nodes, edges, labels) and the events to score."""

    upserts: tuple[Upsert, ...] = ()
    events: tuple[Event, ...] = ()


class RowImage(msgspec.Struct, gc=False):
    """What one image of a row amounts to."""

    nodes: dict[str, NodeUpsert] = {}
    edges: dict[str, EdgeUpsert] = {}
    labels: dict[str, LabelUpsert] = {}


class Step(msgspec.Struct, frozen=True, gc=False):
    """One change with both images. `known`: whether there is a before to compare with."""

    change: Change
    rule: TableRule
    key: str
    before: RowImage
    after: RowImage
    known: bool
    whole: bool

    @property
    def sure(self) -> bool:
        """What `before` gives is in the graph, so only differences are written."""
        return self.known and not self.whole

    def plan(self) -> Plan:
        """What it does, in writing order: nodes, edges, labels."""
        if not self.known and self.change.op in (Op.CREATE, Op.READ):
            return self._new()  # nearly all of them
        return Plan((*_nodes(self), *_edges_and_labels(self)), tuple(_events(self)))

    def _new(self) -> Plan:
        """A row that was not there: all of its image."""
        after, change = self.after, self.change
        upserts: tuple[Upsert, ...] = (*after.nodes.values(), *after.edges.values(), *after.labels.values())
        if change.op is Op.READ:  # rows of a snapshot are never scored
            return Plan(upserts)
        return Plan(upserts, tuple([
            _event(after.edges[rule.role], "new", change.committed_ms)
            for rule in self.rule.edges if rule.event and rule.role in after.edges
        ]))  # fmt: skip


def _nodes(step: Step) -> list[Upsert]:
    if not step.rule.nodes:
        return []
    change, before, after = step.change, step.before.nodes, step.after.nodes
    if change.op is Op.DELETE and not step.known:
        return [
            NodeUpsert(
                rule.label,
                row_id(rule.id, change.key),
                change.table,
                change.position.token,
                change.committed_ms,
                None,
            )
            for rule in step.rule.nodes
        ]
    left = [msgspec.structs.replace(node, properties=None) for key, node in before.items() if key not in after]
    new = [node for key, node in after.items() if not (step.sure and before.get(key) == node)]
    return [*left, *new]


def _edges_and_labels(step: Step) -> list[Upsert]:
    before, after = step.before, step.after
    edges = [_version(step, rule.role, rule.relation, before.edges, after.edges) for rule in step.rule.edges]
    labels = [_version(step, rule.role, None, before.labels, after.labels) for rule in step.rule.labels]
    return [upsert for upsert in edges + labels if upsert is not None]


def _version(
    step: Step, role: str, kind: str | None, before: MappingType[str, Upsert], after: MappingType[str, Upsert]
) -> Upsert | None:
    """The new version of one owner, or its closing; None where the row gives what it gave."""
    old, new = before.get(role), after.get(role)
    deleted = step.change.op is Op.DELETE  # its row before may hold the key alone: it shows no edge, but there was one
    if step.sure and old == new and not deleted:
        return None
    if new is not None or step.change.op in (Op.CREATE, Op.READ):
        return new
    return Gone(owner_of(step.change.table, step.key, role), step.change.position.token, step.change.committed_ms, kind)


def _events(step: Step) -> list[Event]:
    """Created → new, a scoreable column changed → revised, deleted → withdrawn; snapshot rows are never scored.

    A deletion without the row before it withdraws nothing: it does not say what the event was.
    """
    if step.change.op is Op.READ:
        return []
    found = []
    for rule in step.rule.edges:
        old, new = step.before.edges.get(rule.role), step.after.edges.get(rule.role)
        edge = new or old
        if not rule.event or edge is None or old == new:
            continue
        kind: Literal["new", "revised", "withdrawn"] = "revised" if step.change.op is Op.UPDATE else "new"
        found.append(_event(edge, "withdrawn" if new is None else kind, step.change.committed_ms))
    return found


def _event(edge: EdgeUpsert, kind: Literal["new", "revised", "withdrawn"], committed_ms: int) -> Event:
    return Event(
        edge.owner, kind, edge.pos, committed_ms, edge.relation, edge.src, edge.dst, edge.time_ms, edge.attributes
    )


def owner_of(table: str, key: str, role: str) -> str:
    """The name of what a row owns in one role."""
    return f"{table}:{key}:{role}"
