"""The Cypher that reads what stands now, for `ringwatch graph verify`. One text each, hints that pin the
plan, one map of parameters: see `graph.cypher`.
"""

from __future__ import annotations

from graph import cypher
from graph.schema import GraphSchema

OPEN = "x._closed_pos IS NULL AND x._floor_pos IS NULL"


def held(schema: GraphSchema) -> str:
    """The open versions of owners ($b.owners_KIND), the properties that stand of nodes ($b.nodes_LABEL_ROLE)."""
    parts = [
        f"UNWIND $b.owners_{kind} AS o MATCH {_shape(kind)} USING INDEX x:{kind}(id) "
        f"WHERE x.id STARTS WITH o + '@' AND {OPEN} RETURN '{kind}' AS kind, '' AS role, properties(x) AS p"
        for kind in kinds(schema)
    ]
    parts += [
        f"UNWIND $b.nodes_{label}_{role} AS o MATCH (x:{cypher.name(label)}) USING INDEX x:{label}(id) "
        f"WHERE x.id = o AND {_stands(role)} RETURN '{label}' AS kind, '{role}' AS role, properties(x) AS p"
        for label, role in sorted(schema.properties)
    ]
    return cypher.PLANNED_ONCE + " UNION ALL ".join(parts)


def kinds(schema: GraphSchema) -> list[str]:
    """What owners own: the relations, and labels."""
    return [*(cypher.name(relation.name) for relation in schema.relations), cypher.LABEL]


def standing(kind: str) -> str:
    """A page of open owners of a relation, or of labels, by id: between $b.after and $b.end."""
    return cypher.PLANNED_ONCE + (
        f"MATCH {_shape(kind)} USING INDEX x:{kind}(id) WHERE x.id > $b.after AND x.id < $b.end AND {OPEN} "
        "RETURN x.id AS id ORDER BY x.id LIMIT $b.limit"
    )


def standing_nodes(label: str, role: str) -> str:
    """A page of the ids of nodes that a table gives properties to, behind $b.after."""
    return cypher.PLANNED_ONCE + (
        f"MATCH (x:{cypher.name(label)}) USING INDEX x:{label}(id) WHERE x.id > $b.after AND {_stands(role)} "
        "RETURN x.id AS id ORDER BY x.id LIMIT $b.limit"
    )


def _shape(kind: str) -> str:
    return f"(x:{kind})" if kind == cypher.LABEL else f"()-[x:{cypher.name(kind)}]->()"


def _stands(role: str) -> str:
    return f"x._pos_{cypher.name(role)} IS NOT NULL AND x._gone_{role} IS NULL"
