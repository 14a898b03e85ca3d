"""An ingest process: the worker, its metrics and health and the server that shows both, the sweeper beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from deploy import bootstrap
from deploy.config import Settings, settings
from deploy.ports import optional
from deploy.probes import Probes
from deploy.signals import on_stop, patiently
from deploy.sweeper import Sweeper
from graph.neo4j_store import Neo4jStore
from graph.retention import DAY_MS, Retention
from graph.sink import GraphSink
from ingest.events import Transient
from ingest.health import Health
from ingest.kafka import KafkaSource
from ingest.listener import Listener, Listeners
from ingest.metrics import Metrics
from ingest.records import LABELS
from ingest.tuning import tune
from ingest.worker import Worker

log = structlog.get_logger("ringwatch")

SWEEPER_ENDS_S = 5.0  # a chunk of the sweep takes 50 ms


def run_ingest(worker: str, group: str) -> None:
    """One ingest process.

    Raises:
        StoreNotReady: the constraints are missing; nothing was read.
        PortTaken: the port for health and metrics can't be had; nothing was read.
        Halt: the mapping says to stop at a record; what came before it is in the graph.
    """
    chosen = settings()
    bootstrap.logs(chosen)
    with watched(chosen) as listener, bootstrap.driver(chosen) as bolt:
        store = bootstrap.store(chosen, bolt)
        store.advanced = listener.advanced
        patiently(store.check)
        plan = bootstrap.mapping(chosen)
        source = bootstrap.source(chosen, plan.file.source, group)
        sink = GraphSink(plan, store, worker, store.purged_before_ms)
        running = Worker(source, sink, bootstrap.publisher(chosen), chosen.ingest_batch, listener=listener)
        on_stop(running.stopping.set)
        log.info("ingest is running", worker=worker, group=group)
        sweeper = _sweeper(chosen, store, sink, source)
        tune()
        try:
            running.run()
        except Transient as error:  # told to stop while a server was away: the batch comes again
            log.warning("stopped in the middle of a batch, which will be read again", error=str(error)[:300])
        finally:
            if sweeper is not None:
                sweeper.stopping.set()
                sweeper.join(SWEEPER_ENDS_S)
            source.close()
        log.info("ingest has stopped", **{k: v for k, v in _counters(running).items() if v})


def _sweeper(chosen: Settings, store: Neo4jStore, sink: GraphSink, source: KafkaSource) -> Sweeper | None:
    """What keeps the graph to its window, if there is one: in the group's process that has the analysts' decisions."""
    if chosen.retention_days is None:
        return None
    retention = Retention(int(chosen.retention_days * DAY_MS))
    sweeper = Sweeper(
        store, bootstrap.publisher(chosen), retention, lambda: sink.newest_ms, lambda: source.owns(LABELS, 0)
    )
    sweeper.start()
    return sweeper


def _counters(worker: Worker) -> dict[str, object]:
    counters = worker.counters
    return {name: getattr(counters, name) for name in counters.__struct_fields__}


@contextmanager
def watched(chosen: Settings) -> Iterator[Listener]:
    """The listener to give to the worker. Entered before the first wait for a server, so that a process that
    waits is seen to be alive.

    Raises:
        PortTaken: the port that was asked for can't be had; nothing was read.
    """
    metrics, health = Metrics(), Health()
    taken = optional(chosen, "ingest")
    probes = Probes(taken, health.report, metrics.registry) if taken else None
    if probes:
        log.info("health and metrics are up", url=probes.url)
    try:
        yield Listeners(metrics, health)
    finally:
        if probes:
            probes.close()
