"""Cypher through names in a mapping and through data: refused, or nothing but text."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import neo4j
import pytest
from histories import KEY, canonical, demo_mapping

from deploy.config import Settings
from deploy.stack.control import up
from graph import cypher
from graph.mapping import Mapping
from graph.mapping_file import MappingError
from graph.mirror import Mirror
from graph.model import Caps, Event, NodeUpsert, Upsert
from graph.neo4j_driver import connect
from graph.neo4j_store import Neo4jStore
from graph.schema import GraphSchema
from graph.store import GraphStore, StoreRefused, StoreUnavailable
from ingest.events import Change, Op, Position

PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
MAPPING = """\
source = <source>
ignore = [<ignore>]
[tables.<table>]
key = ["id"]
[[tables.<table>.nodes]]
label = <label>
id = "id"
properties = { <property> = "name" }
[[tables.<table>.edges]]
role = <role>
relation = <relation>
source = { label = <label>, id = "id" }
target = { label = <other>, id = "to" }
time = "at"
attributes = { <attribute> = "amount" }
[[tables.<table>.labels]]
role = <reporting>
event = { key = "event", table_column = "of", roles = { <reported> = <role> } }
fraud = "fraud"
reported = "at"
"""
NAMES = {
    "source": "bank", "ignore": "audit", "table": "users", "label": "User", "property": "name", "role": "knows",
    "relation": "KNOWS", "other": "Person", "attribute": "amount", "reporting": "report", "reported": "users",
}  # fmt: skip
BAD = [
    "", "1a", "_a", "a b", "a`b", "`a`", "a'b", 'a"b',
    "a:b", "a.b", "a-b", "a\\b", "a}", "$b", "a/*", "a//", "a;b", "a|b",
    "a\nb", "a\x00", "ä", "А", "Ａ", "a\u200b", "aı", "a\u0301", "a²", "\ud7ff", "a" * 64, "A`) DETACH DELETE (n",
    "A {id: 1}) DETACH DELETE n //", "A\\u0060",
]  # fmt: skip
PADDED = ["a\n", "a\r\n", " a", "a\t", "a\u2028"]
RESERVED = ["MATCH", "NULL", "IN", "CASE", "CALL", "ORDER", "WITH", "NaN", "e"]  # each makes the plans longer


def written(tmp_path: Path, **names: str) -> Path:
    """A mapping file with these names in it, quoted as TOML wants them."""
    text = MAPPING
    for place, name in (NAMES | names).items():
        text = text.replace(f"<{place}>", json.dumps(name, ensure_ascii=False))
    path = tmp_path / "mapping.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_mapping_of_these_tests_is_taken(tmp_path: Path) -> None:
    """So that what is refused below is refused for its name."""
    text = written(tmp_path).read_text(encoding="utf-8").replace('role = "knows"', 'role = "knows"\nevent = true', 1)
    (tmp_path / "mapping.toml").write_text(text, encoding="utf-8")
    assert Mapping.load(tmp_path / "mapping.toml", KEY).labels == ("Person", "User")


@pytest.mark.parametrize("place", NAMES)
@pytest.mark.parametrize("bad", BAD)
def test_a_name_that_is_no_plain_identifier_is_refused(tmp_path: Path, place: str, bad: str) -> None:
    """Wherever it stands; the message names the field."""
    with pytest.raises(MappingError, match=r"expected a letter, then letters|not TOML"):
        Mapping.load(written(tmp_path, **{place: bad}), KEY)


@pytest.mark.parametrize("place", NAMES)
@pytest.mark.parametrize("padded", PADDED)
def test_blanks_around_a_name_never_reach_a_statement(tmp_path: Path, place: str, padded: str) -> None:
    """A careless pattern lets a newline pass at the end; here it is refused, or off."""
    path = written(tmp_path, **{place: padded})
    text = path.read_text(encoding="utf-8").replace("relation =", "event = true\nrelation =", 1)
    path.write_text(text, encoding="utf-8")
    try:
        schema = Mapping.load(path, KEY).schema
    except MappingError:
        return
    names = [*schema.labels, *(relation.name for relation in schema.relations)]
    names += [role for _, role in schema.properties]
    names += [name for given in schema.properties.values() for name in given]
    assert all(PLAIN.fullmatch(name) for name in names)


# -- on the real server --------------------------------------------------------------------------


EVIL = [
    "`) DETACH DELETE n //", "' OR 1=1 //", '"}) DETACH DELETE n //', "\\", "\\'", "\\u0060", "$b", "$b.users",
    "{id: 1}", "n.id", "null", "a\nMATCH (n) DETACH DELETE n",
    "a\x00b", "\x00", "é", "e\u0301", "\u202eabc", "\ufeffa", "\uffff",
    "\U0001f600", "a:b|c", "%3A", "%", "@", "x@bank/0001.1.00000001.0000000000000001.000000", "_Gone", "a\tb", "a b ",
    "LOAD CSV FROM 'file:///etc/hostname' AS line RETURN line", "CALL dbms.shutdown()", "x" * 256, "\U0001f600" * 256,
]  # fmt: skip


@pytest.fixture(scope="module")
def bolt(stack_settings: Settings) -> Iterator[neo4j.Driver]:
    """A driver; only Neo4j is started for it."""
    at = up(stack_settings.stack_layout(), ["neo4j"]).neo4j
    with connect(at.uri, at.user, at.password) as driver:
        yield driver
        driver.execute_query("MATCH (n) DETACH DELETE n")


def apply(store: GraphStore, upserts: Sequence[Upsert]) -> None:
    """As the worker does: a busy machine may need more than one try, while Neo4j plans the statement."""
    for _ in range(10):
        try:
            return store.apply(upserts)
        except StoreUnavailable:
            time.sleep(1)
    return store.apply(upserts)


def names_in(bolt: neo4j.Driver) -> set[str]:
    """Every label, relationship type and property key the database has ever met."""
    asked = {"db.labels()": "label", "db.relationshipTypes()": "relationshipType", "db.propertyKeys()": "propertyKey"}
    return {row[name] for call, name in asked.items() for row in bolt.execute_query(f"CALL {call}").records}


def planned(mapping: Mapping, text: str, n: int) -> tuple[list[Upsert], list[Event]]:
    """A user, a transfer and a report whose every cell that may be text is this one."""
    rows: dict[str, dict[str, Any]] = {
        "users": {"id": text, "name": text, "country": text, "phone": text, "email": text, "address": text,
                  "created_at": 1_000},
        "transfers": {"id": text, "src_account": text, "dst_account": f"other{n}", "amount": "1.00", "currency": text,
                      "channel": text, "status": text, "at": 2_000},
        "fraud_reports": {"id": text, "event_table": "transfers", "event_id": text, "is_fraud": 1,
                          "reported_at": 3_000},
    }  # fmt: skip
    plans = [
        mapping.plan(Change(table, {"id": text}, Op.CREATE, None, row, Position("bank", 1, True, 1, n, at), 5_000))
        for at, (table, row) in enumerate(rows.items())
    ]
    gone = mapping.plan(
        Change("logins", {"id": text}, Op.DELETE, None, None, Position("bank", 1, True, 1, n, 9), 5_000)
    )
    return [u for plan in (*plans, gone) for u in plan.upserts], [event for plan in plans for event in plan.events]


@pytest.mark.stack
def test_text_of_the_data_comes_back_byte_for_byte_and_does_nothing(bolt: neo4j.Driver) -> None:
    """Ids, properties and owners full of Cypher: the graph is the mirror's, and no name is new in the database."""
    mapping = demo_mapping()
    store, mirror = Neo4jStore(bolt, mapping.schema), Mirror()
    store.init()
    store.check()  # which has the statements planned
    bolt.execute_query("MATCH (n) DETACH DELETE n")
    plain, _ = planned(mapping, "plain", 999)
    apply(store, plain)
    bolt.execute_query("MATCH (n) DETACH DELETE n")
    before = names_in(bolt)
    events: list[Event] = []
    for n, text in enumerate(EVIL, start=1):
        upserts, found = planned(mapping, text, n)
        events += found
        for each in (store, mirror):
            apply(each, upserts)
    apply(store, [upsert for n, text in enumerate(EVIL, start=1) for upsert in planned(mapping, text, n)[0]])
    assert canonical(store.dump()) == canonical(mirror.dump())
    assert names_in(bolt) == before
    users = {u.id: u.properties for u in store.dump() if isinstance(u, NodeUpsert) and u.role == "users"}
    assert users == {text: {"name": text, "country": text} for text in EVIL}
    count = bolt.execute_query("MATCH (a:Account) RETURN count(a) AS n").records[0]["n"]
    assert count == 2 * len(EVIL)


