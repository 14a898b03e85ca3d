"""Everything a Neo4j database holds, read while others write.

What is written meanwhile may be seen, or be seen by half, or not; whoever wrote it publishes it behind that, so that
a mirror that follows the stream from before the dump has it all the same. What was there before and is only moved must
not be missed: a deletion that waits (a marker) becomes part of the version it was for, so markers are read first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import neo4j

from graph import cypher
from graph.horizons import Horizons
from graph.model import Floor, NodeUpsert, Upsert, split_version
from graph.neo4j_driver import query
from graph.neo4j_rows import MARKER, ops_of, read_marker, version_names
from graph.schema import GraphSchema
from graph.versions import Chain

Row = dict[str, Any]


def stored(session: neo4j.Session, schema: GraphSchema, horizons: Horizons) -> Iterator[Upsert]:
    """Floors, deletions that wait, nodes, then versions with the deletions that closed them, owner by owner."""

    def rows(text: str, *needed: str) -> Iterator[Row]:
        """Without what is being removed while it is read: its properties go first, all or some."""
        found = (row["p"] for row in session.run(query(text)))
        return (row for row in found if all(row.get(name) is not None for name in needed))

    for row in rows(f"MATCH (f:{cypher.FLOOR}) RETURN properties(f) AS p", "table", "pos", "known"):
        yield Floor(row["table"], row["pos"], row["known"])
    for row in rows(f"MATCH (n:{cypher.GONE}) RETURN properties(n) AS p", *MARKER):
        if not horizons.forgets(marker := read_marker(row)):
            yield marker
    for (label, role), names in sorted(schema.properties.items()):
        at = f"_pos_{cypher.name(role)}"
        there = f"MATCH (n:{cypher.name(label)}) WHERE n.{at} IS NOT NULL RETURN properties(n) AS p"
        for row in rows(there, "id", at, f"_known_{role}"):
            yield _node(label, role, names, row)
    for relation in schema.relations:
        found = rows(cypher.all_edges(relation.name), *version_names(relation.name))
        yield from _by_owner(found, relation.name, horizons)
    yield from _by_owner(rows(cypher.ALL_LABELS, *version_names(None)), None, horizons)


def _node(label: str, role: str, names: tuple[str, ...], row: Row) -> NodeUpsert:
    properties = None if row.get(f"_gone_{role}") else {n: row[n] for n in names if n in row}
    return NodeUpsert(label, row["id"], role, row[f"_pos_{role}"], row[f"_known_{role}"], properties)


def _by_owner(rows: Iterable[Row], kind: str | None, horizons: Horizons) -> Iterator[Upsert]:
    """Versions with the deletions that closed them, as far as they are not behind a horizon; rows come sorted
    by owner and position.
    """
    owner, chain = "", Chain()
    for row in rows:
        if (its := split_version(row["id"])[0]) != owner:
            yield from horizons.remaining(chain.items)
            owner, chain = its, Chain()
        for op, _ in ops_of(row, kind):
            chain.add(op)
    yield from horizons.remaining(chain.items)
