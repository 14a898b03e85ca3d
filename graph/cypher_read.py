"""The Cypher of reading around events: one statement for a whole micro-batch, whatever is looked at.

It gives versions, not neighbourhoods: the newest of each node, relation and direction that count for one of the
events, each once, with what ended them and all that was said of them. The compiled walk makes neighbourhoods of these
(graph/neo4j_around.py). Every branch is served by a composite (endpoint, time) index, newest first: 1.6 ms on a hub of
100,000 edges, 46 ms by expanding it.
"""

from __future__ import annotations

from graph.cypher import GONE, INCOMPLETE, LABEL, OWNER, PLANNED_ONCE, POS, name
from graph.model import Look
from graph.schema import GraphSchema, Relation

SAID = ("id", "_known", "_closed_pos", "_closed_ms", "_floor_pos", "_floor_ms")  # of a version, in its row's order
EDGE = (*SAID, "time", "_src", "_dst")  # an edge's row, behind its labels' rows; its attributes follow
LABELLED = (*SAID, "fraud")  # a label's row
ENDS = ("_src", "_dst")


def attributes(schema: GraphSchema) -> tuple[str, ...]:
    """The attributes that follow in an edge's row, of whatever relation it is; null where it has none."""
    return tuple(sorted({name(each) for relation in schema.relations for each in relation.attributes}))


def around(schema: GraphSchema, look: Look) -> str:
    """Everything a micro-batch ($b.events) looks at; of edges at most $b.most.

    One row, of no relation, holds how many marks of incomplete rows there are: Neo4j keeps their count. Between hops
    the frontier is deduplicated, as edges are behind the last.
    """
    first, *further = map(int, look.caps.per_hop)
    near = max(first, int(look.back))
    parts = [
        f"{PLANNED_ONCE}MATCH (i:{INCOMPLETE}) WITH count(i) AS marks "  # WITH, or it is counted by a scan
        "RETURN null AS relation, [marks] AS edges UNION ALL",
        "UNWIND $b.events AS ev WITH ev, ev.ends AS frontier",
        f"CALL {{ WITH ev, frontier CALL {{ {_branches(schema, near)} }} RETURN collect(es) AS found }}",
    ]
    if look.tallied > near:
        parts.append(f"CALL {{ WITH ev, found CALL {{ {_tallied(schema, near, int(look.tallied))} }} "
                     "RETURN collect(es) AS tallied }")  # fmt: skip
    else:
        parts.append("WITH *, [] AS tallied")
    parts.append(f"WITH ev, frontier AS seen, found + tallied AS found, [es IN found | es[..{first}]] AS last")
    parts += [_next_hop(schema, cap) for cap in further]
    parts.append("UNWIND found AS es UNWIND es AS e WITH DISTINCT e LIMIT toInteger($b.most)")
    return "\n".join([*parts, _answer(schema)])


def _next_hop(schema: GraphSchema, cap: int) -> str:
    """From the nodes that the last edges are the first to name."""
    return (
        "CALL { WITH seen, last UNWIND last AS es UNWIND es AS e UNWIND [e._src, e._dst] AS node WITH node, seen "
        "WHERE NOT node IN seen RETURN collect(DISTINCT node) AS frontier }\n"
        f"CALL {{ WITH ev, frontier CALL {{ {_branches(schema, cap)} }} RETURN collect(es) AS more }}\n"
        "WITH ev, seen + frontier AS seen, found + more AS found, more AS last"
    )


def _answer(schema: GraphSchema) -> str:
    """A row for each relation: a row by itself for each edge costs a client more than what is in it."""
    row = ", ".join(f"e.{column}" for column in (*EDGE, *attributes(schema)))
    said = ", ".join(f"l.{column}" for column in LABELLED)
    return (
        f"WITH e, COLLECT {{ MATCH (l:{LABEL}) USING INDEX SEEK l:{LABEL}(event) WHERE l.event = {OWNER.format(x='e')} "
        f"RETURN [{said}] }} AS labels RETURN type(e) AS relation, collect([labels, {row}]) AS edges"
    )


