"""Everything a Neo4j database holds, read while others write.

What is written meanwhile may be seen or not; whoever wrote it publishes it behind that, so that a mirror that follows
the stream from before the dump has it all the same. What was there before and is only moved must not be missed. A
deletion is kept with the version it closes: a late version between the two takes it over, a marker (a deletion that
waits) goes to the version it was for, and the sweep makes one a marker again. So everything is read in pages, each in
its turn among the writers, hence whole; versions forward by position, the way deletions move; markers before and after.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import neo4j

from graph import cypher
from graph.horizons import Horizons
from graph.model import Floor, Gone, NodeUpsert, Upsert, split_version
from graph.neo4j_driver import Faults, query
from graph.neo4j_rows import ops_of, read_marker
from graph.patience import patiently
from graph.schema import GraphSchema
from graph.versions import Chain

Row = dict[str, Any]

TURN_S = 25.0  # for a page, the wait for its turn included
WAITS_S = (0.1, 0.5, 2.0)  # before a page is asked for again


def pages(session: neo4j.Session, text: str) -> Iterator[Row]:
    """What a paged statement of `graph.cypher` finds, a row's properties each. A page that fails is asked for again.

    Raises:
        StoreUnavailable: no answer, again and again.
    """
    after, more = "", True
    while more:
        page = patiently(partial(_page, session, text, after), WAITS_S)
        yield from (row["p"] for row in page)
        after, more = page[-1]["at"] if page else after, len(page) == cypher.PAGE


def _page(session: neo4j.Session, text: str, after: str) -> list[neo4j.Record]:
    with Faults():
        return list(session.run(neo4j.Query(query(text), timeout=TURN_S), after=after))  # its turn ends with the last


def stored(session: neo4j.Session, schema: GraphSchema, horizons: Horizons) -> Iterator[Upsert]:
    """Floors, deletions that wait, nodes, then versions with the deletions that closed them, owner by owner; then the
    deletions that began to wait meanwhile.
    """
    for row in pages(session, cypher.page_of_kept(cypher.FLOOR)):
        yield Floor(row["table"], row["pos"], row["known"])
    told = set[tuple[str, str]]()
    for marker in _markers(session, horizons):
        told.add((marker.owner, marker.pos))
        yield marker
    for (label, role), names in sorted(schema.properties.items()):
        for row in pages(session, cypher.page_of_nodes(label, role)):
            yield _node(label, role, names, row)
    for relation in schema.relations:
        yield from _by_owner(pages(session, cypher.page_of_edges(relation.name)), relation.name, horizons)
    yield from _by_owner(pages(session, cypher.page_of_kept(cypher.LABEL)), None, horizons)
    yield from (marker for marker in _markers(session, horizons) if (marker.owner, marker.pos) not in told)


def _markers(session: neo4j.Session, horizons: Horizons) -> Iterator[Gone]:
    found = map(read_marker, pages(session, cypher.page_of_kept(cypher.GONE)))
    return (marker for marker in found if not horizons.forgets(marker))


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
