"""The newest place of a source's log that a graph in Neo4j knows: what is read below its epoch has no effect any more.

It needs no mapping: it looks at what `graph init` has made constraints for. Every id is read once, by its index
(300,000 edges and 20,000 nodes in 0.3 s), so this is for a day on which Kafka Connect has forgotten what it read.
"""

from __future__ import annotations

import neo4j

from graph.cypher import FLOOR, GONE, INCOMPLETE, LABEL, name
from graph.neo4j_driver import Faults, query
from ingest.events import Position

NODE, EDGE = "rw_node_", "rw_edge_"  # how `cypher.constraints` names them
MADE = "SHOW CONSTRAINTS YIELD name RETURN name"
_NEWEST = " WITH pos WHERE pos STARTS WITH $source + '/' RETURN max(pos) AS pos"
_OF_IDS = " USING INDEX x:{kind}(id) WHERE x.id > '' WITH last(split(x.id, '@')) AS pos" + _NEWEST


def newest(driver: neo4j.Driver, source: str, database: str = "neo4j") -> Position | None:
    """The highest position of `source` that a row, a deletion, a floor or a refused record stands at; None: it was
    never read into this graph.

    Raises:
        StoreError: Neo4j does not answer, or refuses.
    """
    with Faults(), driver.session(database=database, default_access_mode=neo4j.READ_ACCESS) as session:
        made = {row["name"] for row in session.run(MADE)}
        answers = [session.run(query(text), source=source).single(strict=True) for text in statements(made)]
    found: list[str] = [answer["pos"] for answer in answers if answer["pos"] is not None]
    return Position.parse(max(found)) if found else None


def statements(made: set[str]) -> list[str]:
    """What finds the highest position, kind by kind; `made` names the constraints that are there."""
    relations = sorted(each.removeprefix(EDGE) for each in made if each.startswith(EDGE))
    labels = sorted(each.removeprefix(NODE) for each in made if each.startswith(NODE))
    ids = {kind: f"()-[x:{name(kind)}]->()" for kind in relations}
    ids |= {kind: f"(x:{kind})" for kind in (LABEL, GONE, FLOOR) if f"rw{kind}" in made}
    texts = [f"MATCH {shape}{_OF_IDS.format(kind=kind)}" for kind, shape in ids.items()]
    texts += [
        f"MATCH (x:{name(label)}) UNWIND [key IN keys(x) WHERE key STARTS WITH '_pos_' | x[key]] AS pos{_NEWEST}"
        for label in labels
    ]
    return [*texts, f"MATCH (x:{INCOMPLETE}) WITH x.pos AS pos{_NEWEST}"] if f"rw{INCOMPLETE}" in made else texts
