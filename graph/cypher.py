"""The Cypher of the Neo4j store. Values travel as parameters; the names built into a statement come
from the mapping, which admits only letters, digits and underscores (`mapping_file.IDENTIFIER`).

Bookkeeping properties start with an underscore, which no mapped name can. An edge's `id` is its
version id (`owner@position`), unique per relation; the versions of one owner are a prefix search.
Owner and position are read out of it (`OWNER`, `POS`) and not stored again: a position is too long to be
kept inside a property record, and a string of its own cost a fifth of the whole write.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from graph.mapping_file import IDENTIFIER
from graph.schema import GraphSchema, Relation

GONE, LABEL, FLOOR, WRITER = "_Gone", "_Label", "_Floor", "_Writer"
INCOMPLETE, HORIZON = "_Incomplete", "_Horizon"  # graph/cypher_keep.py
EDGE = ("id", "time", "_known", "_src", "_dst")  # what every edge has, in the order of its row behind its two ends
ENDING = ("_closed_pos", "_closed_ms", "_closed_gone", "_floor_pos", "_floor_ms")  # and what may end it
POS = "last(split({x}.id, '@'))"  # a position holds no @ (ingest.debezium), an owner may
OWNER = f"left({{x}}.id, size({{x}}.id) - size({POS}) - 1)"


def name(text: str) -> str:
    """A name fit to stand in a statement.

    Raises:
        ValueError: it is not a plain identifier.
    """
    if not re.fullmatch(IDENTIFIER, text):
        raise ValueError(f"{text!r} can't be a name in the graph: letters, digits and underscores only")
    return text


def constraints(schema: GraphSchema) -> dict[str, str]:
    """What has to exist before the first write: constraint or index name → statement."""
    made = {}
    for label in schema.labels:
        made[f"rw_node_{label}"] = f"FOR (n:{name(label)}) REQUIRE n.id IS UNIQUE"
    for relation in schema.relations:
        made[f"rw_edge_{relation.name}"] = f"FOR ()-[e:{name(relation.name)}]-() REQUIRE e.id IS UNIQUE"
    for label in (GONE, LABEL, FLOOR, WRITER, INCOMPLETE, HORIZON):
        made[f"rw{label}"] = f"FOR (n:{label}) REQUIRE n.id IS UNIQUE"
    statements = {key: f"CREATE CONSTRAINT {key} IF NOT EXISTS {rest}" for key, rest in made.items()}
    for relation in schema.relations:
        for end in ("_src", "_dst"):
            key = f"rw{end}_{relation.name}"
            statements[key] = f"CREATE INDEX {key} IF NOT EXISTS FOR ()-[e:{relation.name}]-() ON (e.{end}, e.time)"
    statements["rw_label_event"] = f"CREATE INDEX rw_label_event IF NOT EXISTS FOR (n:{LABEL}) ON (n.event)"
    return statements


# Each statement has one text for all batches (an empty list does nothing), so it is planned once; planning it
# took 0.8 s on a busy machine, a batch takes 15 ms. Lists travel inside one map, $b: Neo4j plans anew for each
# order of magnitude of a list parameter. Hints pin the plan, so it need not follow the statistics.
PLANNED_ONCE = "CYPHER replan=skip "


# Writers take turns: relationships lock their end nodes in an order of Neo4j's own, so two batches that share
# nodes would deadlock however they are sorted. The lock is gone with its transaction, which has a time-out.
# The value is a constant: `w._turn = w._turn` takes no lock where no `_turn` was ever written (tried on 5.26.12).
TAKE_TURN = f"MERGE (w:{WRITER} {{id: 'graph'}}) SET w._turn = 1"
IN_TURN = f"{PLANNED_ONCE}CALL {{ {TAKE_TURN} }} "
TURN_S = 25.0  # waiting for it included; whoever is gone, or was stopped, loses it after this long


def read_state(schema: GraphSchema) -> str:
    """What a batch has to know, in one round trip: the versions of its owners per kind (`LABEL` for labels,
    else a relation), their deletion markers, the floors of its tables. Takes this writer's turn first.
    """
    parts = [f"{match} RETURN '{kind}' AS kind, properties(x) AS p" for kind, match in _stored(schema).items()]
    parts.append(f"MATCH (x:{FLOOR}) WHERE x.table IN $b.tables RETURN '{FLOOR}' AS kind, properties(x) AS p")
    return f"{IN_TURN}CALL {{ {' UNION ALL '.join(parts)} }} RETURN kind, p"


def _shapes(schema: GraphSchema) -> dict[str, str]:
    """By kind, the pattern of everything that has an owner: versions (`x`) and markers."""
    shapes = {relation.name: f"()-[x:{name(relation.name)}]->()" for relation in schema.relations}
    return {**shapes, LABEL: f"(x:{LABEL})", GONE: f"(x:{GONE})"}


def _stored(schema: GraphSchema) -> dict[str, str]:
    """By kind, what finds the owners' versions (`x`), and their markers."""
    shapes = _shapes(schema)
    # Markers are rare: their count is kept by Neo4j, so where there is none, none is looked for.
    some = {GONE: f"MATCH (g:{GONE}) WITH count(g) AS markers WHERE markers > 0 "}
    owners = {kind: f"$b.owners_{kind}" for kind in shapes if kind != GONE}
    owners[GONE] = " + ".join(owners.values())
    return {
        kind: f"{some.get(kind, '')}UNWIND {owners[kind]} AS o MATCH {shape} USING INDEX x:{kind}(id) "
        "WHERE x.id STARTS WITH o + '@'"
        for kind, shape in shapes.items()
    }


