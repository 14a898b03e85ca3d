"""The Cypher of what a Neo4j store keeps and forgets: horizons, marks of incomplete rows, the sweep.

A sweep looks first, without a lock, and removes then, by id, in a transaction of its own. What is old is
found along the nodes' ids, each by its (endpoint, time) index: an index on the time alone would be one
more to keep for every write.
"""

from __future__ import annotations

from graph.cypher import GONE, HORIZON, IN_TURN, INCOMPLETE, LABEL, PLANNED_ONCE, merge_kept, name
from graph.schema import Relation

# The lock is taken before the guard reads (Neo4j is read-committed), here and below.
PUT_HORIZON = (
    f"MERGE (h:{HORIZON} {{id: $kind}}) SET h.before = h.before "
    "WITH h WHERE h.before IS NULL OR h.before < $before_ms SET h.before = $before_ms"
)
HORIZONS = f"MATCH (h:{HORIZON}) RETURN h.id AS kind, h.before AS before_ms"

PUT_MARKS = (
    f"UNWIND $b.marks AS row MERGE (i:{INCOMPLETE} {{id: row.id}}) SET i.seq = i.seq "
    "WITH i, row WHERE i.seq IS NULL OR i.seq < row.seq OR (i.seq = row.seq AND row.marked) "
    "SET i.seq = row.seq, i.marked = row.marked, i.pos = row.pos"
)
MARKED_AT_ALL = f"MATCH (i:{INCOMPLETE}) WHERE i.marked RETURN i.id AS row, coalesce(i.pos, '') AS pos LIMIT $most"
MARKED = (
    f"{PLANNED_ONCE}UNWIND $b.rows AS row MATCH (i:{INCOMPLETE} {{id: row}}) USING INDEX i:{INCOMPLETE}(id) "
    "WHERE i.marked RETURN i.id AS row"
)

MARKERS = (
    f"MATCH (g:{GONE}) WHERE g.known < $before_ms WITH split(g.owner, ':')[0] AS table, g.known AS known "
    "RETURN table, count(*) AS count, min(known) AS oldest_ms, max(known) AS newest_ms ORDER BY table"
)

# -- looking: $b holds after (an id), nodes (how many to look at), limit (ids per node) and the horizon ----


def old_edges(relation: Relation) -> str:
    """The next nodes by id, each with the ids of its outgoing edges that lie behind the horizon."""
    source, kind = name(relation.source), name(relation.name)
    return (
        f"{PLANNED_ONCE}MATCH (n:{source}) USING INDEX n:{source}(id) WHERE n.id > $b.after "
        "WITH n.id AS at ORDER BY at LIMIT toInteger($b.nodes) "
        f"CALL {{ WITH at MATCH ()-[e:{kind}]->() USING INDEX e:{kind}(_src, time) "
        f"WHERE e._src = '{source}:' + at AND e.time < $b.before_ms AND {windowed('e.id')} "
        "WITH e.id AS id LIMIT toInteger($b.limit) RETURN collect(id) AS old } "
        "RETURN at, old ORDER BY at"
    )


def windowed(owner: str) -> str:
    """Whether this owner's (or version's) table is one that retention speaks of ($b.windowed)."""
    return f"split({owner}, ':')[0] IN $b.windowed"


def _old_nodes(label: str, is_old: str) -> str:
    return (
        f"{PLANNED_ONCE}MATCH (n:{label}) USING INDEX n:{label}(id) WHERE n.id > $b.after "
        f"WITH n ORDER BY n.id LIMIT toInteger($b.nodes) RETURN n.id AS at, "
        f"CASE WHEN {is_old} THEN [n.id] ELSE [] END AS old ORDER BY at"
    )


OLD_LABELS = _old_nodes(LABEL, f"n._known < $b.before_ms AND {windowed('n.event')}")
OLD_MARKERS = _old_nodes(GONE, "n.known < $b.before_ms")
OLD_MARKS = _old_nodes(INCOMPLETE, "NOT n.marked")

# -- removing, in turn: a deletion locks its end nodes, like any writer. $b holds ids and purge_ms ---

# Returns the deletions that closed what went: they close nothing any more, so they are markers again, unless they
# are forgotten. (A MERGE of them in here made 20 rows take 2 s instead of 7 ms.)
_CLOSED = (
    "SET {x}._known = {x}._known WITH {x}, CASE WHEN {x}._closed_gone AND {x}._closed_ms >= $b.purge_ms "
    "THEN {{version: {x}.id, pos: {x}._closed_pos, known: {x}._closed_ms}} END AS gone "
    "DELETE {x} WITH gone WHERE gone IS NOT NULL RETURN gone"
)


def drop_edges(relation: str) -> str:
    """Edges, by id."""
    return (
        f"{IN_TURN}UNWIND $b.ids AS id MATCH ()-[e:{name(relation)}]->() USING INDEX e:{relation}(id) "
        "WHERE e.id = id " + _CLOSED.format(x="e")
    )


DROP_LABELS = f"{IN_TURN}UNWIND $b.ids AS id MATCH (n:{LABEL} {{id: id}}) " + _CLOSED.format(x="n")
PUT_MARKERS = f"{PLANNED_ONCE}{merge_kept(GONE, 'marked')}"
DROP_MARKERS = f"{IN_TURN}UNWIND $b.ids AS id MATCH (n:{GONE} {{id: id}}) DELETE n"
DROP_MARKS = (
    f"{IN_TURN}UNWIND $b.ids AS id MATCH (n:{INCOMPLETE} {{id: id}}) SET n.seq = n.seq "
    "WITH n WHERE NOT n.marked DELETE n"
)
