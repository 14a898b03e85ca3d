"""The two loops that the ingest bench holds against each other: the bare one, and ours with all guarantees."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable

import neo4j
from confluent_kafka import Consumer

from graph.mapping import Mapping
from graph.neo4j_store import Neo4jStore
from graph.sink import GraphSink
from ingest.kafka import KafkaPublisher, KafkaSource
from ingest.records import Record
from ingest.worker import Worker

BARE_LABEL, BARE_RELATION = "BareAccount", "BARE_TRANSFER"
BARE_WRITE = (
    f"UNWIND $rows AS row MERGE (s:{BARE_LABEL} {{id: row.src_account}}) "
    f"MERGE (d:{BARE_LABEL} {{id: row.dst_account}}) "
    f"MERGE (s)-[e:{BARE_RELATION} {{id: row.id}}]->(d) "
    "SET e.amount = row.amount, e.currency = row.currency, e.channel = row.channel, e.time = row.at, "
    "e._src = row.src_account, e._dst = row.dst_account"
)
BARE_SCHEMA = (  # what ours has: a bare loop into a graph that can't be read would be no peer
    f"CREATE CONSTRAINT bare_node IF NOT EXISTS FOR (n:{BARE_LABEL}) REQUIRE n.id IS UNIQUE",
    f"CREATE CONSTRAINT bare_edge IF NOT EXISTS FOR ()-[e:{BARE_RELATION}]-() REQUIRE e.id IS UNIQUE",
    f"CREATE INDEX bare_src IF NOT EXISTS FOR ()-[e:{BARE_RELATION}]-() ON (e._src, e.time)",
    f"CREATE INDEX bare_dst IF NOT EXISTS FOR ()-[e:{BARE_RELATION}]-() ON (e._dst, e.time)",
    "CALL db.awaitIndexes(300)",
)
PATIENCE_S = 120.0


class BareLoop:
    """confluent-kafka consume, JSON, one `UNWIND … MERGE`, commit. No guard, nothing published."""

    def __init__(self, bootstrap: str, topic: str, group: str, driver: neo4j.Driver, batch: int) -> None:
        """Makes its constraints."""
        self._driver, self._batch = driver, batch
        for statement in BARE_SCHEMA:
            driver.execute_query(statement)
        self._consumer = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False,
             "auto.offset.reset": "earliest", "fetch.wait.max.ms": 5}
        )  # fmt: skip
        self._consumer.subscribe([topic])

    def run(self, rows: int) -> float:
        """Take so many rows; returns the seconds it took."""
        started, left = time.perf_counter(), rows
        while left > 0:
            taken = self._consumer.consume(min(self._batch, left), 1.0)
            batch = [json.loads(message.value() or b"")["after"] for message in taken if message.error() is None]
            if not batch:
                continue
            self._driver.execute_query(BARE_WRITE, rows=batch)
            self._consumer.commit(asynchronous=False)
            left -= len(batch)
        return time.perf_counter() - started

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()


class OurLoop:
    """The product's worker, source, sink and publisher."""

    def __init__(
        self, bootstrap: str, topic: str, group: str, mapping: Mapping, store: Neo4jStore, batch: int
    ) -> None:
        """The store's constraints exist."""
        self._source = KafkaSource(bootstrap, group, [topic])
        self._sink = GraphSink(mapping, store, "bench", store.purged_before_ms)
        self._publisher = KafkaPublisher(bootstrap)
        self._batch = batch
        self.retries = 0
        self.dead_letters = 0

    def run(self, rows: int) -> float:
        """Take so many rows; returns the seconds it took."""
        source = _Counted(self._source, rows)
        worker = Worker(source, self._sink, self._publisher, self._batch, poll_s=0.05, first=self._batch)
        source.finished = worker.stopping.set
        timer = threading.Timer(PATIENCE_S + rows / 500, worker.stopping.set)
        timer.start()
        started = time.perf_counter()
        worker.run()
        took = time.perf_counter() - started
        timer.cancel()
        self.retries += worker.counters.retries
        self.dead_letters += worker.counters.dead_letters
        if worker.counters.written < rows:
            raise RuntimeError(f"only {worker.counters.written} of {rows} rows were written")
        return took

    def close(self) -> None:
        """Leave the group."""
        self._source.close()


class _Counted:
    """A source that gives so many records and then says that it is finished."""

    def __init__(self, source: KafkaSource, rows: int) -> None:
        self._source, self._left = source, rows
        self.finished: Callable[[], None] = lambda: None
        self.commit, self.lag = source.commit, source.lag
        self.keep_alive, self.reassigned = source.keep_alive, source.reassigned

    def poll(self, limit: int, timeout_s: float) -> list[Record]:
        records = self._source.poll(min(limit, self._left), timeout_s) if self._left else []
        self._left -= len(records)
        if self._left == 0:
            self.finished()
        return records
