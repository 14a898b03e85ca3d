"""Everything a Neo4j database holds, read while others write.

What is written meanwhile may be seen or not; whoever wrote it publishes it behind that, so that a mirror that follows
the stream from before the dump has it all the same. What was there before must not be missed, and it moves: a deletion
is kept with the version it closes, or as a marker where it closes none, and whatever comes late of its owner, or the
sweep, may take it from one to the other. So an owner is read whole, in one page with all of its versions and markers,
and a page in its turn among the writers. A reader without turns saw transactions by half (DECISIONS 60).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import neo4j

from graph import cypher
from graph.horizons import Horizons
from graph.model import Floor, NodeUpsert, Upsert, split_version
from graph.neo4j_driver import Faults, query
from graph.neo4j_rows import ops_of, read_marker
from graph.patience import patiently
from graph.schema import GraphSchema
from graph.versions import Chain

Row = dict[str, Any]
Found = list[Any]  # kind, properties, and by which id
AT = 2

WAITS_S = (0.1, 0.5, 2.0)  # before a page is asked for again


def pages(session: neo4j.Session, text: str) -> Iterator[Row]:
    """What a paged statement of `graph.cypher` finds, a row's properties each. A page that fails is asked for again.

    Raises:
        StoreUnavailable: no answer, again and again.
    """
    after, more = "", True
    while more:
        page = _page(session, text, after, cypher.PAGE)
        yield from (row for _, row, _ in page if row is not None)
        after, more = page[-1][AT] if page else after, len(page) == cypher.PAGE


def _page(session: neo4j.Session, text: str, after: str, most: int) -> list[Found]:
    def ask() -> list[Found]:
        with Faults():  # its turn ends with its last row
            return session.run(neo4j.Query(query(text), timeout=cypher.TURN_S), after=after, most=most).values()

    return patiently(ask, WAITS_S)


def stored(session: neo4j.Session, schema: GraphSchema, horizons: Horizons) -> Iterator[Upsert]:
    """Floors, nodes, then owner by owner versions and deletions."""
    for row in pages(session, cypher.page_of_kept(cypher.FLOOR)):
        yield Floor(row["table"], row["pos"], row["known"])
    for label, roles in schema.tables.items():
        for row in pages(session, cypher.page_of_nodes(label, roles)) if roles else ():
            there = [role for role in roles if row.get(f"_pos_{role}") is not None]
            yield from (_node(label, role, schema.properties[label, role], row) for role in there)
    for owner in _owners(session, cypher.page_of_versions(schema)):
        yield from _of_owner(owner, horizons)


def _owners(session: neo4j.Session, text: str) -> Iterator[list[Found]]:
    """The rows of each owner. A page's last owner may go on behind it: it is read anew, with the page that follows."""
    after, most, more = "", cypher.PAGE, True
    while more:
        page = _page(session, text, after, most)
        owners = [list(rows) for _, rows in groupby(page, key=lambda row: split_version(row[AT])[0])]
        more = len(page) == most
        if more and len(owners) == 1:
            most *= 2  # more than a page of one owner
            continue
        if more:
            owners.pop()
            after, most = owners[-1][-1][AT], cypher.PAGE
        yield from owners


def _of_owner(rows: Iterable[Found], horizons: Horizons) -> Iterator[Upsert]:
    """Its versions and deletions, as far as they are not behind a horizon."""
    chains = defaultdict[str | None, Chain](Chain)
    for kind, row, _ in rows:
        if kind == cypher.GONE:
            marker = read_marker(row)
            chains[marker.kind].add(marker)
        else:
            relation = None if kind == cypher.LABEL else kind
            for op, _ in ops_of(row, relation):
                chains[relation].add(op)
    for chain in chains.values():
        yield from horizons.remaining(chain.items)


def _node(label: str, role: str, names: tuple[str, ...], row: Row) -> NodeUpsert:
    properties = None if row.get(f"_gone_{role}") else {n: row[n] for n in names if n in row}
    return NodeUpsert(label, row["id"], role, row[f"_pos_{role}"], row[f"_known_{role}"], properties)