def write_new(schema: GraphSchema) -> str:
    """A batch of rows that are all new, in one round trip: `write` if the graph knows nothing of its owners and no
    floor lies above the batch's oldest position ($b.oldest). Else it writes nothing, and gives no row.
    """
    parts = [f"{match} RETURN 1 AS one LIMIT 1" for match in _stored(schema).values()]
    parts.append(f"MATCH (x:{FLOOR}) WHERE x.table IN $b.tables AND $b.oldest < x.pos RETURN 1 AS one LIMIT 1")
    known = f"CALL {{ {' UNION ALL '.join(parts)} }} WITH count(*) AS known WHERE known = 0"
    return f"{IN_TURN}{known} {_blocks(schema)} RETURN 1 AS done"


def write(schema: GraphSchema) -> str:
    """A whole batch in one round trip: properties ($b.nodes_LABEL_ROLE: rows), then edges with their end nodes,
    then what closes versions, labels and markers.
    """
    return f"{PLANNED_ONCE}{_blocks(schema)} RETURN 1 AS done"


def _blocks(schema: GraphSchema) -> str:
    blocks = [nodes(label, role, f"nodes_{label}_{role}") for label, role in sorted(schema.properties)]
    blocks += [create_edges(relation, f"created_{relation.name}") for relation in schema.relations]
    blocks += [close_edges(relation.name, f"closed_{relation.name}") for relation in schema.relations]
    blocks += [merge_kept(LABEL, "labels"), merge_kept(GONE, "marked"), drop_markers("unmarked")]
    return " ".join(f"CALL {{ {block} }}" for block in blocks)


def nodes(label: str, role: str, rows: str) -> str:
    """Properties of a node, if newer (`NodeUpsert.place`). The lock is taken before the guard reads: Neo4j is
    read-committed.
    """
    pos, gone = f"n._pos_{name(role)}", f"_gone_{name(role)}"
    return (
        f"UNWIND $b.{rows} AS row MERGE (n:{name(label)} {{id: row.id}}) SET {pos} = {pos} "
        f"WITH n, row WHERE coalesce({pos}, '') < row.pos "
        f"OR ({pos} = row.pos AND n.{gone} AND row.properties.{gone} IS NULL) SET n += row.properties"
    )


def create_edges(relation: Relation, rows: str) -> str:
    """New versions, a list each (`neo4j_rows.edge_row`): with a map each, and `SET e = row.p`, Neo4j took a tenth more
    and the client twice the time. An end that has not arrived yet becomes a node with an id and nothing else.
    """
    columns = [*EDGE, *map(name, relation.attributes), *ENDING]
    properties = ", ".join(f"{column}: row[{at}]" for at, column in enumerate(columns, start=2))
    return (
        f"UNWIND $b.{rows} AS row MERGE (s:{name(relation.source)} {{id: row[0]}}) "
        f"MERGE (d:{name(relation.target)} {{id: row[1]}}) CREATE (s)-[:{name(relation.name)} {{{properties}}}]->(d)"
    )


def close_edges(relation: str, rows: str) -> str:
    """What closes a version, and the floor it lies below."""
    return (
        f"UNWIND $b.{rows} AS row MATCH ()-[e:{name(relation)}]->() USING INDEX e:{relation}(id) "
        "WHERE e.id = row.id SET e += row.p"
    )


def merge_kept(label: str, rows: str) -> str:
    """Labels and markers, new or closed."""
    return f"UNWIND $b.{rows} AS row MERGE (n:{label} {{id: row.id}}) SET n += row.p"


