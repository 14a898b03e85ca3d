"""Watches a stack from outside: when each committed event shows up in Kafka, graph, scores, alerts, SSE.

It joins on the wall clock the load generator kept per row right before it sent COMMIT, so nothing the
pipeline says of itself counts: a stage is reached when its topic, or the stream, hands the event to us.
"""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable

import httpx
import structlog
from confluent_kafka import Consumer, TopicPartition

from deploy.demo.change import RowChange
from deploy.latency import Latencies
from graph.mapping import Mapping
from ingest.events import Op
from ingest.records import EVENTS, SCORES

log = structlog.get_logger("observer")

KEPT = 200_000  # events whose alert is still recognised
STAGES = ("kafka", "graph", "score", "alert", "sse")


class Observer:
    """Latencies of the stages of every event it was told of, in ms."""

    def __init__(self, bootstrap: str, mapping: Mapping, url: str, token: str, scoring: bool = True) -> None:
        """`url` and `token` are the alert service's; without `scoring` the path ends in the graph."""
        self.stages = {name: Latencies() for name in STAGES}
        self.expected = 0
        self.stopping = threading.Event()
        self._pending: dict[str, dict[str, float]] = {name: {} for name in STAGES[: 3 if scoring else 2]}
        self._sent: OrderedDict[str, float] = OrderedDict()
        self._roles = {table: e.role for table, rule in mapping.file.tables.items() for e in rule.edges if e.event}
        self._bootstrap, self._bank, self._url, self._token = bootstrap, mapping.file.source, url, token
        self._threads = [threading.Thread(target=self._topics, name="observer-topics", daemon=True)]
        if scoring:
            self._threads.append(threading.Thread(target=self._stream, name="observer-sse", daemon=True))
        self._listening = threading.Event()

    def start(self) -> None:
        """Returns once it sees the ends of all topics."""
        for thread in self._threads:
            thread.start()
        if not self._listening.wait(30):
            raise RuntimeError("the observer could not read Kafka's topics within 30 s; is the stack up?")

    def sent(self, changes: Iterable[RowChange], before_s: float) -> None:
        """A transaction is about to be committed; `before_s` is the wall clock of that."""
        for change in changes:
            if change.op is Op.CREATE and change.table in self._roles:
                event = f"{change.table}:{change.row_id}:{self._roles[change.table]}"
                self._sent[event] = before_s
                if len(self._sent) > KEPT:
                    self._sent.popitem(last=False)
                self.expected += 1
                for waiting in self._pending.values():
                    waiting[event] = before_s

    def missing(self) -> dict[str, int]:
        """Events committed that a stage has not shown yet."""
        return {name: len(waiting) for name, waiting in self._pending.items()}

    def drain(self, limit_s: float) -> dict[str, int]:
        """Wait for what is still on its way; returns what never came."""
        deadline = time.monotonic() + limit_s
        while any(self.missing().values()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return self.missing()

    def reset(self) -> None:
        """Forget all samples and what is pending."""
        self.stages = {name: Latencies() for name in STAGES}
        for waiting in self._pending.values():
            waiting.clear()
        self.expected = 0

    def stop(self) -> None:
        """End the threads."""
        self.stopping.set()

    # -- threads ------------------------------------------------------------------------------

    def _topics(self) -> None:
        consumer = Consumer(
            {"bootstrap.servers": self._bootstrap, "group.id": "observer", "enable.auto.commit": False,
             "auto.offset.reset": "latest", "fetch.wait.max.ms": 20, "fetch.min.bytes": 65_536}
        )  # fmt: skip
        known = consumer.list_topics(timeout=20).topics
        names = [EVENTS, SCORES, *(name for name in known if self._table(name) in self._roles)]
        parts = [TopicPartition(name, part) for name in names for part in known[name].partitions]
        for at in parts:
            at.offset = consumer.get_watermark_offsets(at, timeout=20)[1]
        consumer.assign(parts)
        self._listening.set()
        while not self.stopping.is_set():
            first = consumer.poll(0.2)  # waits for one only; a consume of many waits its whole time-out
            for message in [] if first is None else [first, *consumer.consume(500, 0)]:
                self._arrived(message.topic() or "", message.key() or b"", time.time())
        consumer.close()

    def _table(self, topic: str) -> str:
        prefix, _, rest = topic.partition(".")
        return rest.rpartition(".")[2] if prefix == self._bank else ""

    def _arrived(self, topic: str, key: bytes, now_s: float) -> None:
        if topic == EVENTS:
            self._reached("graph", key.decode(), now_s)
        elif topic == SCORES:
            self._reached("score", key.decode(), now_s)
        elif (row := _row_id(key)) is not None:
            table = self._table(topic)
            self._reached("kafka", f"{table}:{row}:{self._roles[table]}", now_s)

    def _reached(self, stage: str, event: str, now_s: float) -> None:
        before_s = self._pending.get(stage, {}).pop(event, None)
        if before_s is not None:
            self.stages[stage].add((now_s - before_s) * 1000)

    def _stream(self) -> None:
        headers = {"Authorization": f"Bearer {self._token}"}
        while not self.stopping.is_set():
            try:
                with httpx.stream("GET", f"{self._url}/api/alerts/stream", headers=headers, timeout=None) as answer:
                    answer.raise_for_status()
                    self._follow(answer)
            except httpx.HTTPError as error:
                if not self.stopping.is_set():
                    log.warning("the alert stream broke, connecting again", error=str(error))
                    time.sleep(0.5)

    def _follow(self, answer: httpx.Response) -> None:
        kind = ""
        for text in answer.iter_lines():
            if self.stopping.is_set():
                return
            if text.startswith("event:"):
                kind = text.removeprefix("event:").strip()
            elif text.startswith("data:") and kind == "created":
                alert = json.loads(text.removeprefix("data:"))
                before_s = self._sent.get(alert["event_id"])
                if before_s is not None:
                    self.stages["alert"].add(alert["created_us"] / 1000 - before_s * 1000)
                    self.stages["sse"].add((time.time() - before_s) * 1000)


def _row_id(key: bytes) -> object:
    """The id in a bank topic's key; None where the key is none (a bad record is ingest's to refuse)."""
    try:
        read = json.loads(key)
    except ValueError:
        return None
    return read.get("id") if isinstance(read, dict) else None
