"""A scorer process: its mirror, the models on duty, and the Faust worker between them."""

from __future__ import annotations

import asyncio

import faust
import structlog

from deploy import bootstrap
from deploy.config import Settings, settings
from deploy.faust_options import faust_options
from deploy.signals import patiently
from graph.mirror import Mirror
from graph.neo4j_store import Neo4jStore
from ingest.events import Transient
from scoring.app import Work, WorkerSettings, build
from scoring.engine import Scorer
from scoring.feed import MirrorFeed
from scoring.online.duty import DutyWatch
from scoring.scorer import EventScorer

log = structlog.get_logger("ringwatch")


def run_scorer(group: str) -> None:
    """One scorer process: hydrates its mirror, then follows the events until it is told to stop.

    Raises:
        ConfigError: Faust has no word for one of the Kafka options.
        ModelRefused: the model that is to score is not what its manifest says.
    """
    chosen = settings()
    bootstrap.logs(chosen)
    at, broker_options = bootstrap.connections(chosen), faust_options(chosen.kafka_options)
    with bootstrap.driver(chosen) as bolt:
        store = bootstrap.store(chosen, bolt)
        patiently(store.check)
        schema = bootstrap.schema(chosen)
        mirror = Mirror(schema.windowed)
        feed = _hydrated(chosen, store, mirror)
        duty = bootstrap.duty(chosen, mirror)
        DutyWatch(duty).start()

        def scorer(engine: Scorer) -> EventScorer:
            return EventScorer(engine, mirror, schema.tables, chosen.threshold)

        datadir = chosen.state_dir / "faust"
        datadir.mkdir(parents=True, exist_ok=True)
        worker = WorkerSettings(at.kafka_bootstrap, group, str(datadir), broker_options=broker_options)
        log.info("scoring", model=duty.take()[0].model, mirror=mirror.owners)
        follow(build(worker, Work(scorer, duty, feed)))


def _hydrated(chosen: Settings, store: Neo4jStore, mirror: Mirror) -> MirrorFeed:
    """A feed whose mirror holds what the store does.

    Raises:
        Transient: it could not be read.
    """
    feed = MirrorFeed(bootstrap.connections(chosen).kafka_bootstrap, store, mirror, chosen.kafka_options)
    feed.start()
    while not feed.ready.wait(1.0):
        if feed.failed is not None:
            raise Transient(f"the mirror could not be hydrated: {feed.failed}")
    return feed


def follow(app: faust.App) -> None:
    """Until the process is told to end."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    worker = faust.Worker(app, loglevel="WARNING", loop=loop, redirect_stdouts=False, quiet=True)
    worker.execute_from_commandline()  # ends the process
