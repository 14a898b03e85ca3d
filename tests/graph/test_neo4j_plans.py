"""How Neo4j means to carry the writing statements out: by indexes alone, though planned on an empty graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import neo4j
import pytest
from histories import demo_mapping

from graph import cypher
from graph.neo4j_batch import Batch
from graph.neo4j_driver import query
from graph.neo4j_store import Neo4jStore

pytestmark = pytest.mark.stack
SCHEMA = demo_mapping().schema
NOTHING = Batch(SCHEMA, ()).new()


def operators(plan: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(operator, its details), the whole tree."""
    yield plan["operatorType"].partition("@")[0], str(plan["args"].get("Details", ""))
    for child in plan.get("children", ()):
        yield from operators(child)


@pytest.mark.parametrize(
    "text", [cypher.floor_edges("TRANSFER"), cypher.FLOOR_LABELS, cypher.floor_nodes("User", "users")],
    ids=["edges", "labels", "nodes"],
)  # fmt: skip
def test_a_floor_walks_in_the_order_of_an_index(neo4j_driver: neo4j.Driver, text: str) -> None:
    """A chunk that sorted would read the rest of the table each time."""
    Neo4jStore(neo4j_driver, SCHEMA).init()
    given = {"after": "", "table": "users", "pos": "b/1", "known": 1, "properties": {}}
    with neo4j_driver.session() as session:
        plan = session.run(query(f"EXPLAIN {text}"), given).consume().plan
    names = [name for name, _ in operators(plan or {})]
    assert "Limit" in names and not {"Sort", "Top", "PartialSort", "PartialTop"} & set(names)
    assert [name for name in names if "Scan" in name and "Index" not in name] == []


@pytest.mark.parametrize("text", [cypher.read_state(SCHEMA), cypher.write(SCHEMA), cypher.write_new(SCHEMA)],
                         ids=["read_state", "write", "write_new"])  # fmt: skip
def test_nothing_is_scanned_but_floors(neo4j_driver: neo4j.Driver, text: str) -> None:
    """A scan is nothing on the empty graph it is planned on, and hours on a bank's."""
    Neo4jStore(neo4j_driver, SCHEMA).init()
    neo4j_driver.execute_query("MATCH (n) DETACH DELETE n")
    with neo4j_driver.session() as session:
        plan = session.run(query(f"EXPLAIN {text}"), b=NOTHING).consume().plan
    found = list(operators(plan or {}))
    assert len(found) > 5
    assert [(name, told) for name, told in found if "Scan" in name and cypher.FLOOR not in told] == []
