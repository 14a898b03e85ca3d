"""Everything the pages and the API need, opened together and closed together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import structlog
from prometheus_client import CollectorRegistry

from alerts.auth import Auth, AuthSettings
from alerts.clock import now_us
from alerts.database import Database
from alerts.decisions import Decisions
from alerts.errors import DatabaseAway
from alerts.explanations import Explanations
from alerts.fanout import Fanout, Local, RedisFanout
from alerts.feed import Tail
from alerts.limits import Counters, MemoryCounters, RedisCounters
from alerts.metrics import Metrics
from alerts.migrations import upgrade
from alerts.outbox import Publish, Relay
from alerts.policy import Policy
from alerts.queries import Queries
from alerts.service import Intake

log = structlog.get_logger(__name__)

SUPERSEDED_KEPT_US = 7 * 86_400 * 1_000_000  # a week: no topic is read again further back without a rebuild
PURGE_EVERY_S = 3600.0

Status = Callable[[], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class AlertsSettings:
    """What the caller decides.

    Attributes:
        url: `sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/NAME`.
        policy: which scores become alerts.
        auth: the analyst token and its cookie.
        tenant: whose alerts these are.
        redis_url: where replicas meet; None for a single process.
        publish: sends what analysts decided, publish(topic, key, value); None leaves it in the outbox.
        status: live figures for the strip above the pages and for /api/status.
        ready: raises or returns False while the process around is not ready (for /readyz).
        event_clock: what the pages call the clock of event times.
        registry: where the metrics are registered; None for one of their own.
    """

    url: str
    policy: Policy
    auth: AuthSettings
    tenant: str = "bank"
    redis_url: str | None = None
    publish: Publish | None = None
    status: Status = dict
    ready: Callable[[], bool] = lambda: True
    event_clock: str = "UTC"
    most_streams: int = 200
    registry: CollectorRegistry | None = None


@dataclass(slots=True)
class Services:
    """What `create_app` serves. `async with` or `close()` ends it."""

    settings: AlertsSettings
    database: Database
    metrics: Metrics
    fanout: Fanout
    counters: Counters
    auth: Auth
    intake: Intake
    explanations: Explanations
    decisions: Decisions
    queries: Queries
    tail: Tail
    relay: Relay | None
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def start(self) -> None:
        """Follow the feed, send the outbox, listen for other replicas."""
        await self.fanout.start()
        self._spawn(self.tail.run(), "alerts-feed")
        self._spawn(self._purge(), "alerts-purge")
        if self.relay is not None:
            self._spawn(self.relay.run(self.decisions.written), "alerts-outbox")

    async def close(self) -> None:
        """End streams and tasks, close connections. Harmless when repeated."""
        self.tail.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks.clear()
        await self.fanout.close()
        await self.counters.close()
        await self.database.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _spawn(self, work: Any, name: str) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work, name=name)
        task.add_done_callback(_tell_death)
        self.tasks.append(task)

    async def _purge(self) -> None:
        while True:
            await asyncio.sleep(PURGE_EVERY_S)
            try:
                await self.intake.purge(now_us() - SUPERSEDED_KEPT_US)
            except DatabaseAway as error:
                log.warning("purge_later", reason=str(error))


def _tell_death(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("task_died", task=task.get_name(), reason=repr(task.exception()))


def build(settings: AlertsSettings) -> Services:
    """Wire the parts; nothing is opened or started yet."""
    database = Database(settings.url)
    metrics = Metrics(settings.registry)
    fanout: Fanout = RedisFanout(settings.redis_url) if settings.redis_url else Local()
    counters: Counters = RedisCounters(settings.redis_url) if settings.redis_url else MemoryCounters()
    queries = Queries(database, settings.tenant)
    publish = settings.publish
    return Services(
        settings=settings,
        database=database,
        metrics=metrics,
        fanout=fanout,
        counters=counters,
        auth=Auth(settings.auth, counters),
        intake=Intake(database, settings.policy, fanout, tenant=settings.tenant, metrics=metrics),
        explanations=Explanations(database, fanout, tenant=settings.tenant, metrics=metrics),
        decisions=Decisions(database, fanout, tenant=settings.tenant, metrics=metrics),
        queries=queries,
        tail=Tail(queries, fanout, most_streams=settings.most_streams),
        relay=Relay(database, publish, metrics=metrics) if publish else None,
    )


async def open_services(settings: AlertsSettings) -> Services:
    """Bring the tables up to date, wire the parts and start them in the running loop.

    Raises:
        BadSettings: a setting has to be changed first.
        DatabaseAway: no answer; try again later.
    """
    await asyncio.to_thread(upgrade, settings.url)
    services = build(settings)
    await services.start()
    return services
