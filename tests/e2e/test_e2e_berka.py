"""Another bank: the tables of a real one, by a mapping of its own, end in Neo4j as the files have them."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random

import neo4j
import pymysql
import pytest
from confluent_kafka.admin import AdminClient

from deploy.config import Settings
from deploy.demo import berka
from deploy.stack.connector import Source, register_mariadb, reset
from deploy.stack.endpoints import Endpoints
from deploy.stack.mariadb import further_database
from deploy.stack.topics import TOPICS, create_topics
from graph.mapping import Mapping
from graph.neo4j_store import Neo4jStore
from graph.sink import GraphSink
from ingest.kafka import KafkaPublisher, KafkaSource
from ingest.worker import Counters, Worker

ROOT = Path(__file__).parents[2]
FILES = ROOT.parent / "shared" / "data" / "berka-1999-partial"
MAPPING = ROOT / "graph" / "mappings" / "berka-1999-partial.toml"
SOURCE = Source(name="berka", server_id=5402, database="berka")
DRAIN_S = 300.0
DAY_MS = 86_400_000
CASH = ("VKLAD", "VYBER", "VYBER KARTOU")

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not FILES.exists(), reason=f"the bank's files are not here ({FILES})"),
]

Tables = dict[str, list[berka.Row]]


@dataclass(frozen=True)
class Loaded:
    """The bank in the graph, and its rows as they were loaded."""

    tables: Tables
    counters: Counters
    driver: neo4j.Driver
    bank: pymysql.Connection

    def ask(self, query: str, **parameters: object) -> list[neo4j.Record]:
        return self.driver.execute_query(query, parameters).records  # type: ignore[arg-type]

    def count(self, query: str) -> int:
        return int(self.ask(query)[0]["n"])


def until(holds: Callable[[], bool], limit_s: float) -> bool:
    deadline = time.monotonic() + limit_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def forget(servers: Endpoints) -> None:
    """No trace of this bank in Kafka and Kafka Connect.

    Ringwatch's topics are made anew, since a scorer would wait for the events of a graph that is gone.
    """
    admin = AdminClient({"bootstrap.servers": servers.kafka_bootstrap})
    there = set(admin.list_topics(timeout=30).topics)
    if ours := {name for name in there if name.startswith(("berka.", "schema-changes.berka"))}:
        reset(servers, SOURCE)
        shared = {topic.name for topic in TOPICS} & there
        for deleted in admin.delete_topics([*ours, *shared]).values():
            deleted.result(timeout=30)
    create_topics(servers.kafka_bootstrap)


@pytest.fixture(scope="module")
def loaded(servers: Endpoints, stack_settings: Settings, neo4j_driver: neo4j.Driver) -> Iterator[Loaded]:
    """MariaDB → Debezium → Kafka → ingest → Neo4j, until every row has arrived."""
    further_database(stack_settings.stack_layout(), "berka")
    at = servers.mariadb
    with pymysql.connect(host=at.host, port=at.port, user=at.user, password=at.password, database="berka") as bank:
        forget(servers)  # what a run that was killed has left
        total = sum(berka.load(bank, FILES).values())
        register_mariadb(servers, SOURCE)
        neo4j_driver.execute_query("MATCH (n) DETACH DELETE n")
        mapping = Mapping.load(MAPPING, b"k" * 32)
        store = Neo4jStore(neo4j_driver, mapping.schema)
        store.init()
        source = KafkaSource(servers.kafka_bootstrap, f"berka-{time.time_ns()}", ["^berka\\..+\\..+"])
        worker = Worker(source, GraphSink(mapping, store, "berka"), KafkaPublisher(servers.kafka_bootstrap))
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            assert until(lambda: worker.counters.records >= total, DRAIN_S), f"{worker.counters} of {total}"
            yield Loaded(berka.tables(FILES), worker.counters, neo4j_driver, bank)
        finally:
            worker.stopping.set()
            thread.join()
            source.close()
            forget(servers)
            neo4j_driver.execute_query("MATCH (n) DETACH DELETE n")
            with bank.cursor() as cursor:
                cursor.execute("DROP DATABASE berka")


def ms(day: berka.Value) -> int:
    assert isinstance(day, date)
    return (day - date(1970, 1, 1)).days * DAY_MS


def hellers(amount: berka.Value) -> int:
    return int(Decimal(str(amount)) * 100)


def outside(row: berka.Row, bank: str, account: str) -> str:
    return f"{row[bank]}/{row[account]}"


def test_no_row_of_the_bank_was_refused(loaded: Loaded) -> None:
    """All bookings but the broken last one, and the other seven tables, fit their mapping."""
    whole_lines = gzip.decompress((FILES / "trans.asc.gz").read_bytes()).count(b"\n")
    assert len(loaded.tables["trans"]) == whole_lines - 1 > 49_000
    assert (loaded.counters.dead_letters, loaded.counters.skipped) == (0, 0)


def test_each_label_has_as_many_nodes_as_the_files_name(loaded: Loaded) -> None:
    """Clients, accounts with the outside ones, loans, and a till for each account that saw cash."""
    t = loaded.tables
    others = {outside(row, "bank_to", "account_to") for row in t["order"]}
    others |= {outside(row, "bank", "account") for row in t["trans"] if row["bank"]}
    tills = {row["account_id"] for row in t["trans"] if row["operation"] in CASH}
    labels = ("User", "Account", "Loan", "Cash")
    assert {label: loaded.count(f"MATCH (n:{label}) RETURN count(n) AS n") for label in labels} == {
        "User": 5_369, "Account": 4_500 + len(others), "Loan": 682, "Cash": len(tills),
    }  # fmt: skip


def test_each_relation_has_as_many_edges_as_the_files_have_rows(loaded: Loaded) -> None:
    """Every disposition, standing order and loan; the bookings with another account, and those in cash."""
    trans = loaded.tables["trans"]
    relations = ("OWNS", "STANDING_ORDER", "BORROWS", "TRANSFER", "CASH")
    assert {name: loaded.count(f"MATCH ()-[e:{name}]->() RETURN count(e) AS n") for name in relations} == {
        "OWNS": 5_369, "STANDING_ORDER": 6_471, "BORROWS": 682,
        "TRANSFER": sum(row["bank"] is not None for row in trans),
        "CASH": sum(row["operation"] in CASH for row in trans),
    }  # fmt: skip


def around(t: Tables, account: str) -> set[tuple[object, ...]]:
    """The account's edges by the files: row, relation, from, to, time in ms, amount in hellers."""
    found: set[tuple[object, ...]] = set()
    for row in t["disp"]:
        if row["account_id"] == account:
            found.add((f"disp:{row['disp_id']}", "OWNS", row["client_id"], account, ms(row["since"]), None))
    for row in t["order"]:
        if row["account_id"] == account:
            to, amount = outside(row, "bank_to", "account_to"), hellers(row["amount"])
            found.add((f"order:{row['order_id']}", "STANDING_ORDER", account, to, ms(row["since"]), amount))
    for row in t["loan"]:
        if row["account_id"] == account:
            amount = hellers(row["amount"])
            found.add((f"loan:{row['loan_id']}", "BORROWS", account, row["loan_id"], ms(row["date"]), amount))
    for row in t["trans"]:
        if row["account_id"] == account:
            found |= booking(row, account)
    return found


