"""The whole path in one process, Python only: the demo bank's replay to the page."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from alerts.api import create_app
from alerts.services import AlertsSettings, Services, open_services
from deploy import bootstrap
from deploy.config import Settings
from deploy.deciding_demo import DemoDeciding
from deploy.demo.bank import Bank
from deploy.demo.replay import Replay, snapshot_records, stream_records
from deploy.demo.settings import DAY_MS, BankSettings
from deploy.demo.tables import history
from deploy.explaining import explained_by, explainer_of, local_worker
from deploy.figures import Report, figure, report
from deploy.latency import Latencies
from deploy.local import LocalPublisher, Stages
from deploy.ports import listen
from deploy.web import Web
from graph.adjacency import compile_walk
from graph.mirror import Mirror
from graph.sink import GraphSink
from ingest.labels import decode_label
from ingest.records import LABELS, Record
from ingest.worker import Counters, Worker
from scoring.engine import Scorer
from scoring.explaining.local import LocalExplanations
from scoring.online.duty import DutyWatch
from scoring.scorer import EventScorer

FIRST_ALERT_S = 30.0  # the demo's bar, from the start to the first alert
TICK_S = 0.25


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What to replay: `history_days` at once, then `per_s` changes a second, for `for_s` or until stopped."""

    seed: int = 7
    users: int = 2_000
    history_days: int = 14
    per_s: float = 200.0
    for_s: float | None = None
    decide: bool = False  # serve the decision API too


@dataclass(slots=True)
class Progress:
    """Where the demo is."""

    started_s: float
    first_alert_s: float | None = None
    alerts: int = 0
    url: str = ""
    link: str = ""
    decide_url: str = ""


