"""Each database behind its real connector: the same facts for MariaDB, MySQL and PostgreSQL, commit to graph."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import cast

import neo4j
import pytest
from source_banks import Follower, Following, another_server, facts, on_mysql, signals, until

from deploy.config import Settings
from deploy.following import register
from deploy.stack import connector, control
from deploy.stack.connect_rest import Connector
from deploy.stack.connector_settings import Kind
from deploy.stack.endpoints import Endpoints
from deploy.stack.errors import ConnectorFailed
from deploy.stack.publication import slot_name
from deploy.stack.signals import snapshot_tables
from graph.model import Floor
from graph.neo4j_store import Neo4jStore
from ingest.debezium import Captured, decode
from ingest.events import Halt, Reread
from ingest.kafka import read_all
from ingest.records import Record

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

NOON_MS = 1_709_208_000_123  # 2024-02-29 12:00:00.123456 UTC
DAY = 19_782  # 2024-02-29 in days since 1970
DAY_MS = DAY * 86_400_000
NOTES = "".join(chr(33 + n * n % 89) for n in range(4_000)).replace("'", "x").replace("\\", "y").replace("%", "z")


def person(code: str, name: str = "'Ann'", balance: str = "'1.5000'") -> str:
    return f"INSERT INTO src_people (code, name, balance, born) VALUES ('{code}', {name}, {balance}, '2024-02-29')"


def payment(no: int, payee: str = "b", amount: str = "12.30") -> str:
    return (
        "INSERT INTO src_payments (branch, no, payer, payee, amount, booked_at) "
        f"VALUES ('x', {no}, 'a', '{payee}', {amount}, '2024-02-29 12:00:00.123456')"
    )


def paid(payee: str = "b", amount: int = 1230) -> tuple[object, ...]:
    return "SrcPerson:a", f"SrcPerson:{payee}", NOON_MS, {"amount": amount}


def as_node(name: str | None = "Ann", balance: int = 15_000) -> dict[str, object]:
    return ({} if name is None else {"name": name}) | {"balance": balance, "born": DAY}


@pytest.fixture(scope="module", params=["mariadb", "mysql", "postgres"])
def bank(request: pytest.FixtureRequest, servers: Endpoints, stack_settings: Settings) -> Iterator[Following]:
    """A bank that held two rows when its connector was registered; ingest follows."""
    kind, layout = cast(Kind, request.param), stack_settings.stack_layout()
    with on_mysql(servers, layout) if kind == "mysql" else nullcontext(servers) as ends:
        yield from followed(Following(kind, ends, layout))


def followed(following: Following) -> Iterator[Following]:
    following.run(
        person("old", balance="'12345678901234.5678'"), payment(1), "INSERT INTO src_stop VALUES (1, 'w', 'e')"
    )
    signals(following)
    following.register()
    following.follow()
    yield following
    following.remove()


def records(bank: Following, table: str) -> list[Record]:
    return list(read_all(bank.servers.kafka_bootstrap, bank.topic(table)))


def test_the_snapshot_is_in_the_graph_and_is_not_scored(bank: Following) -> None:
    """Rows from before the connector, a decimal past a float's 53 bits among them."""
    bank.shows(("SrcPerson:old", as_node(balance=123_456_789_012_345_678)), ("src_payments:x|1:paid", paid()))
    assert ("src_payments:x|1:paid", "new") not in bank.now.memory.events


def test_the_end_of_the_snapshot_sets_every_table_s_floor(bank: Following) -> None:
    """At the snapshot's own position, below which nothing is."""
    found = decode(records(bank, "src_stop")[0])
    assert isinstance(found, Captured)
    wanted = dict.fromkeys(bank.mapping.file.tables, found.change.position.token)

    def floors() -> dict[str, str]:
        return {upsert.table: upsert.pos for upsert in bank.mirror.dump() if isinstance(upsert, Floor)}

    until(lambda: floors() == wanted, floors)


