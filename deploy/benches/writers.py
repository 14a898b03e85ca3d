"""`ringwatch bench writers`: several ingest processes write one graph at the same time; what had to be tried again."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
from rich.console import Console

from deploy import bootstrap
from deploy.benches.topics import bank_topics
from deploy.benches.transfers import Shape, messages, unused
from deploy.config import Settings, settings
from deploy.figures import figure, report
from deploy.processes import Service, same_stack
from deploy.stack import control
from deploy.stack.topics import create_topics
from ingest.kafka import KafkaPublisher, committed

ACCOUNTS = 500  # few, so that the processes' batches share nodes all the time
PARTITIONS = 12
CHUNK_S = 0.1
DRAIN_S = 300.0

err = Console(stderr=True, highlight=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """How many processes, how many rows a second in all, and how long."""

    processes: int = 4
    per_s: float = 1_000.0
    for_s: float = 600.0


def run_writers_bench(plan: Plan, as_json: bool) -> int:
    """Measure on the local stack's Kafka and Neo4j; returns the exit status."""
    chosen = settings()
    bootstrap.logs(chosen)
    control.up(chosen.stack_layout(), ["kafka", "neo4j"], err.print)
    at = bootstrap.connections(chosen).kafka_bootstrap
    create_topics(at)
    group = f"writers-{time.time_ns()}"
    with bootstrap.driver(chosen) as driver, bank_topics(at) as make:
        topic = make(PARTITIONS)
        store = bootstrap.store(chosen, driver)
        store.init()
        count = "MATCH ()-[e:TRANSFER]->() RETURN count(e) AS n"
        before = driver.execute_query(count).records[0]["n"]
        services = [_started(chosen, number, group) for number in range(plan.processes)]
        try:
            sent = _send(plan, topic, at)
            services[0].wait_until(lambda: committed(at, group, topic) >= sent, DRAIN_S, "the rest being written")
        finally:
            for service in services:
                service.stop()
        edges = driver.execute_query(count).records[0]["n"] - before
    ended = [_counters(service.log_file) for service in services]
    totals = {name: sum(int(each.get(name, 0)) for each in ended) for name in ("written", "retries", "deadlocks")}
    done = report("writers", [
        figure("processes_that_wrote", sum(each.get("written", 0) > 0 for each in ended), "processes",
               plan.processes, "higher"),
        figure("rows_per_s", sent / plan.for_s, "rows/s", 0.95 * plan.per_s, "higher"),
        figure("rows_sent", sent, "rows", None, "higher"),
        figure("lost", max(0, sent - edges), "rows", 0),
        figure("duplicated", max(0, edges - sent), "rows", 0),
        figure("retries", totals["retries"], "retries"),
        figure("deadlocks", totals["deadlocks"], "deadlocks", 0),
        figure("processes_that_ended_by_themselves", sum(not each for each in ended), "processes", 0),
    ])  # fmt: skip
    err.print(f"{plan.processes} processes, {sent:,} rows in {plan.for_s:g} s: {totals}")
    if as_json:
        sys.stdout.write(done.json() + "\n")
    return done.status


def _started(chosen: Settings, number: int, group: str) -> Service:
    environment = {**same_stack(chosen), "RINGWATCH_INGEST_PORT": "0", "RINGWATCH_LOG_FORMAT": "json"}
    log = chosen.state_dir / "services" / f"writer-{number}.log"
    log.unlink(missing_ok=True)
    return Service("ingest", ["ingest", "--worker", f"w{number}", "--group", group], log, environment).start()


def _send(plan: Plan, topic: str, bootstrap_servers: str) -> int:
    """Publish at a steady rate; returns how many."""
    publisher, numbers, first = KafkaPublisher(bootstrap_servers), _due(plan), unused()
    sent = 0
    for upto in numbers:
        publisher.publish(list(messages(range(first + sent, first + upto), Shape(accounts=ACCOUNTS), topic)))
        sent = upto
    return sent


def _due(plan: Plan) -> Iterator[int]:
    """How many rows are due by now, again and again until the time is over."""
    started, pause = time.monotonic(), threading.Event()
    while (elapsed := time.monotonic() - started) < plan.for_s:
        yield int(elapsed * plan.per_s)
        pause.wait(CHUNK_S)
    yield int(plan.for_s * plan.per_s)


def _counters(log_file: Path) -> dict[str, int]:
    """What a process said when it stopped; nothing if it did not."""
    for line in reversed(log_file.read_text(encoding="utf-8").splitlines()):
        try:
            read = msgspec.json.decode(line, type=dict[str, object])
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        if read.get("event") == "ingest has stopped":
            return {name: value for name, value in read.items() if isinstance(value, int)}
    return {}
