"""`graph verify` and `graph reread` against real databases, connectors, Kafka and Neo4j."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import neo4j
import pytest
from confluent_kafka import Producer
from verify_bank import LIMIT_S, VerifyBank, running, until

from deploy.config import Settings
from deploy.stack.endpoints import Endpoints
from deploy.verify.reread import reread
from deploy.verify.run import Request
from graph.model import EdgeUpsert, NodeUpsert
from ingest.events import Position, Transient
from ingest.records import REREAD

OPEN = "MATCH ()-[e:VT_PAYS]->() WHERE e._closed_pos IS NULL"

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]


@pytest.fixture(scope="module", params=["mariadb", "postgres"])
def bank(
    request: pytest.FixtureRequest, servers: Endpoints, stack_settings: Settings, neo4j_driver: neo4j.Driver,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[VerifyBank]:  # fmt: skip
    """The bank on each database, in the graph, with ingest running."""
    folder = tmp_path_factory.mktemp("verify")
    with running(VerifyBank(request.param, servers, stack_settings, neo4j_driver, folder)) as bank:
        yield bank


def lose(bank: VerifyBank) -> None:
    """One of each: a lost edge, an altered edge, node and label, a lost label, and what no row gives."""
    bank.ask("MATCH ()-[e:VT_PAYS]->() WHERE e.id STARTS WITH 'vt_payments:a%3Ab%7Cc%25|1:pay@' DELETE e")
    bank.ask("MATCH ()-[e:VT_PAYS]->() WHERE e.id STARTS WITH 'vt_payments:m-1|3:pay@' SET e.amount = 1")
    bank.ask("MATCH (n:VtUser {id: '1'}) SET n.score = 0.2")
    bank.ask("MATCH (n:_Label) WHERE n.id STARTS WITH 'vt_reports:1:label@' SET n.fraud = false")
    bank.ask("MATCH (n:_Label) WHERE n.id STARTS WITH 'vt_reports:2:label@' DELETE n")
    bank.ask("MATCH (n:VtDevice) WHERE n.id STARTS WITH 'desk/3q2+7w==' SET n.ip = 'x'")
    before = Position(bank.name, 1, True, 0, 1).token
    bank.store.apply([
        EdgeUpsert("vt_payments:ghost|7:pay", before, 0, "VT_PAYS", "VtUser:1", "VtUser:2", 5, {"amount": 1}),
        EdgeUpsert("vt_people:2:phone", before + "0", 0, "VT_REACHED", "VtUser:2", "VtContact:x", 5, {}),
        EdgeUpsert("vt_people:ghost:phone", before, 0, "VT_REACHED", "VtUser:ghost", "VtContact:x", 5, {}),
        NodeUpsert("VtUser", "99", "vt_people", before, 0, {"name": "nobody"}),
        NodeUpsert("VtDevice", "no template", "vt_devices", before, 0, {"ip": "nowhere"}),
    ])  # fmt: skip


LOST = {
    "missing edge VT_PAYS vt_payments:a%3Ab%7Cc%25|1:pay",
    "differing edge VT_PAYS vt_payments:m-1|3:pay (amount)",
    "differing node VtUser:1 (score)",
    "differing label vt_reports:1:label (fraud)",
    "missing label vt_reports:2:label",
    "extra edge VT_PAYS vt_payments:ghost|7:pay",
    "extra edge VT_REACHED vt_people:2:phone",
    "extra edge VT_REACHED vt_people:ghost:phone",
    "extra node VtUser:99",
    "extra node VtDevice:no template",
    "differing node VtDevice:desk/3q2+7w==@2024-03-01T00:00:00Z (ip)",
}


def test_a_graph_made_by_ingest_has_no_difference(bank: VerifyBank) -> None:
    """Snapshot and stream: dates, decimals, floats, NULLs, text and composite keys are read as Debezium sends them."""
    assert bank.verify() == []
    bank.sql("UPDATE vt_payments SET note = 'streamed', amount = 0.01 WHERE num = 2")
    bank.sql("DELETE FROM vt_people WHERE id = 3")
    bank.sql("UPDATE vt_devices SET ip = '10.0.0.2' WHERE kind = 'phone'")
    bank.sql("INSERT INTO vt_people VALUES (3, 'Cy', -0.5, 1, '0049 30 3', '2000-01-01')")
    assert bank.verify() == []
    assert bank.ask("MATCH ()-[e:VT_PAYS]->() WHERE e._closed_pos IS NULL RETURN count(e) AS n")[0]["n"] == 3


def test_what_was_lost_is_named_mended_and_stays_mended(bank: VerifyBank) -> None:
    """Every kind of difference on every kind of thing; old duplicates do not undo the repair."""
    lose(bank)
    assert {each.line for each in bank.verify()} == LOST
    assert {each.line for each in bank.verify(repair=True)} == {f"{line}, mended" for line in LOST}
    assert bank.verify() == []
    bank.replay()
    assert bank.verify() == []


def test_a_later_change_wins_over_a_repair(bank: VerifyBank) -> None:
    """What is committed after the repair stands above it."""
    bank.ask("MATCH ()-[e:VT_PAYS]->() WHERE e.id STARTS WITH 'vt_payments:M|2:pay@' DELETE e")
    assert [each.mended for each in bank.verify(repair=True)] == [True]
    bank.sql("UPDATE vt_payments SET amount = 55.5 WHERE branch = 'M' AND num = 2")
    assert bank.verify() == []
    found = bank.ask(f"{OPEN} AND e.id STARTS WITH 'vt_payments:M|2:pay@' RETURN e")
    assert [row["e"]["amount"] for row in found] == [5550]


def test_rows_that_change_during_the_run_are_not_reported(bank: VerifyBank) -> None:
    """A writer commits to every row all the while; a real loss beside it is found none the less."""
    stop = threading.Event()

    def write() -> None:
        with bank.open() as connection, connection.cursor() as cursor:
            for n in range(100_000):
                if stop.wait(0.02):
                    return
                cursor.execute(f"UPDATE vt_payments SET amount = {n} WHERE branch IN ('M', 'm-1')")
                cursor.execute(f"UPDATE vt_people SET name = 'n{n}' WHERE id <> 1")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        bank.ask("MATCH (n:VtUser {id: '1'}) SET n.vip = false")
        assert [each.line for each in bank.verify(repair=True)] == ["differing node VtUser:1 (vip), mended"]
    finally:
        stop.set()
        writer.join()
    assert bank.verify() == []


def test_keys_of_the_reread_topic_are_mended(bank: VerifyBank) -> None:
    """An incremental snapshot named them: one is lost, one is as it should be."""
    bank.ask(f"{OPEN} AND e.id STARTS WITH 'vt_payments:M|2:pay@' DELETE e")
    producer = Producer({"bootstrap.servers": bank.servers.kafka_bootstrap})
    for key in ({"branch": "M", "num": 2}, {"branch": "m-1", "num": 3}):
        producer.produce(REREAD, json.dumps({"table": "vt_payments", "key": key}))
    assert producer.flush(30) == 0
    request = Request((), True, bank.group, LIMIT_S)
    outcome = reread(bank.settings, request, lambda _: None)
    assert [each.line for each in outcome.differences] == ["missing edge VT_PAYS vt_payments:M|2:pay, mended"]
    assert reread(bank.settings, request, lambda _: None).tallies == []
    assert bank.verify() == []


def test_the_command_says_by_its_status_whether_anything_is_left(bank: VerifyBank) -> None:
    """3 with differences, 0 when they are mended; one JSON object on standard output."""
    bank.ask("MATCH (n:VtUser {id: '1'}) SET n.vip = false")
    found = command(bank, "--table", "vt_people")
    assert found.returncode == 3, found.stderr
    (difference,) = json.loads(found.stdout)["differences"]
    assert (difference["what"], difference["name"], difference["fields"]) == ("differing", "VtUser:1", ["vip"])
    assert command(bank, "--repair").returncode == 0


def command(bank: VerifyBank, *more: str) -> subprocess.CompletedProcess[str]:
    chosen = bank.settings
    environment = {
        **os.environ, "RINGWATCH_STATE_DIR": str(chosen.state_dir), "RINGWATCH_MAPPING": str(chosen.mapping),
        "RINGWATCH_CACHE_DIR": str(chosen.cache_dir), "RINGWATCH_STACK_PORT_SHIFT": str(chosen.stack_port_shift),
    }  # fmt: skip
    argv = [sys.executable, "-m", "deploy.cli", "graph", "verify", "--json", "--group", bank.group, *more]
    root = Path(__file__).parents[2]
    return subprocess.run(argv, env=environment, cwd=root, capture_output=True, text=True, check=False, timeout=180)


def test_a_comparison_behind_which_ingest_does_not_come_says_so(bank: VerifyBank) -> None:
    """No difference is told that may be on its way; the error names who is behind."""
    group, bank.group = bank.group, "nobody-reads"
    bank.ask("MATCH (n:VtUser {id: '1'}) SET n.vip = false")
    try:
        with pytest.raises(Transient, match=r"ingest .*nobody-reads.* records behind"):
            bank.verify(patience_s=8)
    finally:
        bank.group = group
    assert len(bank.verify(repair=True)) == 1
    until(lambda: bank.verify() == [])