def _branches(schema: GraphSchema, cap: int) -> str:
    """For each node of `frontier`, relation and direction a list `es` of the newest edges. A node is asked for the
    relations its label has: what is not in UNWIND's list costs no seek (a WHERE would stand behind the index).
    """
    return " UNION ALL ".join(
        f"WITH ev, frontier UNWIND [n IN frontier WHERE n STARTS WITH '{name(label)}:'] AS node "
        f"CALL {{ {_newest(schema, relation, end, cap)} }} RETURN es"
        for relation in schema.relations
        for end, label in zip(ENDS, (relation.source, relation.target), strict=True)
    )


def _tallied(schema: GraphSchema, near: int, most: int) -> str:
    """Of the event's own relation many more, at each of its ends where it stands there: where `near` were not all."""
    return " UNION ALL ".join(
        f"WITH ev, found UNWIND CASE WHEN ev.relation = '{name(relation.name)}' AND any(es IN found WHERE "
        f"size(es) = {near} AND type(es[0]) = ev.relation AND es[0].{end} = ev.{end[1:]}) "
        f"THEN [ev.{end[1:]}] ELSE [] END AS node CALL {{ {_newest(schema, relation, end, most)} }} RETURN es"
        for relation in schema.relations
        for end in ENDS
    )


def _newest(schema: GraphSchema, relation: Relation, end: str, cap: int) -> str:
    """The newest edges of a node, one relation, one direction. SEEK, or the planner may take the index for its order
    alone and scan it (tried at 200,000 edges with a cap of 256: minutes instead of milliseconds).
    """
    kind = name(relation.name)
    return (
        f"WITH ev, node MATCH ()-[e:{kind}]->() USING INDEX SEEK e:{kind}({end}, time) "
        f"WHERE e.{end} = node AND e.time < ev.t AND {_kept(schema, relation)}NOT e.id STARTS WITH ev.own "
        f"AND {_counts('e')} WITH e ORDER BY e.{end} DESC, e.time DESC, e.id DESC LIMIT {cap} RETURN collect(e) AS es"
    )


def _knows(pos: str, known: str) -> str:
    # CASE, not OR, here and below: of an OR the planner may make two index seeks and a sort, which reads a hub whole.
    return f"{known} <= ev.t AND CASE WHEN {pos} < ev.pos THEN true ELSE NOT {pos} STARTS WITH ev.source END"


def _counts(x: str) -> str:
    """Known to the event (see `graph.asof.Cut`), and neither closed nor emptied by then.

    Neo4j reads one property after the other, with a commit in between if one comes: what closes a version may show by
    half. It is being written now, so no event that is scored for good had heard of it (a null here is "not yet").
    """
    pos = POS.format(x=x)
    ends = [(f"{x}._closed_pos", f"{x}._closed_ms"), (f"{x}._floor_pos", f"{x}._floor_ms")]
    open_ = " AND ".join(f"coalesce(NOT ({_knows(end, ms)}), true)" for end, ms in ends)
    return f"{_knows(pos, f'{x}._known')} AND {open_}"


def _kept(schema: GraphSchema, relation: Relation) -> str:
    """Not behind the retention horizon (`ev.since`): a bound of the index where all edges of a relation have one."""
    bounded = "e.time >= ev.since AND "
    mixed = "CASE WHEN e.time >= ev.since THEN true ELSE NOT split(e.id, ':')[0] IN ev.windowed END AND "
    return {"none": "", "some": mixed, "all": bounded}[schema.reach(relation)]


def arrived(schema: GraphSchema) -> str:
    """Which of these changes are here, by version id: the version an event is of ($b.of_RELATION: its `id`, `own` what
    its owner's ids begin with, `pos`), a deletion that closed one, or one that waits ($b.ids).
    """
    parts = [
        f"UNWIND $b.of_{kind} AS v MATCH ()-[e:{kind}]->() USING INDEX SEEK e:{kind}(id) WHERE e.id STARTS WITH v.own "
        "WITH v, e WHERE CASE WHEN e.id = v.id THEN true ELSE coalesce(e._closed_pos = v.pos, false) END "
        "RETURN v.id AS id"
        for kind in (name(relation.name) for relation in schema.relations)
    ]
    parts.append(f"UNWIND $b.ids AS id MATCH (g:{GONE}) USING INDEX SEEK g:{GONE}(id) WHERE g.id = id RETURN id")
    return f"{PLANNED_ONCE}CALL {{ {' UNION ALL '.join(parts)} }} RETURN id"