def test_inserts_updates_and_deletes_stream_in(bank: Following) -> None:
    """Each is an event too."""
    owner = "src_payments:x|2:paid"
    bank.run(payment(2))
    bank.shows((owner, paid()))
    bank.run("UPDATE src_payments SET amount = 99999999999999.99 WHERE no = 2")
    bank.shows((owner, paid(amount=9_999_999_999_999_999)))
    bank.run("DELETE FROM src_payments WHERE no = 2")
    bank.shows((owner, None))
    until(lambda: [k for o, k in bank.now.memory.events if o == owner] == ["new", "revised", "withdrawn"])


def test_a_changed_key_moves_what_the_row_owns(bank: Following) -> None:
    """It arrives as a deletion and an insert at one place in the log; text and composite keys."""
    bank.run(person("k1"), payment(3))
    bank.shows(("SrcPerson:k1", as_node()), ("src_payments:x|3:paid", paid()))
    bank.run(
        "UPDATE src_people SET code = 'k|2:%' WHERE code = 'k1'",
        "UPDATE src_payments SET branch = 'y', no = 33 WHERE no = 3",
    )
    bank.shows(("SrcPerson:k1", None), ("SrcPerson:k|2:%", as_node()))
    bank.shows(("src_payments:x|3:paid", None), ("src_payments:y|33:paid", paid()))


def test_truncate_empties_a_table_and_what_comes_after_stays(bank: Following) -> None:
    """Another table's rows stay as well."""
    visit = "INSERT INTO src_visits VALUES ({0}, 'a', 'b{0}', '2024-02-29 12:00:00.123456', '2024-02-29')"
    bank.run(visit.format(1), visit.format(2))
    bank.shows(("src_visits:2:day", ("SrcPerson:a", "SrcBranch:b2", DAY_MS, {})))
    bank.run("TRUNCATE TABLE src_visits")
    bank.run(visit.format(2))
    bank.shows(("src_visits:1:day", None), ("src_visits:2:day", ("SrcPerson:a", "SrcBranch:b2", DAY_MS, {})))
    assert bank.facts()["SrcPerson:old"]


def test_a_tombstone_follows_a_deletion_and_is_no_bad_record(bank: Following) -> None:
    """It is for Kafka's compaction."""
    bank.run(person("t1"))
    bank.run("DELETE FROM src_people WHERE code = 't1'")
    until(lambda: any(r.value is None and b"t1" in (r.key or b"") for r in records(bank, "src_people")))
    bank.run(person("t2"))
    bank.shows(("SrcPerson:t1", None), ("SrcPerson:t2", as_node()))
    assert bank.now.memory.letters == []


def test_a_large_value_that_was_left_alone_stays(bank: Following) -> None:
    """PostgreSQL does not log it; a changed key included. What is not mapped (20 kB) is in nobody's way."""
    bank.run(person("big"), f"UPDATE src_people SET notes = '{NOTES}', contract = '{NOTES * 5}' WHERE code = 'big'")
    bank.shows(("SrcPerson:big", as_node() | {"notes": NOTES}))
    bank.run("UPDATE src_people SET name = 'Bob' WHERE code = 'big'")
    bank.shows(("SrcPerson:big", as_node("Bob") | {"notes": NOTES}))
    bank.run("UPDATE src_people SET code = 'bigger' WHERE code = 'big'")
    bank.shows(("SrcPerson:big", None), ("SrcPerson:bigger", as_node("Bob") | {"notes": NOTES}))
    assert bank.now.memory.letters == []


def test_without_whole_rows_nothing_is_overwritten_and_nothing_outlives_its_deletion(bank: Following) -> None:
    """A table that lost its REPLICA IDENTITY FULL: the row that can't be completed is refused, with the mend."""
    if bank.kind != "postgres":
        pytest.skip("binlog_row_image is of the server, and is looked at by Debezium itself")
    bank.run(person("part"), f"UPDATE src_people SET notes = '{NOTES}' WHERE code = 'part'", payment(6))
    bank.shows(("SrcPerson:part", as_node() | {"notes": NOTES}), ("src_payments:x|6:paid", paid()))
    bank.run(*(f"ALTER TABLE {table} REPLICA IDENTITY DEFAULT" for table in ("src_people", "src_payments")))
    bank.run("UPDATE src_people SET name = 'Bob' WHERE code = 'part'", "DELETE FROM src_payments WHERE no = 6")
    bank.shows(("src_payments:x|6:paid", None))
    until(lambda: bank.now.memory.letters)
    assert "column 'notes' is large and unchanged" in bank.now.memory.letters[0].reason
    assert bank.facts()["SrcPerson:part"] == as_node() | {"notes": NOTES}
    bank.run(*bank.database.whole)
    bank.run("UPDATE src_people SET name = 'Cid' WHERE code = 'part'")
    bank.shows(("SrcPerson:part", as_node("Cid") | {"notes": NOTES}))
    bank.now.memory.messages.clear()


