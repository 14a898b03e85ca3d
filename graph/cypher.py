"""The Cypher of the Neo4j store. Values travel as parameters; the names built into a statement come
from the mapping, which admits only letters, digits and underscores (`mapping_file.IDENTIFIER`).

Bookkeeping properties start with an underscore, which no mapped name can. An edge's `id` is its
version id (`owner@position`), unique per relation; the versions of one owner are a prefix search.
"""

from __future__ import annotations

import re

from graph.mapping_file import IDENTIFIER
from graph.schema import GraphSchema, Relation

GONE, LABEL, FLOOR = "_Gone", "_Label", "_Floor"
INCOMPLETE, HORIZON = "_Incomplete", "_Horizon"  # graph/cypher_keep.py


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
    for label in (GONE, LABEL, FLOOR, INCOMPLETE, HORIZON):
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


def read_state(schema: GraphSchema) -> str:
    """What a batch has to know, in one round trip: the versions of its owners per kind (`LABEL` for labels,
    else a relation), their deletion markers, the floors of its tables.
    """
    shapes = {relation.name: f"()-[x:{name(relation.name)}]->()" for relation in schema.relations}
    shapes |= {LABEL: f"(x:{LABEL})", GONE: f"(x:{GONE})"}
    parts = [
        f"UNWIND $b.owners_{kind} AS o MATCH {shape} USING INDEX x:{kind}(id) "
        f"WHERE x.id STARTS WITH o + '@' RETURN '{kind}' AS kind, properties(x) AS p"
        for kind, shape in shapes.items()
    ]
    parts.append(f"MATCH (x:{FLOOR}) WHERE x.table IN $b.tables RETURN '{FLOOR}' AS kind, properties(x) AS p")
    return PLANNED_ONCE + " UNION ALL ".join(parts)


def write_nodes(schema: GraphSchema) -> str:
    """Endpoints ($b.stubs_LABEL: ids) and properties ($b.nodes_LABEL_ROLE: rows) in one round trip."""
    blocks = [stubs(label, f"stubs_{label}") for label in schema.labels]
    blocks += [nodes(label, role, f"nodes_{label}_{role}") for label, role in sorted(schema.properties)]
    return _together(blocks)


def write_ops(schema: GraphSchema) -> str:
    """Versions, what closes them, labels and markers in one round trip."""
    blocks = [create_edges(relation, f"created_{relation.name}") for relation in schema.relations]
    blocks += [close_edges(relation.name, f"closed_{relation.name}") for relation in schema.relations]
    blocks += [merge_kept(LABEL, "labels"), merge_kept(GONE, "marked"), drop_markers("unmarked")]
    return _together(blocks)


def _together(blocks: list[str]) -> str:
    return PLANNED_ONCE + " ".join(f"CALL {{ {block} }}" for block in blocks) + " RETURN 1 AS done"


def stubs(label: str, rows: str) -> str:
    """Endpoints that have not arrived yet: a node with an id and nothing else."""
    return f"UNWIND $b.{rows} AS id MERGE (:{name(label)} {{id: id}})"


def nodes(label: str, role: str, rows: str) -> str:
    """Properties of a node, if newer. The lock is taken before the guard reads (Neo4j is read-committed)."""
    pos = f"n._pos_{name(role)}"
    return (
        f"UNWIND $b.{rows} AS row MERGE (n:{name(label)} {{id: row.id}}) SET {pos} = {pos} "
        f"WITH n, row WHERE coalesce({pos}, '') < row.pos SET n += row.properties"
    )