def booking(row: berka.Row, account: str) -> set[tuple[object, ...]]:
    name, when, amount = f"trans:{row['trans_id']}", ms(row["date"]), hellers(row["amount"])
    if row["bank"]:
        other = outside(row, "bank", "account")
        ends = (other, account) if row["type"] == "PRIJEM" else (account, other)
        return {(name, "TRANSFER", *ends, when, amount)}
    return {(name, "CASH", account, account, when, amount)} if row["operation"] in CASH else set()


def test_ten_accounts_have_the_neighbourhoods_of_the_files(loaded: Loaded) -> None:
    """Holders, orders, loans and bookings, each with its direction, date and exact amount."""
    busy = sorted({str(row["account_id"]) for row in loaded.tables["trans"] if row["bank"]})
    for account in Random(1999).sample(busy, 10):
        records = loaded.ask(
            "MATCH (:Account {id: $id})-[e]-() RETURN split(e.id, '@')[0] AS owner, type(e) AS relation, "
            "startNode(e).id AS src, endNode(e).id AS dst, e.time AS time, e.amount AS amount",
            id=account,
        )
        found = {(r["owner"].rpartition(":")[0], r["relation"], r["src"], r["dst"], r["time"], r["amount"])
                 for r in records}  # fmt: skip
        wanted = around(loaded.tables, account)
        assert len(wanted) > 3 and found == wanted


def test_a_booking_committed_now_joins_the_two_accounts(loaded: Loaded) -> None:
    """The other side is named by two columns."""
    payer, payee = loaded.tables["account"][0]["account_id"], loaded.tables["order"][0]
    with loaded.bank.cursor() as cursor:
        cursor.execute(
            "INSERT INTO trans (trans_id, account_id, date, type, operation, amount, balance, bank, account) "
            "VALUES (9000001, %s, '1998-12-30', 'VYDAJ', 'PREVOD NA UCET', 1234.5, 0, %s, %s)",
            (payer, payee["bank_to"], payee["account_to"]),
        )
    loaded.bank.commit()
    query = (
        f"MATCH (:Account {{id: '{payer}'}})-[e:TRANSFER {{amount: 123450}}]->"
        f"(:Account {{id: '{outside(payee, 'bank_to', 'account_to')}'}}) "
        f"WHERE e.time = {ms(date(1998, 12, 30))} RETURN count(e) AS n"
    )
    assert until(lambda: loaded.count(query) == 1, 30.0)