def test_times_mean_the_same_instant_in_every_zone(bank: Following) -> None:
    """With a zone: the instant. Without: as written, taken as UTC. A date: its midnight, UTC."""
    visit = "INSERT INTO src_visits VALUES ({}, 'a', 'b', '2024-02-29 {}:00:00.123456', '2024-02-29')"
    bank.run(bank.database.zone.format("+09:00"), visit.format(11, 21))
    bank.run(bank.database.zone.format("-05:00"), visit.format(12, "07"), payment(4))
    seen, day = ("SrcPerson:a", "SrcBranch:b", NOON_MS, {}), ("SrcPerson:a", "SrcBranch:b", DAY_MS, {})
    bank.shows(("src_visits:11:seen", seen), ("src_visits:12:seen", seen), ("src_payments:x|4:paid", paid()))
    bank.shows(("src_visits:11:day", day), ("src_visits:12:day", day))


def test_a_null_is_a_value(bank: Following) -> None:
    """The property goes, the row is not refused."""
    bank.run(person("n1"), person("n2", name="NULL"))
    bank.shows(("SrcPerson:n1", as_node()), ("SrcPerson:n2", as_node(None)))
    bank.run("UPDATE src_people SET name = NULL WHERE code = 'n1'")
    bank.shows(("SrcPerson:n1", as_node(None)))
    assert bank.now.memory.letters == []


@pytest.mark.parametrize("table", ["src_refuse", "src_ignore", "src_stop"])
def test_an_added_column_is_no_concern(bank: Following, table: str) -> None:
    """Until it is mapped."""
    label = {"src_refuse": "SrcRefuse", "src_ignore": "SrcIgnore", "src_stop": "SrcStop"}[table]
    bank.run(f"ALTER TABLE {table} ADD COLUMN later INT DEFAULT 7")
    bank.run(f"INSERT INTO {table} VALUES (5, 'w', 'e', 8)")
    bank.shows((f"{label}:5", {"word": "w", "extra": "e"}))


@pytest.mark.parametrize("how", ["RENAME COLUMN extra TO other", "DROP COLUMN other"])
def test_a_row_without_a_mapped_column_is_refused(bank: Following, how: str) -> None:
    """By the column's name; what the graph holds stays."""
    bank.run(f"ALTER TABLE src_refuse {how}")
    before = len(bank.now.memory.letters)
    bank.run("UPDATE src_refuse SET word = CONCAT(word, 'w') WHERE id = 5")
    until(lambda: len(bank.now.memory.letters) > before)
    letter = bank.now.memory.letters[-1]
    assert "column 'extra' is missing" in letter.reason and letter.topic == bank.topic("src_refuse") and letter.value
    assert bank.facts()["SrcRefuse:5"] == {"word": "w", "extra": "e"}


@pytest.mark.parametrize(("how", "word"), [("RENAME COLUMN extra TO other", "v"), ("DROP COLUMN other", "u")])
def test_a_missing_column_that_is_ignored_reads_as_null(bank: Following, how: str, word: str) -> None:
    """For rows that are written from then on."""
    bank.run(f"ALTER TABLE src_ignore {how}")
    bank.run(f"UPDATE src_ignore SET word = '{word}' WHERE id = 5")
    bank.shows(("SrcIgnore:5", {"word": word}))