class Demo:
    """The embedded demo: one ingest thread, one loop for the alerts and the page."""

    def __init__(self, settings: Settings, options: DemoOptions) -> None:
        """Checks what can be checked before anything is started.

        Raises:
            MappingError, ModelRefused, PortTaken: what is wrong, and the mend.
        """
        self.settings, self.options = settings, options
        self.mapping = bootstrap.mapping(settings)
        self.token = settings.token()
        self.mirror, self.stages = Mirror(), Stages()
        self.duty = bootstrap.duty(settings)
        self.progress = Progress(time.monotonic())
        self.failed: BaseException | None = None
        self.worker: Worker | None = None
        self.publisher: LocalPublisher | None = None
        self.explanations: LocalExplanations | None = None
        self._stop = asyncio.Event()
        self._replay: Replay | None = None
        self._bank_ms = 0
        self._taken = listen(settings.host, settings.port)
        self.deciding = DemoDeciding(settings, self.mirror, lambda: self._bank_ms) if options.decide else None

    async def run(self, tick: Callable[[Demo], None], started: Callable[[Demo], None]) -> Report:
        """Until the time is up or it is interrupted; `tick` is called a few times a second."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, self._stop.set)
        services = await open_services(self._alerts())
        web = Web(create_app(services), self._taken)
        serving = web.start()
        self.progress.url = web.url
        self.progress.link = web.url + services.auth.one_time_link()
        if self.deciding is not None:
            self.progress.decide_url = self.deciding.start()
        started(self)
        thread = threading.Thread(target=self._ingest, args=(services, loop), name="ingest", daemon=True)
        thread.start()
        try:
            await self._watch(services, tick)
        finally:
            await self._close(services, web, serving, thread)
        if self.failed is not None:
            raise self.failed
        return self.summary()

    def _alerts(self) -> AlertsSettings:
        folder = bootstrap.demo_folder(self.settings)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return AlertsSettings(
            url=f"sqlite:///{folder / 'alerts.db'}",
            policy=bootstrap.policy(self.settings),
            auth=bootstrap.auth(self.settings, self.token),
            tenant=self.settings.tenant,
            publish=self._label,
            status=self.status,
            ready=lambda: self.live_s > 0,
            event_clock="UTC, the demo bank's clock",
        )

    async def _watch(self, services: Services, tick: Callable[[Demo], None]) -> None:
        limit_s = self.options.for_s or float("inf")
        while not self._stop.is_set() and self.failed is None:
            elapsed_s = time.monotonic() - self.progress.started_s
            if elapsed_s >= limit_s:
                return
            if self.deciding is not None and self.live_s:
                self.deciding.begin()
            counts = await services.queries.counts()
            self.progress.alerts = sum(counts.values())
            if self.progress.alerts and self.progress.first_alert_s is None:
                self.progress.first_alert_s = elapsed_s
            tick(self)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(TICK_S, max(0.0, limit_s - elapsed_s))):
                    await self._stop.wait()

    async def _close(self, services: Services, web: Web, serving: asyncio.Task[None], thread: threading.Thread) -> None:
        self._stop.set()  # for a thread that has no worker yet
        if self.worker is not None:
            self.worker.stopping.set()
        await asyncio.to_thread(thread.join, 10.0)
        if self.explanations is not None and self.explanations.is_alive():
            self.explanations.stopping.set()
            await asyncio.to_thread(self.explanations.join, 10.0)
        services.tail.close()  # open streams would hold the server up
        web.stop()
        await serving
        await services.close()
        if self.deciding is not None:
            await self.deciding.close()

    # -- the ingest thread --------------------------------------------------------------------

    def _ingest(self, services: Services, loop: asyncio.AbstractEventLoop) -> None:
        try:
            letters = bootstrap.demo_folder(self.settings) / "deadletters.jsonl"
            self.duty.read_from(self.mirror)
            self.explanations = local_worker(explainer_of(self.duty, self.mirror), services.explanations, loop)
            self.duty.tell(explained_by(self.explanations.desk, self.mirror))
            self.explanations.start()
            self.publisher = LocalPublisher(
                self.duty, self._scorer, services.intake, loop, letters, self.stages, self.explanations
            )
            DutyWatch(self.duty).start()
            compile_walk()
            self._replay = self._records()
            sink = GraphSink(self.mapping, self.mirror, "embedded")
            self.worker = Worker(self._replay, sink, self.publisher, self.settings.ingest_batch, poll_s=0.1)
            if not self._stop.is_set():  # else it was told to end before there was a worker to tell
                self.worker.run()
        except BaseException as error:
            self.failed = error

    def _scorer(self, engine: Scorer) -> EventScorer:
        chosen = self.settings
        return EventScorer(engine, self.mirror, self.mapping.schema.tables, chosen.threshold, chosen.near_misses)

    def _records(self) -> Replay:
        options = self.options
        bank_settings = BankSettings(seed=options.seed, users=options.users)
        until_ms = bank_settings.start_ms + options.history_days * DAY_MS
        tables, rest = history(Bank(bank_settings), until_ms)
        stream = (self._seen(change) for change in rest)
        return Replay(snapshot_records(tables, until_ms), stream_records(stream), options.per_s)

    def _seen(self, change: Any) -> Any:
        self._bank_ms = change.at_ms
        return change

    async def _label(self, topic: str, key: str, value: bytes) -> None:
        """An analyst's decision becomes a label on the event, as `fraud.labels` brings it in the stack."""
        record = Record(LABELS, 0, 0, key.encode(), value)
        captured = decode_label(record)
        assert captured is not None  # a decision is never a tombstone
        await asyncio.to_thread(self.mirror.apply, self.mapping.plan(captured.change).upserts)

    # -- figures ------------------------------------------------------------------------------

    @property
    def live_s(self) -> float:
        """Seconds since the history is read; 0 before."""
        since_s = self._replay.live_since_s if self._replay else None
        return time.monotonic() - since_s if since_s else 0.0

    def status(self) -> dict[str, Any]:
        """For the strip above the pages and the line in the terminal."""
        scored = self.publisher.scored if self.publisher else 0
        shown: dict[str, Any] = {"mode": "embedded demo", "scored": scored}
        if self._bank_ms:
            shown["sim_time"] = f"{datetime.fromtimestamp(self._bank_ms / 1000, UTC):%d %b %H:%M}"
        if self.live_s > 1:
            shown["scored_per_s"] = scored / self.live_s
        p50, p99 = self.stages.alert.percentile(50), self.stages.alert.percentile(99)
        if p50 is not None and p99 is not None:
            shown |= {"p50_ms": p50, "p99_ms": p99}
        return shown

    def summary(self) -> Report:
        """The figures of the run so far."""
        counters = self.worker.counters if self.worker else Counters()
        scored, live_s = self.publisher.scored if self.publisher else 0, self.live_s
        figures = [
            figure("first_alert_s", self.progress.first_alert_s or 1e9, "s", FIRST_ALERT_S),
            figure("alerts", self.progress.alerts, "alerts", 1, "higher"),
            figure("changes", counters.written, "changes", 1, "higher"),
            figure("scored", scored, "events", 1, "higher"),
            figure("scored_per_s", scored / live_s if live_s else 0.0, "events/s", None, "higher"),
            figure("explained", self.explanations.desk.explained if self.explanations else 0, "alerts", None, "higher"),
            figure("dead_letters", counters.dead_letters, "records", 0),
        ]
        for name in ("graph", "score", "alert"):
            found: Latencies = getattr(self.stages, name)
            figures += found.figures(name, self.options.per_s)
        return report("demo", figures)
