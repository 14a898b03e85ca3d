"""Values to Neo4j properties and back: names starting with an underscore are bookkeeping."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graph.cypher import ENDING
from graph.model import (
    Attributes,
    EdgeUpsert,
    Floor,
    Gone,
    LabelUpsert,
    NodeUpsert,
    split_version,
    table_of,
    version_id,
)
from graph.versions import Held, Version

Row = dict[str, Any]


def node_row(node: NodeUpsert, names: tuple[str, ...]) -> Row:
    """Every property of the role: what the row no longer gives is set to null, which removes it."""
    given = node.properties or {}
    properties: Row = {name: given.get(name) for name in names}
    properties[f"_pos_{node.role}"] = node.pos
    properties[f"_known_{node.role}"] = node.known_ms
    properties[f"_gone_{node.role}"] = True if node.properties is None else None
    return {"id": node.id, "pos": node.pos, "properties": properties}


def closing(held: Held) -> Row:
    """What closes a version; None where nothing does, which Neo4j takes for "not there"."""
    return {
        "_closed_pos": held.closed_pos,
        "_closed_ms": held.closed_ms,
        "_closed_gone": held.closed_gone or None,  # a deletion closed it, not the next version
    }


def ending(held: Held) -> Row:
    """What closes a new version, and the floor it lies below. Of stored ones the floor is not written: it may be
    on its way over the table in chunks, and what was read is behind it.
    """
    return {**closing(held), "_floor_pos": held.floor_pos, "_floor_ms": held.floor_ms}


def open_edge_row(edge: EdgeUpsert, names: tuple[str, ...]) -> list[Any]:
    """A new edge version that nothing closes: its endpoints' ids, `cypher.EDGE`, the attributes of these names.

    What would follow is taken for null, and so not set.
    """
    given = edge.attributes.get
    return [
        edge.src.partition(":")[2],
        edge.dst.partition(":")[2],
        version_id(edge.owner, edge.pos),
        edge.time_ms,
        edge.known_ms,
        edge.src,
        edge.dst,
        *[given(name) for name in names],
    ]


def edge_row(held: Held, names: tuple[str, ...]) -> list[Any]:
    """A new edge version with what closes it already: `cypher.ENDING` follows."""
    edge = held.op
    assert isinstance(edge, EdgeUpsert)
    end = ending(held)
    return [*open_edge_row(edge, names), *[end[name] for name in ENDING]]


def label_row(held: Held) -> Row:
    """A label version, kept as a node of its own: edges can't have edges."""
    label = held.op
    assert isinstance(label, LabelUpsert)
    properties = {
        "_known": label.known_ms,
        "event": label.event,
        "fraud": label.fraud,
        **ending(held),
    }
    return {"id": version_id(label.owner, label.pos), "p": properties}


def marker_row(gone: Gone) -> Row:
    """A deletion that found nothing to close."""
    key = version_id(gone.owner, gone.pos)
    return {"id": key, "p": {"owner": gone.owner, "pos": gone.pos, "known": gone.known_ms, "kind": gone.kind}}


def read_marker(row: Row) -> Gone:
    """A marker as stored."""
    return Gone(row["owner"], row["pos"], row["known"], row.get("kind"))


def ops_of(row: Row, kind: str | None) -> Iterator[tuple[Version | Gone, Floor | None]]:
    """A stored version with its floor, and the deletion it was closed by, if it was one. What is being written just
    now may show by half (`_closed_pos` without `_closed_ms`): it is not there yet.
    """
    version = _version(row, kind)
    floor = None
    if row.get("_floor_pos") is not None and row.get("_floor_ms") is not None:
        floor = Floor(table_of(version.owner), row["_floor_pos"], row["_floor_ms"])
    yield version, floor
    if row.get("_closed_pos") is not None and row.get("_closed_ms") is not None and row.get("_closed_gone"):
        yield Gone(version.owner, row["_closed_pos"], row["_closed_ms"], kind), None


def _version(row: Row, kind: str | None) -> Version:
    owner, pos = split_version(row["id"])
    if kind is None:
        return LabelUpsert(owner, pos, row["_known"], row["event"], row["fraud"])
    return EdgeUpsert(owner, pos, row["_known"], kind, row["_src"], row["_dst"], row["time"], attributes_of(row))


def attributes_of(row: Row) -> Attributes:
    """What the mapping gave an edge, without the bookkeeping."""
    return {k: v for k, v in row.items() if not k.startswith("_") and k not in ("id", "time")}