@pytest.mark.parametrize("how", ["RENAME COLUMN extra TO other", "DROP COLUMN other"])
def test_a_missing_column_stops_ingest_before_the_offset_is_committed(bank: Following, how: str) -> None:
    """Started again with a mended mapping, the same row comes first."""
    word = how[:1]
    bank.run(f"ALTER TABLE src_stop {how}")
    bank.run(f"UPDATE src_stop SET word = '{word}' WHERE id = 5")
    until(lambda: bank.now.failed)
    assert isinstance(bank.now.failed[0], Halt) and "column 'extra' is missing" in str(bank.now.failed[0])
    assert bank.facts()["SrcStop:5"].get("word") != word
    bank.follow(bank.mapped('missing = "stop"', 'missing = "ignore"'))
    bank.shows(("SrcStop:5", {"word": word}))
    bank.follow(bank.mapped())


def test_rows_of_an_incremental_snapshot_only_name_their_keys(bank: Following) -> None:
    """Asked for over Kafka; nothing is written to the bank, and nothing of it to the graph."""
    bank.follow(bank.mapped('missing = "stop"', 'missing = "ignore"'))
    bank.run(person("i1"), person("i2"))
    bank.shows(("SrcPerson:i1", as_node()), ("SrcPerson:i2", as_node()))
    snapshot_tables(bank.servers.kafka_bootstrap, bank.name, [f"{bank.inside}.src_people"])
    wanted = {key.removeprefix("SrcPerson:") for key, value in bank.facts().items() if key.startswith("SrcPerson:")}

    def named() -> set[str]:
        read = [decode(record) for record in records(bank, "src_people")]
        return {str(each.key["code"]) for each in read if isinstance(each, Reread)}

    def all_named() -> bool:
        Connector(bank.servers.connect_url, bank.name).revived()  # as the command does
        bank.run("DELETE FROM src_visits WHERE id = 99", "INSERT INTO src_visits (id) VALUES (99)")
        return named() >= wanted  # an idle bank's snapshot waits for the log to move on: it commits meanwhile

    until(all_named, lambda: f"{named()} of {wanted}")


def test_what_is_committed_while_connect_is_away_comes_later(bank: Following) -> None:
    """It goes on where it was; nothing is read twice into another state."""
    layout = bank.layout
    bank.run(person("r1"))
    control.down(layout, ["connect"], lambda _: None)
    bank.run(person("r2"), "UPDATE src_people SET name = 'Cid' WHERE code = 'r1'")
    control.up(layout, ["connect"], lambda _: None)
    bank.shows(("SrcPerson:r1", as_node("Cid")), ("SrcPerson:r2", as_node()))


def test_a_connector_that_connect_has_forgotten_does_not_begin_anew(bank: Following, stack_settings: Settings) -> None:
    """What the bank's topics hold would win over its snapshot; the command that mends it is named."""
    assert connector.unregister(bank.servers, bank.name)
    with pytest.raises(ConnectorFailed, match=f"resnapshot --from {bank.kind} --name {bank.name} --epoch 2"):
        register(stack_settings, bank.kind, bank.name, None, 60, print)
    assert Connector(bank.servers.connect_url, bank.name).config() is None
    bank.register()


def test_after_lost_offsets_a_new_epoch_s_snapshot_takes_away_what_is_gone(bank: Following) -> None:
    """Deleted in between: gone. Updated in between: as it is now. What was there stays."""
    bank.run(person("gone"), person("kept"), person("new"), payment(8), payment(9))
    bank.shows(("SrcPerson:new", as_node()), ("src_payments:x|8:paid", paid()), ("src_payments:x|9:paid", paid()))
    assert connector.stop(bank.servers, bank.name)  # and what is committed now it will never see in the log
    bank.run(
        "DELETE FROM src_people WHERE code = 'gone'",
        "UPDATE src_people SET name = 'Dan' WHERE code = 'new'",
        "DELETE FROM src_payments WHERE no = 8",
        "UPDATE src_payments SET amount = 5 WHERE no = 9",
    )
    assert bank.resnapshot() == 2
    bank.shows(("SrcPerson:gone", None), ("SrcPerson:new", as_node("Dan")), ("SrcPerson:kept", as_node()))
    bank.shows(("src_payments:x|8:paid", None), ("src_payments:x|9:paid", paid(amount=500)))