def create_edges(relation: Relation, rows: str) -> str:
    """New versions; their endpoints exist."""
    return (
        f"UNWIND $b.{rows} AS row MATCH (s:{name(relation.source)} {{id: row.s}}) MATCH (d:{name(relation.target)} "
        f"{{id: row.d}}) CREATE (s)-[e:{name(relation.name)}]->(d) SET e = row.p"
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


PUT_FLOOR = f"MERGE (f:{FLOOR} {{id: $table + '@' + $pos}}) SET f.table = $table, f.pos = $pos, f.known = $known"
_BELOW = (
    "{x}._pos < $pos AND ({x}._floor_pos IS NULL OR $pos < {x}._floor_pos) "
    "SET {x}._floor_pos = $pos, {x}._floor_ms = $known"
)


def floor_edges(relation: str) -> str:
    """Everything of the table below the floor ends there."""
    return f"MATCH ()-[e:{name(relation)}]->() WHERE e.id STARTS WITH $table + ':' AND " + _BELOW.format(x="e")


FLOOR_LABELS = f"MATCH (n:{LABEL}) WHERE n.id STARTS WITH $table + ':' AND " + _BELOW.format(x="n")


def floor_nodes(label: str, role: str) -> str:
    """A node's properties of the table are gone."""
    return f"MATCH (n:{name(label)}) WHERE n._pos_{name(role)} < $pos SET n += $properties"


# -- dumping, in the order of the index on the id: no sort, so no memory -----------------------


def all_edges(relation: str) -> str:
    """Every version of a relation, by id."""
    return (
        f"MATCH ()-[e:{name(relation)}]->() USING INDEX e:{relation}(id) WHERE e.id > '' "
        "RETURN properties(e) AS p ORDER BY e.id"
    )


ALL_LABELS = f"MATCH (n:{LABEL}) USING INDEX n:{LABEL}(id) WHERE n.id > '' RETURN properties(n) AS p ORDER BY n.id"

# -- reading ------------------------------------------------------------------------------------


def _knows(pos: str, known: str) -> str:
    return f"{known} <= ev.t AND ({pos} < ev.pos OR NOT {pos} STARTS WITH ev.source)"


def _counts(x: str) -> str:
    """`graph.asof.Cut.knows`, in Cypher."""
    ends = [(f"{x}._closed_pos", f"{x}._closed_ms"), (f"{x}._floor_pos", f"{x}._floor_ms")]
    open_ = " AND ".join(f"({pos} IS NULL OR NOT ({_knows(pos, ms)}))" for pos, ms in ends)
    return f"{_knows(f'{x}._pos', f'{x}._known')} AND {open_}"


def _kept(schema: GraphSchema, relation: Relation) -> str:
    """Not behind the retention horizon (`ev.since`): a bound of the index where all edges of a relation have one."""
    bounded = "e.time >= ev.since AND "
    mixed = "(e.time >= ev.since OR NOT split(e._owner, ':')[0] IN ev.windowed) AND "
    return {"none": "", "some": mixed, "all": bounded}[schema.reach(relation)]


def _newest(relation: str, end: str, cap: int, kept: str) -> str:
    """The newest edges of a node, one relation, one direction."""
    return (
        f"WITH ev, node MATCH ()-[e:{name(relation)}]->() USING INDEX e:{relation}({end}, time) "
        f"WHERE e.{end} = node AND e.time < ev.t AND {kept}e._owner <> ev.id AND {_counts('e')} "
        f"RETURN e ORDER BY e.{end} DESC, e.time DESC, e.id DESC LIMIT {cap}"
    )


def subgraphs(schema: GraphSchema, per_hop: tuple[int, ...]) -> str:
    """The neighbourhoods of a micro-batch in one round trip; the frontier is deduplicated between hops.

    Each branch is served by the (endpoint, time) index, newest first (46 ms → 1.6 ms on a hub of
    100,000 edges, DESIGN.md).
    """
    parts = [PLANNED_ONCE + "UNWIND $b.events AS ev", "WITH ev, ev.ends AS seen, ev.ends AS frontier, [] AS found"]
    for hop, cap in enumerate(per_hop, start=1):
        branches = " UNION ALL ".join(
            _newest(relation.name, end, int(cap), _kept(schema, relation))
            for relation in schema.relations
            for end in ("_src", "_dst")
        )
        each = f"UNWIND frontier AS node CALL {{ {branches} }}"
        parts.append(f"CALL {{ WITH ev, frontier {each} RETURN collect(DISTINCT e) AS es }}")
        parts.append(f"WITH ev, seen, found + [e IN es | {{e: e, hop: {hop}}}] AS found, es")
        parts.append(
            "CALL { WITH es, seen UNWIND es AS e UNWIND [e._src, e._dst] AS node WITH node, seen "
            "WHERE NOT node IN seen RETURN collect(DISTINCT node) AS frontier }"
        )
        parts.append("WITH ev, seen + frontier AS seen, frontier, found")
    parts.append(
        "RETURN ev.i AS i, [x IN found | {relation: type(x.e), p: properties(x.e), hop: x.hop, labels: "
        f"COLLECT {{ MATCH (l:{LABEL}) WHERE l.event = x.e._owner AND l._known >= ev.since AND {_counts('l')} "
        "RETURN [l._known, l._pos, l.fraud] }}] AS edges"
    )
    return "\n".join(parts)
