"""The whole path on real servers: a commit in MariaDB to an alert on the page's stream."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import neo4j
import pytest
from comparison import differences, expected, held
from confluent_kafka import Producer

from deploy import bootstrap
from deploy.config import SHIPPED
from deploy.demo.ring import plant
from deploy.observer import Observer
from deploy.onstack import OnStack
from deploy.stack import control
from ingest.deadletter import DeadLetter
from ingest.kafka import read_all
from ingest.records import DEAD_LETTERS, SCORES
from scoring import registry
from scoring.score import Score

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

DRAIN_S = 180.0
HOUR_MS = 3_600_000


def same_as_the_tables(on_stack: OnStack, driver: neo4j.Driver, limit_s: float = 60.0) -> list[str]:
    """The differences that are still there when everything has had its time."""
    mapping = bootstrap.mapping(on_stack.settings)
    deadline = time.monotonic() + limit_s
    while True:
        found = differences(expected(on_stack.bank, mapping), held(driver, mapping))
        if not found or time.monotonic() > deadline:
            return found[:20]
        time.sleep(1)


def alerts_of(on_stack: OnStack) -> dict[str, dict[str, object]]:
    headers = {"Authorization": f"Bearer {on_stack.token}"}
    found, before = {}, None
    while True:
        query = {"limit": 200} | ({"before": before} if before else {})
        page = httpx.get(f"{on_stack.url}/api/alerts", params=query, headers=headers).raise_for_status().json()
        found |= {alert["event_id"]: alert for alert in page["alerts"]}
        if (before := page["next"]) is None:
            return found


@contextmanager
def replaying(on_stack: OnStack, observer: Observer, per_s: float) -> Iterator[None]:
    """Commits go on in the background meanwhile."""
    stop = threading.Event()
    thread = threading.Thread(target=on_stack.replay, args=(per_s, 300.0, stop.is_set, observer.sent))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_5000_changes_end_in_the_graph_row_by_row(on_stack: OnStack, observer: Observer, graph: neo4j.Driver) -> None:
    """Inserts, updates and deletes: what Neo4j holds open is what the tables say."""
    while on_stack.written < 5_000:  # a busy machine takes a little longer
        on_stack.replay(400, 5, lambda: False, observer.sent)
    assert observer.drain(DRAIN_S) == {"kafka": 0, "graph": 0, "score": 0}
    assert same_as_the_tables(on_stack, graph) == []


def test_a_planted_mule_ring_ends_in_an_alert_on_the_stream(on_stack: OnStack, observer: Observer) -> None:
    """Read from the page's own server-sent events."""
    planted = plant(on_stack.demo_bank, "mule_ring", within_ms=HOUR_MS)
    transfers = {f"transfers:{change.row_id}:transfer" for change in planted if change.table == "transfers"}
    headers = {"Authorization": f"Bearer {on_stack.token}"}
    with httpx.stream("GET", f"{on_stack.url}/api/alerts/stream", headers=headers, timeout=90) as stream:
        lines = stream.iter_lines()
        next(lines)  # the stream is open
        for commit in dict.fromkeys(change.commit for change in planted):
            on_stack.writer.commit([change for change in planted if change.commit == commit])
        with replaying(on_stack, observer, 20):  # ordinary life goes on
            seen = next(
                alert["event_id"]
                for line in lines
                if line.startswith("data:") and (alert := json.loads(line[5:]))["event_id"] in transfers
            )
    assert seen in transfers


def test_an_alert_carries_the_ring_and_the_reasons(on_stack: OnStack, observer: Observer) -> None:
    """As scored: the subgraph and at least one reason or contribution."""
    observer.drain(DRAIN_S)
    alert = next(iter(alerts_of(on_stack).values()))
    headers = {"Authorization": f"Bearer {on_stack.token}"}
    detail = httpx.get(f"{on_stack.url}/api/alerts/{alert['id']}", headers=headers).raise_for_status().json()
    assert detail["subgraph"]["nodes"] and detail["contributions"]