def test_a_slot_that_was_lost_is_told_and_the_next_epoch_mends_it(bank: Following) -> None:
    """PostgreSQL keeps the log for a slot only: what was committed without one can't be streamed."""
    if bank.kind != "postgres":
        pytest.skip("a binlog is kept for a time; Debezium fails by itself where it is purged")
    bank.run(person("lost"), person("found"))
    bank.shows(("SrcPerson:lost", as_node()), ("SrcPerson:found", as_node()))
    assert connector.stop(bank.servers, bank.name)
    bank.run(f"SELECT pg_drop_replication_slot('{slot_name(bank.name)}')")
    bank.run("DELETE FROM src_people WHERE code = 'lost'", "UPDATE src_people SET name = 'Guy' WHERE code = 'found'")
    there = Connector(bank.servers.connect_url, bank.name)
    there.ask("PUT", "/resume")
    with pytest.raises(ConnectorFailed, match="ringwatch connect resnapshot"):
        until(there.require_sound)
    bank.resnapshot()
    bank.shows(("SrcPerson:lost", None), ("SrcPerson:found", as_node("Guy")))


def test_a_table_that_does_not_log_whole_rows_is_refused_with_the_statement_that_mends_it(bank: Following) -> None:
    """Before anything of the connector is changed; a table that is not there as well."""
    if bank.kind != "postgres":
        pytest.skip("binlog_row_image is of the server, and is looked at by Debezium itself")
    bank.run("ALTER TABLE src_visits REPLICA IDENTITY DEFAULT")
    with pytest.raises(ConnectorFailed, match="ALTER TABLE src_visits REPLICA IDENTITY FULL") as refused:
        connector.register_postgres(bank.servers, replace(bank.source, tables=(*bank.source.tables, "src_ghosts")))
    assert "no table src_ghosts" in str(refused.value) and "src_people" not in str(refused.value)
    bank.run(*bank.database.whole)


def test_neo4j_ends_as_the_mirror_did(bank: Following, neo4j_driver: neo4j.Driver) -> None:
    """Everything that was sent, read once more from the start, in other batches."""
    bank.now.stop()
    forget(neo4j_driver)
    store = Neo4jStore(neo4j_driver, bank.mapping.schema)
    store.init()
    again = Follower(bank.servers.kafka_bootstrap, bank.name, bank.mapping, store, f"{bank.name}-neo4j")
    try:
        until(lambda: again.worker.counters.records >= bank.records, lambda: (again.worker.counters, again.failed))
    finally:
        again.stop()
    ours = {key: value for key, value in facts(store).items() if key.startswith(("Src", "src_"))}
    forget(neo4j_driver)
    bank.follow()
    assert ours == bank.facts() and ours


def forget(driver: neo4j.Driver) -> None:
    """These tables' part of the graph: another source's floor would lie above this one's rows."""
    driver.execute_query("MATCH (n) WHERE any(l IN labels(n) WHERE l STARTS WITH 'Src') DETACH DELETE n")
    driver.execute_query(
        "MATCH (n) WHERE any(l IN labels(n) WHERE l STARTS WITH '_') "
        "AND (n.table STARTS WITH 'src_' OR n.id STARTS WITH 'src_') DELETE n"
    )


def test_another_server_is_a_new_epoch(bank: Following, tmp_path: Path) -> None:
    """Its log starts over, at lower positions; its changes count all the same, and what it never had is gone."""
    with another_server(bank, tmp_path) as ends:
        bank.run(person("old", name="'Eve'"), person("brought"))
        bank.ends = ends
        bank.resnapshot()
        bank.shows(("SrcPerson:old", as_node("Eve")), ("SrcPerson:kept", None), ("SrcPerson:brought", as_node()))
        bank.run(
            "UPDATE src_people SET name = 'Fay' WHERE code = 'old'", "DELETE FROM src_people WHERE code = 'brought'"
        )
        bank.shows(("SrcPerson:old", as_node("Fay")), ("SrcPerson:brought", None))
        bank.remove()
