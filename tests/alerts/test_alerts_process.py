"""The alert service as a process of its own: what it needs to start, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from alertsite import TOKEN, free_port, wait_for
from confluent_kafka import Producer

Start = Callable[..., "subprocess.Popen[bytes]"]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def broker() -> Iterator[str]:
    """The address of librdkafka's own broker, in this process."""
    producer = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "set by the mock", "log_level": 2})
    yield ",".join(f"{node.host}:{node.port}" for node in producer.list_topics(timeout=10).brokers.values())
    producer.flush(1)  # the broker lives as long as the producer


@pytest.fixture
def start(tmp_path: Path, broker: str) -> Iterator[Start]:
    """Starts `ringwatch alerts` with settings, its log in `log`; ends what still runs."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(**changed: str) -> subprocess.Popen[bytes]:
        given = {
            "STATE_DIR": str(tmp_path), "KAFKA_BOOTSTRAP": broker, "SQL_URL": f"sqlite:///{tmp_path}/alerts.db",
            "REDIS_URL": "redis://127.0.0.1:1/0", "NEO4J_URI": "bolt://127.0.0.1:1", "NEO4J_USER": "neo4j",
            "NEO4J_PASSWORD": "unused", "PORT": str(free_port()),
        }  # fmt: skip
        others = {name: value for name, value in os.environ.items() if not name.startswith("RINGWATCH_")}
        ours = {f"RINGWATCH_{name}": value for name, value in (given | changed).items()}
        with (tmp_path / "log").open("wb") as log:
            command = [sys.executable, "-m", "deploy.cli", "alerts"]
            started.append(subprocess.Popen(command, env=others | ours, cwd=ROOT, stdout=log, stderr=log))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait(10)


@pytest.mark.parametrize("given", [{}, {"ANALYST_TOKEN": ""}])
def test_without_an_analyst_token_nothing_starts(start: Start, tmp_path: Path, given: dict[str, str]) -> None:
    """None is made up: it would have to be told, and logs are kept."""
    assert start(**given).wait(60) == 2
    assert "RINGWATCH_ANALYST_TOKEN is not set; make one with: openssl rand -hex 24" in (tmp_path / "log").read_text()


def test_a_stop_ends_the_service_well(start: Start) -> None:
    port = free_port()
    process = start(ANALYST_TOKEN=TOKEN, PORT=str(port))
    wait_for(port, process, 60)
    assert httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=60).status_code == 200  # it handles signals by now
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


def test_a_consumer_that_dies_ends_the_service_with_a_status(start: Start, tmp_path: Path) -> None:
    """A supervisor then starts it again; a page without intake would only look well."""
    longer_than_a_poll_may_take = '{"session.timeout.ms": "400000"}'  # librdkafka refuses it, of consumers alone
    process = start(ANALYST_TOKEN=TOKEN, KAFKA_OPTIONS=longer_than_a_poll_may_take)
    assert process.wait(60) == 70
    assert "scores are no longer read" in (tmp_path / "log").read_text()