def test_alerts_are_explained_behind_the_stream(on_stack: OnStack, observer: Observer) -> None:
    """By the thread beside the scorer, through Kafka and SQL: each alert, completely or with the reason."""
    observer.drain(DRAIN_S)
    headers = {"Authorization": f"Bearer {on_stack.token}"}
    deadline, left = time.monotonic() + 120, [alert["id"] for alert in alerts_of(on_stack).values()]
    found = []
    for id in left:
        explanation = None
        while explanation is None and time.monotonic() < deadline:
            detail = httpx.get(f"{on_stack.url}/api/alerts/{id}", headers=headers).raise_for_status().json()
            explanation = detail["explanation"] or time.sleep(0.5)
        found.append(explanation)
    assert found and all(found)
    told = [each for each in found if each["method"] != "none"]
    assert told and max(each["relative_error"] for each in told) < 0.01


def test_kill_9_of_ingest_loses_nothing(on_stack: OnStack, observer: Observer, graph: neo4j.Driver) -> None:
    """Killed in the middle of a load and started again: every event is scored, the graph equals the tables."""
    ingest = on_stack.service("ingest")
    with replaying(on_stack, observer, 300):
        for _ in range(3):
            time.sleep(3)
            ingest.kill()
            ingest.start()
    assert observer.drain(DRAIN_S) == {"kafka": 0, "graph": 0, "score": 0}
    assert same_as_the_tables(on_stack, graph) == []


def test_kill_9_of_the_scorer_loses_no_score(on_stack: OnStack, observer: Observer) -> None:
    """It hydrates its mirror again and goes on where it had published."""
    scorer = on_stack.service("scorer")
    with replaying(on_stack, observer, 100):
        time.sleep(3)
        scorer.kill()
        scorer.start()
        time.sleep(3)
    assert observer.drain(DRAIN_S)["score"] == 0


def scores(on_stack: OnStack, since_ms: int) -> list[Score]:
    """Those that were published since then."""
    records = read_all(bootstrap.connections(on_stack.settings).kafka_bootstrap, SCORES, since_ms=since_ms)
    return [msgspec.json.decode(record.value or b"", type=Score) for record in records]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def until(holds: Callable[[], bool], limit_s: float = 90.0) -> None:
    deadline = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(1)


def test_a_promotion_and_a_rollback_under_load_lose_and_repeat_nothing(
    on_stack: OnStack, observer: Observer, tmp_path: Path
) -> None:
    """One process all the while: from some event on the one model scores, then the other again."""
    shipped = registry.load(SHIPPED)
    second = msgspec.structs.replace(shipped.manifest, name="second")
    registry.save(tmp_path, second, shipped.network, shipped.baseline, shipped.trees, shipped.reference)
    models, scorer = bootstrap.registry(on_stack.settings), on_stack.service("scorer")
    model, pid, begun_ms = models.add(tmp_path).model, scorer.pid, now_ms()
    with replaying(on_stack, observer, 60):
        models.promote(model)
        until(lambda: any(score.model == model for score in scores(on_stack, begun_ms)))
        models.rollback()
        back_ms = now_ms()
        until(lambda: any(score.model == shipped.manifest.model for score in scores(on_stack, back_ms)))
    assert observer.drain(DRAIN_S)["score"] == 0
    found = scores(on_stack, begun_ms)
    assert len({score.id for score in found}) == len(found)
    assert {score.model for score in found} == {model, shipped.manifest.model}
    assert (scorer.pid, scorer.restarts) == (pid, 0)


