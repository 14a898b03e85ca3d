"""A scorer process: its mirror, the models on duty, who watches them, and the Faust worker between them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

import faust
import structlog
from prometheus_client import CollectorRegistry

from deploy import bootstrap
from deploy.config import Settings, settings
from deploy.explaining import explained_by, explainer_of, stack_worker
from deploy.faust_options import faust_options
from deploy.ports import optional
from deploy.probes import Probes
from deploy.reading import read_through, started
from deploy.signals import patiently
from graph.mirror import Mirror
from ingest.health import Report
from ingest.tuning import tune
from scoring.app import Work, WorkerSettings, build
from scoring.engine import Scorer
from scoring.follower import Follower
from scoring.online.desk import Desk
from scoring.online.duty import Duty, DutyWatch
from scoring.online.guard import Guard
from scoring.online.metrics import ScorerMetrics
from scoring.online.monitor import Monitor
from scoring.online.wellness import report
from scoring.promotions import Role
from scoring.rows import names_of
from scoring.scorer import EventScorer

log = structlog.get_logger("ringwatch")



class State:
    """What the probes are told of, as it comes about."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.feed: Follower | None = None
        self.desk: Desk | None = None
        self._started_s = time.monotonic()

    def report(self) -> Report:
        """How it stands."""
        failed = self.feed.failed if self.feed else None
        return report(self.desk, None if failed is None else str(failed)[:300], self._started_s)


def run_scorer(group: str) -> None:
    """One scorer process: hydrates its mirror, if it has one, then follows the events until it is told to stop.

    Raises:
        ConfigError: Faust has no word for one of the Kafka options, or the model can't be scored through this reader.
        PortTaken: the port for health and metrics that was asked for can't be had.
        ModelRefused: the model that is to score is not what its manifest says.
    """
    chosen, state = settings(), State()
    bootstrap.logs(chosen)
    at, broker_options = bootstrap.connections(chosen), faust_options(chosen.kafka_options)
    with _probed(chosen, state), bootstrap.driver(chosen) as bolt:
        store = bootstrap.store(chosen, bolt)
        patiently(store.check)
        duty = bootstrap.duty(chosen)
        graph, state.feed = read_through(chosen, at.kafka_bootstrap, store, duty.now()[0])
        started(state.feed)
        if isinstance(graph, Mirror):
            duty.read_from(graph)
        monitor = watched(duty, chosen.drift_limit)
        metrics = ScorerMetrics(state.registry, duty, monitor, lambda: graph.owners if isinstance(graph, Mirror) else 0)
        if isinstance(graph, Mirror):
            graph.listen(monitor.feedback.heard)
            _explain(chosen, duty, graph, state)

        def scorer(engine: Scorer) -> EventScorer:
            return EventScorer(engine, graph, store.schema.tables, chosen.threshold, chosen.near_misses)

        def began(desk: Desk) -> None:
            state.desk = metrics.desk = desk

        datadir = chosen.state_dir / "faust"
        datadir.mkdir(parents=True, exist_ok=True)
        worker = WorkerSettings(at.kafka_bootstrap, group, str(datadir), broker_options=broker_options)
        log.info("scoring", model=duty.now()[0].model, through=chosen.reader)
        through, publisher = (graph, state.feed), bootstrap.publisher(chosen)
        tune()
        follow(build(worker, Work(scorer, duty, through, publisher, metrics.tell, began=began)))


def _explain(chosen: Settings, duty: Duty, mirror: Mirror, state: State) -> None:
    """Alerts are explained beside the stream, by the eyes of whoever is on duty."""
    worker = stack_worker(chosen, explainer_of(duty, mirror), lambda: state.desk is not None and state.desk.busy)
    duty.tell(explained_by(worker.desk, mirror))
    worker.start()


def watched(duty: Duty, limit: float) -> Monitor:
    """Who watches the model on duty, and for promotions; both begun."""
    monitor = Monitor(limit)

    def changed(role: Role, scorer: Scorer | None) -> None:
        if role != "main":
            return
        if isinstance(scorer, Guard):
            monitor.follow(scorer, scorer.engine.reference, names_of(scorer.engine.manifest.features))
        else:
            monitor.leave()

    duty.tell(changed)
    changed("main", duty.now()[0])
    monitor.start()
    DutyWatch(duty).start()
    return monitor


@contextmanager
def _probed(chosen: Settings, state: State) -> Iterator[None]:
    """Health and metrics, from before the first wait for a server, so that a process that waits is seen to be alive."""
    taken = optional(chosen, "scorer")
    probes = Probes(taken, state.report, state.registry) if taken else None
    if probes:
        log.info("health and metrics are up", url=probes.url)
    try:
        yield
    finally:
        if probes:
            probes.close()


def follow(app: faust.App) -> None:
    """Until the process is told to end."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    logging.basicConfig(level=logging.WARNING)
    # Faust would set the root logger to DEBUG and sift behind it: a record made and dropped for each message
    worker = faust.Worker(app, override_logging=False, loop=loop, redirect_stdouts=False, quiet=True)
    worker.execute_from_commandline()  # ends the process
