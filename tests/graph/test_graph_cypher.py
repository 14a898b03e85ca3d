"""Statements are built of a schema's checked names only; values travel as parameters."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from histories import demo_mapping

from graph import cypher, cypher_keep, cypher_read
from graph.model import Caps, Look
from graph.schema import GraphSchema, Relation

SCHEMA = demo_mapping().schema
BAD = ["", "1a", "_x", "a b", "a`b", "a:b", "a) DETACH DELETE (n", "a\n", "\u00e4", "a" * 64, "a}//"]
LONG = Look(Caps((16, 8)), 256, 4_096)
OF_A_SCHEMA: dict[str, Callable[[GraphSchema], object]] = {
    "constraints": cypher.constraints,
    "read_state": cypher.read_state,
    "write": cypher.write,
    "around": lambda schema: cypher_read.around(schema, LONG),
    "arrived": cypher_read.arrived,
}


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_identifier_is_refused(text: str) -> None:
    """Also a trailing newline, which a careless pattern lets pass."""
    with pytest.raises(ValueError, match="can't be a name"):
        cypher.name(text)


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("make", OF_A_SCHEMA.values())
def test_no_statement_takes_a_relation_that_is_none(make: Callable[[GraphSchema], object], bad: str) -> None:
    """Should a schema ever come from elsewhere than a mapping."""
    with pytest.raises(ValueError, match="can't be a name"):
        make(GraphSchema(("A", "B"), (Relation(bad, "A", "B"),), {}))


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("make", [cypher.constraints, cypher.write], ids=["constraints", "write"])
def test_no_statement_takes_a_label_that_is_none(make: Callable[[GraphSchema], object], bad: str) -> None:
    """Labels of nodes."""
    with pytest.raises(ValueError, match="can't be a name"):
        make(GraphSchema((bad,), (), {(bad, "t"): ("x",)}))


@pytest.mark.parametrize("bad", BAD)
def test_no_statement_takes_other_parts_that_are_none(bad: str) -> None:
    """Roles, and the ends of relations."""
    made: list[Callable[[], object]] = [
        lambda: cypher.write(GraphSchema(("A",), (), {("A", bad): ("x",)})),
        lambda: cypher.write(GraphSchema(("A",), (Relation("R", bad, "A"),), {})),
        lambda: cypher.write(GraphSchema(("A",), (Relation("R", "A", bad),), {})),
        lambda: cypher.write(GraphSchema(("A",), (Relation("R", "A", "A", attributes=(bad,)),), {})),
        lambda: cypher_keep.drop_edges(bad), lambda: cypher_keep.old_edges(Relation(bad, "A", "A")),
        lambda: cypher_keep.old_edges(Relation("R", bad, "A")),
        lambda: cypher.floor_edges(bad), lambda: cypher.floor_nodes(bad, "t"), lambda: cypher.floor_nodes("A", bad),
    ]  # fmt: skip
    for make in made:
        with pytest.raises(ValueError, match="can't be a name"):
            make()


@pytest.mark.parametrize("make", OF_A_SCHEMA.values(), ids=OF_A_SCHEMA)
def test_a_statement_is_a_function_of_the_schema(make: Callable[[GraphSchema], object]) -> None:
    """It is made before any data is there; quoted in it are our own words only."""
    text = str(make(SCHEMA))
    names = {*SCHEMA.labels, *(relation.name for relation in SCHEMA.relations)}
    quoted = set(re.findall(r"'([^']*)'", text)) if not text.startswith("{") else set()
    ends = {f"{label}:" for label in SCHEMA.labels}
    assert quoted <= names | ends | {"", "@", ":", ";", "graph", cypher.LABEL, cypher.GONE, cypher.FLOOR}


def test_the_caps_are_the_only_numbers() -> None:
    """Whole numbers of our own."""
    said = set(re.findall(r"LIMIT ([^\s}]+)", cypher_read.around(SCHEMA, LONG)))
    assert said == {"256", "8", "4096", "toInteger($b.most)"}
    with pytest.raises(ValueError, match="invalid literal"):
        cypher_read.around(SCHEMA, Look(Caps(("1 RETURN e //",))))  # type: ignore[arg-type]


def test_only_a_relation_that_may_hold_old_edges_is_asked_for_old_ones() -> None:
    """By a bound of the index where all its tables have a window, by the edge's table where some have."""
    a, b = Relation("R", "A", "A", tables=("t",)), Relation("S", "A", "A", tables=("t", "u"))
    schema = GraphSchema(("A",), (a, b, Relation("T", "A", "A", tables=("u",))), {}, ("t",))
    text = cypher_read.around(schema, Look(Caps((9,))))
    branches = {name: next(part for part in text.split("UNION ALL") if f"[e:{name}]" in part) for name in "RST"}
    assert "AND e.time >= ev.since AND" in branches["R"] and "ev.windowed" not in branches["R"]
    assert "e.time >= ev.since THEN true ELSE NOT split(e.id, ':')[0] IN ev.windowed" in branches["S"]
    assert "ev.since" not in branches["T"].partition("RETURN collect")[0]


def test_no_or_stands_between_a_reader_and_the_index() -> None:
    """Of an OR Neo4j makes two seeks and a sort: a hub of 34,000 edges took 800 ms instead of 8."""
    assert " OR " not in cypher_read.around(SCHEMA, LONG) + cypher_read.arrived(SCHEMA)


def test_a_node_is_asked_only_for_the_relations_its_label_has() -> None:
    """Before the index, by what is unwound: a WHERE would be looked at behind it (8 ms an event instead of 5)."""
    text = cypher_read.around(SCHEMA, Look(Caps((16,))))
    for relation in SCHEMA.relations:
        for end, label in (("_src", relation.source), ("_dst", relation.target)):
            assert (f"WHERE n STARTS WITH '{label}:'] AS node CALL {{ WITH ev, node MATCH ()-[e:{relation.name}]->() "
                    f"USING INDEX SEEK e:{relation.name}({end}, time)") in text  # fmt: skip


def test_every_index_is_asked_for_a_seek() -> None:
    """Without the word the planner may scan an index for the sake of its order: minutes on 200,000 edges of a bank."""
    text = cypher_read.around(SCHEMA, LONG) + cypher_read.arrived(SCHEMA)
    assert text.count("USING INDEX") == text.count("USING INDEX SEEK") == text.count("MATCH (") - 1  # but the count
