"""What stands in Neo4j now: a GraphReader (`graph.current`) over the indexes on the ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import neo4j

from graph import cypher, cypher_current, cypher_keep
from graph.current import LABELS, NODE, Asked, Fact, Facts, Name, edge_fact, label_fact, several
from graph.model import split_version
from graph.neo4j_driver import Faults, query
from graph.neo4j_rows import attributes_of
from graph.schema import GraphSchema

BEHIND = "A"  # the character after the @ that ends an owner in a version's id: skips all its versions
TABLE_END = ";"  # the character after the colon that ends a table's name


class Neo4jCurrent:
    """See `graph.current.GraphReader`. Reads only; the driver stays the caller's to close."""

    def __init__(self, driver: neo4j.Driver, schema: GraphSchema, database: str = "neo4j") -> None:
        self._driver, self._schema, self._database = driver, schema, database
        self._held = cypher_current.held(schema)

    def held(self, table: str, asked: Asked) -> Facts:
        """See GraphReader.held. One round trip."""
        rows: dict[str, object] = {
            f"owners_{kind}": sorted(asked.owners.get(kind, ())) for kind in cypher_current.kinds(self._schema)
        }
        for label, role in self._schema.properties:
            rows[f"nodes_{label}_{role}"] = sorted(asked.nodes.get(label, ())) if role == table else []
        facts: Facts = {}
        for kind, role, p in self._read(self._held, rows):
            name, fact = self._fact(kind, role, p)
            facts[name] = several(_count(facts[name]) + 1) if name in facts else fact
        return facts

    def standing(self, table: str, kind: Name, after: str, limit: int) -> Sequence[str]:
        """See GraphReader.standing. Pages along the index: nothing is sorted, no page reads what is before it."""
        if kind[0] == NODE:
            text, bounds = cypher_current.standing_nodes(kind[1], table), {"after": after}
        else:
            start = after + BEHIND if after else f"{table}:"
            text, bounds = cypher_current.standing(kind[0]), {"after": start, "end": table + TABLE_END}
        found = [row[0] for row in self._read(text, {**bounds, "limit": limit})]
        return found if kind[0] == NODE else list(dict.fromkeys(split_version(id)[0] for id in found))

    def horizon_ms(self) -> int | None:
        """See GraphReader.horizon_ms. Always read: what was swept behind a newer one would seem lost."""
        found = dict(self._read(cypher_keep.HORIZONS, {}))  # of each kind
        return found.get("retention")

    def _fact(self, kind: str, role: str, p: dict[str, Any]) -> tuple[Name, Fact]:
        if role:
            names = self._schema.properties[kind, role]
            return (NODE, f"{kind}:{p['id']}"), Fact({name: p[name] for name in names if name in p})
        if kind == cypher.LABEL:
            return (LABELS, split_version(p["id"])[0]), label_fact(p["event"], p["fraud"], p["_known"])
        return (kind, split_version(p["id"])[0]), edge_fact(p["_src"], p["_dst"], p["time"], attributes_of(p))

    def _read(self, text: str, b: dict[str, Any]) -> list[list[Any]]:
        with (
            Faults(),
            self._driver.session(database=self._database, default_access_mode=neo4j.READ_ACCESS) as session,
        ):
            return session.execute_read(lambda tx: tx.run(query(text), b=b).values())


def _count(fact: Fact) -> int:
    count = fact.value.get("_versions", 1)
    assert isinstance(count, int)
    return count