@pytest.mark.stack
def test_a_subgraph_is_read_around_ids_full_of_cypher(bolt: neo4j.Driver) -> None:
    """The reader takes them for text as well."""
    mapping = demo_mapping()
    store, mirror = Neo4jStore(bolt, mapping.schema), Mirror()
    store.init()
    store.check()  # which has the statements planned
    bolt.execute_query("MATCH (n) DETACH DELETE n")
    made = [planned(mapping, text, n) for n, text in enumerate(EVIL, start=1)]
    for each in (store, mirror):
        apply(each, [upsert for upserts, _ in made for upsert in upserts])
    later = [
        Event(f"transfers:later{n}:transfer", "new", Position("bank", 1, True, 2, n).token, 9_000, "TRANSFER",
              f"Account:{text}", f"Account:other{n}", 9_000, {}) for n, text in enumerate(EVIL, start=1)
    ]  # fmt: skip
    read = store.subgraphs(later, Caps((4, 2)))
    assert read == mirror.subgraphs(later, Caps((4, 2)))
    assert all(len(subgraph.edges) == 1 and subgraph.edges[0].label for subgraph in read)


@pytest.mark.stack
def test_words_of_the_language_are_names_like_others(bolt: neo4j.Driver, tmp_path: Path) -> None:
    """A bank may call a relation ORDER."""
    text = ['source = "bank"']
    for n, word in enumerate(RESERVED):
        end = f'{{ label = "{word}", id = "id" }}'
        text += [
            f'[tables.{word}]\nkey = ["id"]\n[[tables.{word}.nodes]]\nlabel = "{word}"\nid = "id"',
            f'properties = {{ p{n} = "text", {word}_ = "text" }}\n[[tables.{word}.edges]]\nrole = "{word}"',
            f'relation = "{word}"\nsource = {end}\ntarget = {end}\ntime = "at"\nevent = true',
            f'attributes = {{ {word} = "text" }}',
        ]
    path = tmp_path / "mapping.toml"
    path.write_text("\n".join(text), encoding="utf-8")
    mapping = Mapping.load(path, KEY)
    store, mirror = Neo4jStore(bolt, mapping.schema), Mirror()
    try:
        store.init()
        store.check()
        bolt.execute_query("MATCH (n) DETACH DELETE n")
        for n, word in enumerate(RESERVED, start=1):
            row = {"id": word, "text": word, "at": 1_000}
            plan = mapping.plan(
                Change(word, {"id": word}, Op.CREATE, None, row, Position("bank", 1, True, 1, n), 5_000)
            )
            for each in (store, mirror):
                apply(each, plan.upserts)
        assert canonical(store.dump()) == canonical(mirror.dump())
    finally:
        bolt.execute_query("MATCH (n) DETACH DELETE n")
        for name, statement in cypher.constraints(mapping.schema).items():
            if not name.startswith(("rw_Gone", "rw_Label", "rw_Floor", "rw_label")):
                bolt.execute_query(f"DROP {'CONSTRAINT' if 'CONSTRAINT' in statement else 'INDEX'} {name} IF EXISTS")


@pytest.mark.stack
@pytest.mark.parametrize("id", ["\ud800", "x" * 9_000], ids=["half a surrogate pair", "too long for an index"])
def test_what_neo4j_can_never_take_is_refused_and_not_retried(bolt: neo4j.Driver, id: str) -> None:
    """Such an upsert gets past no decoder; should one, it is a dead letter and not the end of all work."""
    store = Neo4jStore(bolt, GraphSchema(("User",), (), {("User", "users"): ("name",)}))
    store.init()
    with pytest.raises(StoreRefused):
        store.apply([NodeUpsert("User", id, "users", "bank/0001.1.00000001.0000000000000001.000000", 1, {"name": "a"})])