def test_behind_the_scorer_reads_less_says_so_and_recovers(on_stack: OnStack, observer: Observer) -> None:
    """Held for some seconds under load."""
    scorer, begun_ms = on_stack.service("scorer"), now_ms()
    with replaying(on_stack, observer, 60):
        time.sleep(2)
        os.kill(scorer.pid, signal.SIGSTOP)
        time.sleep(6)  # below the time after which its partitions would be given away
        os.kill(scorer.pid, signal.SIGCONT)
        until(lambda: any("smaller" in score.remarks for score in scores(on_stack, begun_ms)))
    assert observer.drain(DRAIN_S)["score"] == 0
    caught_up_ms = now_ms()
    with replaying(on_stack, observer, 20):
        time.sleep(3)
    assert observer.drain(DRAIN_S)["score"] == 0
    later = scores(on_stack, caught_up_ms)
    assert later and not any("smaller" in score.remarks for score in later)


def test_neo4j_away_is_waited_for(on_stack: OnStack, observer: Observer, graph: neo4j.Driver) -> None:
    """Down under load: retried with back-off, nothing dead-lettered, nothing lost."""
    layout = on_stack.settings.stack_layout()
    before = len(dead_letters(on_stack))
    with replaying(on_stack, observer, 100):
        control.down(layout, ["neo4j"], lambda _: None)
        time.sleep(2)
        control.up(layout, ["neo4j"], lambda _: None)
    assert observer.drain(DRAIN_S) == {"kafka": 0, "graph": 0, "score": 0}
    assert same_as_the_tables(on_stack, graph) == []
    assert len(dead_letters(on_stack)) == before


def envelope(table: str, after: dict[str, object]) -> bytes:
    source = {"name": "bank", "table": table, "ts_ms": 1, "file": "binlog.000001", "pos": 1}
    return msgspec.json.encode({"source": source, "op": "c", "before": None, "after": after})


LONG = {
    "id": 1,
    "name": "x" * 1_000_000,
    "country": "DE",
    "phone": None,
    "email": None,
    "address": None,
    "created_at": 1,
}
BAD: dict[str, tuple[bytes | None, bytes | None]] = {
    "not JSON": (b'{"id":1}', b"\x00\x01garbage"),
    "not UTF-8": (b'{"id":1}', b'{"source":{"name":"\xff\xfe"}}'),
    "no key": (None, envelope("transfers", {"id": 1})),
    "an unknown table": (b'{"id":1}', envelope("ledger", {"id": 1})),
    "neither key nor value": (None, None),
    "a wrong type": (b'{"id":1}', b'{"source":{"name":"bank","table":"transfers","ts_ms":"x"},"op":"c"}'),
    "a NULL time": (b'{"id":1}', envelope("logins", {"id": 1, "user_id": 1, "device_id": 1, "ip": "::1", "at": None})),
    "a text of 1 MB": (b'{"id":1}', envelope("users", LONG)),
}


def dead_letters(on_stack: OnStack) -> list[DeadLetter]:
    records = read_all(bootstrap.connections(on_stack.settings).kafka_bootstrap, DEAD_LETTERS)
    return [letter for record in records if (letter := DeadLetter.read(record)) is not None]


def test_bad_records_become_dead_letters_and_stop_nothing(
    on_stack: OnStack, observer: Observer, graph: neo4j.Driver
) -> None:
    """Each with its reason and its bytes, on the real topic, between ordinary changes."""
    before = dead_letters(on_stack)
    producer = Producer(
        {"bootstrap.servers": bootstrap.connections(on_stack.settings).kafka_bootstrap, "message.max.bytes": 2_000_000}
    )
    with replaying(on_stack, observer, 50):
        for key, value in BAD.values():
            producer.produce("bank.bank.transfers", value, key, headers={"epoch": b"1"})
        assert producer.flush(10) == 0
        time.sleep(2)
    assert observer.drain(DRAIN_S) == {"kafka": 0, "graph": 0, "score": 0}
    letters = [letter for letter in dead_letters(on_stack) if letter not in before]
    assert len(letters) == len(BAD) and all(letter.reason for letter in letters)
    assert {letter.value for letter in letters} == {value for _, value in BAD.values()}
    assert same_as_the_tables(on_stack, graph) == []