def drop_markers(rows: str) -> str:
    """Markers that a version has taken over."""
    return f"UNWIND $b.{rows} AS id MATCH (n:{GONE} {{id: id}}) DELETE n"


# -- floors, in transactions of their own: a table may have millions of rows --------------------

# Each chunk is a writer that takes its turn: it looks what lies below, and what another had just written would not
# show (read-committed), and be overwritten.
CHUNK = 2_000  # rows of a floor's transaction: for some 60 ms nobody else writes
PUT_FLOOR = (
    f"CALL {{ {TAKE_TURN} }} MERGE (f:{FLOOR} {{id: $table + '@' + $pos}}) "
    "SET f.table = $table, f.pos = $pos, f.known = $known"
)


def _chunk(x: str, condition: str, assignment: str) -> str:
    """Walk on from $after in the order of the index on the id, set what lies below; tells how far it came."""
    return (
        f"WITH {x} ORDER BY {x}.id LIMIT {CHUNK} WITH {x}, {x}.id AS id, {condition} AS below "
        f"FOREACH (_ IN CASE WHEN below THEN [1] ELSE [] END | SET {assignment}) RETURN max(id) AS after, count(*) AS n"
    )


def _versions_below(x: str) -> str:
    """`;` comes right after `:`, so the range is the table's owners."""
    below = f"{POS.format(x=x)} < $pos AND ({x}._floor_pos IS NULL OR $pos < {x}._floor_pos)"
    return f"WHERE {x}.id > $after AND {x}.id > $table + ':' AND {x}.id < $table + ';' " + _chunk(
        x, below, f"{x}._floor_pos = $pos, {x}._floor_ms = $known"
    )


def _in_turn(chunk: str) -> str:
    return f"{IN_TURN}CALL {{ {chunk} }} RETURN after, n"


def floor_edges(relation: str) -> str:
    """Everything of the table below the floor ends there; one chunk."""
    return _in_turn(f"MATCH ()-[e:{name(relation)}]->() USING INDEX e:{relation}(id) " + _versions_below("e"))


FLOOR_LABELS = _in_turn(f"MATCH (n:{LABEL}) USING INDEX n:{LABEL}(id) " + _versions_below("n"))


def floor_nodes(label: str, role: str) -> str:
    """A node's properties of the table are gone; one chunk."""
    below = f"coalesce(n._pos_{name(role)} < $pos, false)"
    walk = f"MATCH (n:{name(label)}) USING INDEX n:{label}(id) WHERE n.id > $after "
    return _in_turn(walk + _chunk("n", below, "n += $properties"))


# -- dumping, a page at a time, in the order of the index on the id --------------------------------

# Each page takes its turn among the writers, or it might see by half what one commits: Neo4j reads the index ahead of
# the properties (graph.neo4j_dump). What is looked for among a page's rows is looked for behind its LIMIT: the turn is
# not held for longer where little is found.
PAGE = 2_000  # rows: for some 30 ms nobody writes


def _page(rows: str) -> str:
    return f"{IN_TURN}CALL {{ {rows} }} RETURN kind, p, at ORDER BY at"


def _behind(match: str, x: str) -> str:
    return f"{match} WHERE {x}.id > $after WITH {x}, {x}.id AS at ORDER BY at LIMIT toInteger($most)"


def page_of_kept(label: str) -> str:
    """The first $most floors or marks behind the id $after."""
    return _page(
        _behind(f"MATCH (n:{label}) USING INDEX n:{label}(id)", "n") + " RETURN null AS kind, properties(n) AS p, at"
    )


def page_of_nodes(label: str, roles: Sequence[str]) -> str:
    """The first $most nodes behind the id $after; `p` is null where none of the roles gave any properties."""
    there = " OR ".join(f"n._pos_{name(role)} IS NOT NULL" for role in roles)
    return _page(
        _behind(f"MATCH (n:{name(label)}) USING INDEX n:{label}(id)", "n")
        + f" RETURN null AS kind, CASE WHEN {there} THEN properties(n) END AS p, at"
    )


def page_of_versions(schema: GraphSchema) -> str:
    """The first $most versions, labels and markers behind the id $after: `kind` is a relation, `LABEL` or `GONE`."""
    parts = [
        _behind(f"MATCH {shape} USING INDEX x:{kind}(id)", "x") + f" RETURN '{kind}' AS kind, x, at"
        for kind, shape in _shapes(schema).items()
    ]
    first = f"CALL {{ {' UNION ALL '.join(parts)} }} WITH kind, x, at ORDER BY at LIMIT toInteger($most)"
    return _page(f"{first} RETURN kind, properties(x) AS p, at")
