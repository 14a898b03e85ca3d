"""Ringwatch's own processes on a stack: ingest, scorer, alerts. Each runs until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType

import faust
import structlog

from alerts.api import create_app
from alerts.consumer import ConsumerSettings, DeadScore, ScoreConsumer
from alerts.outbox import Publish
from alerts.services import AlertsSettings, open_services
from deploy import bootstrap
from deploy.config import ConfigError, Settings, settings
from deploy.faust_options import faust_options
from deploy.sweeper import Sweeper
from deploy.web import Web, listen
from graph.mirror import Mirror
from graph.neo4j_store import Neo4jStore
from graph.retention import DAY_MS, Retention
from graph.sink import GraphSink
from ingest.deadletter import DeadLetter
from ingest.events import Transient
from ingest.kafka import KafkaPublisher, KafkaSource, read_all
from ingest.records import DEAD_LETTERS, LABELS, Message, Record
from ingest.worker import BACKOFF_S, Worker
from scoring.app import ScorerSettings, build
from scoring.feed import MirrorFeed
from scoring.scorer import EventScorer

log = structlog.get_logger("ringwatch")

SWEEPER_ENDS_S = 5.0  # a chunk of the sweep takes 50 ms
LOOK_S = 1.0  # how often the alert service looks whether its consumer lives


def init_graph(chosen: Settings) -> str:
    """Make the graph's constraints and indexes; returns what to tell."""
    with bootstrap.driver(chosen) as bolt:
        store = bootstrap.store(chosen, bolt)
        store.init()
        store.check()
    return f"The graph has the constraints and indexes of {chosen.mapping.name}"


def run_ingest(worker: str, group: str) -> None:
    """One ingest process.

    Raises:
        StoreNotReady: the constraints are missing; nothing was read.
    """
    bootstrap.logs(settings())
    with bootstrap.driver(settings()) as bolt:
        store = bootstrap.store(settings(), bolt)
        _patiently(store.check)
        plan = bootstrap.mapping(settings())
        source = bootstrap.source(settings(), plan.file.source, group)
        sink, publisher = GraphSink(plan, store, worker), bootstrap.publisher(settings())
        running = Worker(source, sink, publisher, settings().ingest_batch)
        _on_stop(running.stopping.set)
        running.remember(_letters(settings()))
        log.info("ingest is running", worker=worker, group=group)
        sweeper = _sweeper(settings(), store, sink, source)
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


def _letters(chosen: Settings) -> list[DeadLetter]:
    """What stands in the dead-letter topic."""
    records = read_all(bootstrap.connections(chosen).kafka_bootstrap, DEAD_LETTERS, chosen.kafka_options)
    return [letter for record in records if (letter := DeadLetter.read(record)) is not None]


def _counters(worker: Worker) -> dict[str, object]:
    counters = worker.counters
    return {name: getattr(counters, name) for name in counters.__struct_fields__}


def run_scorer(group: str) -> None:
    """One scorer process: hydrates its mirror, then follows the events.

    Raises:
        ConfigError: Faust has no word for one of the Kafka options.
    """
    bootstrap.logs(settings())
    at, broker_options = bootstrap.connections(settings()), faust_options(settings().kafka_options)
    engine = bootstrap.engine(settings())
    with bootstrap.driver(settings()) as bolt:
        store = bootstrap.store(settings(), bolt)
        _patiently(store.check)
        schema = bootstrap.schema(settings())
        mirror = Mirror(schema.windowed)
        feed = MirrorFeed(at.kafka_bootstrap, store, mirror, settings().kafka_options)
        feed.start()
        while not feed.ready.wait(1.0):
            if feed.failed is not None:
                raise Transient(f"the mirror could not be hydrated: {feed.failed}")
        datadir = settings().state_dir / "faust"
        datadir.mkdir(parents=True, exist_ok=True)
        chosen = ScorerSettings(at.kafka_bootstrap, group, datadir=str(datadir), broker_options=broker_options)
        app = build(chosen, EventScorer(engine, mirror, schema.tables), mirror, feed)
        log.info("scoring", model=engine.model, mirror=mirror.owners)
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        worker = faust.Worker(app, loglevel="WARNING", loop=loop, redirect_stdouts=False, quiet=True)
        worker.execute_from_commandline()  # ends the process


def run_alerts() -> None:
    """The alert service: intake, page and API.

    Raises:
        ConfigError: there is no analyst token. A made-up one would have to be told, and logs are kept.
        SystemExit: its consumer died; the status (70) has a supervisor start it again.
    """
    chosen = settings()
    bootstrap.logs(chosen)
    if not chosen.analyst_token:
        raise ConfigError("RINGWATCH_ANALYST_TOKEN is not set; make one with: openssl rand -hex 24")
    if not asyncio.run(_alerts(chosen)):
        raise SystemExit(os.EX_SOFTWARE)


async def _alerts(chosen: Settings) -> bool:
    """Until told to stop (True), or until the consumer has died (False)."""
    at = bootstrap.connections(chosen)
    taken = listen(chosen.host, chosen.port)
    publisher = bootstrap.publisher(chosen)
    services = await open_services(
        AlertsSettings(
            url=at.sql_url,
            redis_url=at.redis_url,
            policy=bootstrap.policy(chosen, bootstrap.engine(chosen)),
            auth=bootstrap.auth(chosen, chosen.token()),
            tenant=chosen.tenant,
            publish=_to_kafka(publisher),
            status=lambda: {"mode": "stack"},
            ready=lambda: consumer.alive,
        )
    )
    consumer = ScoreConsumer(
        ConsumerSettings(at.kafka_bootstrap, extra=chosen.kafka_options),
        services.intake,
        asyncio.get_running_loop(),
        lambda dead: publisher.publish([_letter(dead)]),
    )
    consumer.start()
    web = Web(create_app(services), taken)
    serving = web.start()
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    log.info("the page is up", url=web.url)
    told = await _told_to_stop(stop, consumer)
    await consumer.stop()
    services.tail.close()  # open streams would hold the server up
    web.stop()
    await serving
    await services.close()
    return told


async def _told_to_stop(stop: asyncio.Event, consumer: ScoreConsumer) -> bool:
    """Wait for the word to stop; False when the consumer died before: a page without intake would miss fraud."""
    while consumer.alive and not stop.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_S)
    if not stop.is_set():
        log.error("scores are no longer read, the service ends", reason=repr(consumer.failure), status=os.EX_SOFTWARE)
    return stop.is_set()


def _to_kafka(publisher: KafkaPublisher) -> Publish:
    async def publish(topic: str, key: str, value: bytes) -> None:
        await asyncio.to_thread(publisher.publish, [Message(topic, key.encode(), value)])

    return publish


def _letter(dead: DeadScore) -> Message:
    record = Record(dead.topic, dead.partition, dead.offset, dead.key, dead.value, dead.headers)
    return DeadLetter.of(record, "", dead.reason).message()


def _patiently(check: Callable[[], None]) -> None:
    """A server may start after us: wait for it, saying so."""
    waits: Sequence[float] = (*BACKOFF_S, *([BACKOFF_S[-1]] * 60))
    for wait_s in waits:
        try:
            return check()
        except Transient as error:
            log.warning("not there yet, trying again", in_s=wait_s, error=str(error)[:200])
            threading.Event().wait(wait_s)
    return check()


def _on_stop(action: Callable[[], None]) -> None:
    """Finish what is in hand on the first signal, end at once on the second."""

    def stop(signum: int, frame: FrameType | None) -> None:
        signal.signal(signum, lambda *_: os._exit(130))
        action()

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, stop)
