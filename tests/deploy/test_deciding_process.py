"""`ringwatch decide`: what it needs to start, what it answers before it has a graph, and on the real servers."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import neo4j
import psutil
import pytest
from confluent_kafka import Producer
from decidingprocess import TOKEN, Deciding

from deploy import bootstrap
from deploy.config import Settings
from deploy.stack.endpoints import Endpoints
from deploy.stack.topics import create_topics
from graph.model import EdgeUpsert, LabelUpsert, Upsert, Watermark
from graph.neo4j_store import Neo4jStore
from graph.wire import everywhere
from ingest.kafka import KafkaPublisher

Start = Callable[..., Deciding]


@pytest.fixture
def broker() -> Iterator[str]:
    """The address of librdkafka's own broker, in this process."""
    producer = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "set by the mock", "log_level": 2})
    yield ",".join(f"{node.host}:{node.port}" for node in producer.list_topics(timeout=10).brokers.values())
    producer.flush(1)  # the broker lives as long as the producer


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts processes with settings; ends what still runs."""
    started: list[Deciding] = []

    def begin(**settings: str) -> Deciding:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        given = {"STATE_DIR": str(tmp_path), "DECIDE_PORT": port} | settings
        started.append(Deciding(tmp_path / f"log{len(started)}", **given))
        return started[-1]

    yield begin
    for one in started:
        one.process.kill()
        one.process.wait(10)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "RINGWATCH_DECIDE_TOKENS is not set; make one with: openssl rand -hex 24"),
        ({"DECIDE_TOKENS": f"{TOKEN},s3cr3t"}, "RINGWATCH_DECIDE_TOKENS=(hidden): expected tokens of at least 16"),
    ],
)
def test_without_good_tokens_nothing_starts(start: Start, given: dict[str, str], said: str) -> None:
    """None is made up, and none is shown."""
    one = start(**given)
    assert one.process.wait(60) == 2
    assert said in one.said and "s3cr3t" not in one.said


def test_before_there_is_a_graph_it_answers_with_the_fall_back(start: Start, broker: str) -> None:
    """And is not ready; told to stop, it ends well, and so does the process that would score."""
    one = start(
        DECIDE_TOKENS=TOKEN, KAFKA_BOOTSTRAP=broker, NEO4J_URI="bolt://127.0.0.1:1", NEO4J_USER="neo4j",
        NEO4J_PASSWORD="unused", FALLBACK_VERDICT="decline",
    )  # fmt: skip
    one.wait("/healthz", lambda found: found.status_code == 200)
    assert httpx.get(f"{one.url}/readyz", timeout=30).status_code == 503
    answer = one.ask()
    assert (answer.status_code, answer.json()["verdict"], answer.json()["fallback"]) == (200, "decline", "not ready")
    others = psutil.Process(one.process.pid).children(recursive=True)
    one.process.send_signal(signal.SIGTERM)
    assert one.process.wait(60) == 0
    assert psutil.wait_procs(others, 30)[1] == [] and TOKEN not in one.said


@pytest.mark.stack
def test_on_real_servers_it_scores_what_the_graph_holds(
    start: Start, servers: Endpoints, stack_settings: Settings, neo4j_driver: neo4j.Driver
) -> None:
    """What was there before and what comes while it runs; a dead room ends it with the status of a restart."""
    neo4j_driver.execute_query("MATCH (n) DETACH DELETE n")
    store = Neo4jStore(neo4j_driver, bootstrap.schema(stack_settings))
    store.init()
    create_topics(servers.kafka_bootstrap)
    now_ms = time.time_ns() // 1_000_000
    store.apply(_paid(1, now_ms - 3_600_000))
    one = start(
        DECIDE_TOKENS=TOKEN, KAFKA_BOOTSTRAP=servers.kafka_bootstrap, NEO4J_URI=servers.neo4j.uri,
        NEO4J_USER=servers.neo4j.user, NEO4J_PASSWORD=servers.neo4j.password, REDIS_URL=servers.redis_url,
        DECIDE_STALE_S="0",
    )  # fmt: skip
    one.wait("/readyz", lambda found: found.status_code == 200, 240)
    before = one.ask(id="before").json()
    assert before["fallback"] is None and 0 <= before["probability"] <= 1 and before["model"].startswith("demo@")
    more = [upsert for number in range(2, 12) for upsert in _paid(number, now_ms - 60_000 * number)]
    mark = Watermark("w1", "bank/0001.1.00000001.00000000000000ff.000000")
    KafkaPublisher(servers.kafka_bootstrap).publish([everywhere(frame) for frame in (*more, mark)])
    until_s = time.monotonic() + 60
    while (after := one.ask(id=f"after {time.monotonic()}").json())["watermark"]["position"] != mark.pos:
        assert time.monotonic() < until_s, one.said
        time.sleep(0.1)
    assert abs(after["probability"] - before["probability"]) > 1e-4  # it has seen them
    assert "ringwatch_decide_redis_up 1.0" in httpx.get(f"{one.url}/metrics", timeout=30).text
    (room,) = [each for each in psutil.Process(one.process.pid).children() if "spawn_main" in " ".join(each.cmdline())]
    room.kill()
    assert one.process.wait(60) == 70


def _paid(number: int, at_ms: int) -> list[Upsert]:
    """A payment between the two that was reported as fraud soon after."""
    owner, pos = f"transfers:{number}:transfer", f"bank/0001.1.00000001.{number:016x}.000000"
    edge = EdgeUpsert(owner, pos, at_ms, "TRANSFER", "Account:1", "Account:2", at_ms, {"amount": 90_000})
    return [edge, LabelUpsert(f"fraud_reports:{number}:label", pos, at_ms + 1_000, owner, True)]
