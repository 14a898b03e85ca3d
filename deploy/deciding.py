"""A deciding process: its mirror, the model on duty, and the decision API in front of them."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from deploy import bootstrap
from deploy.config import PREFIX, Settings, settings
from deploy.ports import listen
from deploy.signals import patiently
from deploy.web import Web
from graph.mapping_file import read_mapping
from graph.mirror import Mirror
from ingest.events import Transient
from scoring.deciding.access import Access
from scoring.deciding.api import Readiness, create_app
from scoring.deciding.decider import Decider, GraphState, Parts, sample
from scoring.deciding.decision import Policy
from scoring.deciding.judge import EventJudge, warm
from scoring.deciding.memory import Memory
from scoring.deciding.metrics import Metrics
from scoring.deciding.request import Limits, Requests
from scoring.deciding.scoreable import Scoreable
from scoring.deciding.scoring_thread import ScoringThread
from scoring.deciding.shared_memory import SharedMemory
from scoring.engine import Scorer
from scoring.feed import MirrorFeed
from scoring.online.duty import DutyWatch
from scoring.scorer import EventScorer

log = structlog.get_logger("ringwatch")

KEEP_ALIVE_S = 75  # of an idle connection: a switch that asks rarely need not connect again
LOOK_S = 0.25
SWITCH_S = 0.001  # how long the scoring thread's Python may keep the loop waiting; the default is 5 ms


def wall_ms() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def make_decider(chosen: Settings, graph: Callable[[], GraphState], now_ms: Callable[[], int] = wall_ms) -> Decider:
    """A decider by the settings, without a thread to score with yet.

    Raises:
        MappingError: the mapping is none.
    """
    scoreable = Scoreable(read_mapping(chosen.mapping), chosen.kept_contacts_key())
    limits = Limits(chosen.decide_deadline_ms, chosen.decide_longest_ms, chosen.decide_ahead_s * 1000)
    metrics = Metrics()
    shared = None
    if chosen.redis_url is not None:
        shared = SharedMemory(chosen.redis_url.get_secret_value(), chosen.tenant, metrics.heard_redis)
    return Decider(
        Parts(
            Requests(scoreable, limits, now_ms),
            Policy(chosen.fallback_verdict, chosen.decline_from),
            graph,
            Memory(),
            metrics,
            shared=shared,
            stale_s=chosen.decide_stale_s,
        )
    )


def begin_scoring(decider: Decider, judge: EventJudge) -> None:
    """Warm everything up, then let requests be scored."""
    parts = decider.parts
    warm(judge, sample(parts.requests))
    gc.collect()
    gc.freeze()  # what is here now stays: a full collection of a large graph would take longer than a deadline
    thread = ScoringThread(judge, parts.policy.wants_reasons, batched=parts.metrics.batch.observe)
    thread.start()
    parts.thread = thread


def readiness(decider: Decider, stale_s: float) -> Readiness:
    """Whether requests get scores."""
    graph, thread = decider.parts.graph(), decider.parts.thread
    if graph.ready is not None or thread is None:
        return Readiness(graph.ready or "warming up")
    if thread.stuck:
        return Readiness("the scoring thread stands still", healthy=False)
    if stale_s and graph.silent_s is not None and graph.silent_s > stale_s:
        return Readiness(f"nothing was heard of the bank's changes for {graph.silent_s:,.0f} s")
    return Readiness()


@dataclass(slots=True)
class _Graph:
    """The mirror of this process, as soon as there is one."""

    mirror: Mirror
    feed: MirrorFeed | None = None
    failed: BaseException | None = None

    def state(self) -> GraphState:
        feed = self.feed
        if feed is None or not feed.ready.is_set():
            return GraphState("the graph is being read")
        if feed.failed is not None:
            return GraphState("the graph is no longer followed")
        return GraphState(None, feed.through, feed.silent_s, self.mirror.horizon("retention"))


def run_decide() -> None:
    """Serve decisions until told to stop.

    Raises:
        ConfigError: there is no token, or a setting does not fit.
        SystemExit: the graph is no longer followed; the status (70) has a supervisor start it again.
    """
    chosen = settings()
    bootstrap.logs(chosen)
    tokens = chosen.tokens()
    sys.setswitchinterval(SWITCH_S)
    if not asyncio.run(_serve(chosen, tokens)):
        raise SystemExit(os.EX_SOFTWARE)


async def _serve(chosen: Settings, tokens: list[str]) -> bool:
    """Until told to stop (True), or until the graph can't be followed any more (False)."""
    taken = listen(chosen.decide_host, chosen.decide_port, f"{PREFIX}DECIDE_")
    graph = _Graph(Mirror(bootstrap.schema(chosen).windowed))
    decider = make_decider(chosen, graph.state)
    access = Access(tokens, chosen.decide_per_s)
    if decider.parts.shared is not None:
        await decider.parts.shared.open()
    web = Web(create_app(decider, access, lambda: readiness(decider, chosen.decide_stale_s)), taken, KEEP_ALIVE_S)
    serving = web.start()
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    threading.Thread(target=_follow, args=(chosen, graph, decider), name="graph", daemon=True).start()
    log.info("decisions are served", url=web.url, verdict_until_ready=chosen.fallback_verdict)
    told = await _told_to_stop(stop, graph)
    web.stop()
    await serving
    await decider.close()
    return told


async def _told_to_stop(stop: asyncio.Event, graph: _Graph) -> bool:
    """Wait for the word to stop; False where the graph stands still: answers from it would only look well."""
    while not stop.is_set():
        failed = graph.failed or (graph.feed.failed if graph.feed else None)
        if failed is not None:
            log.error("the graph is no longer followed, the service ends", reason=repr(failed)[:300])
            return False
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_S)
    return True


def _follow(chosen: Settings, graph: _Graph, decider: Decider) -> None:
    """Fill the mirror, load the model, let requests be scored. In a thread: requests are answered meanwhile."""
    try:
        with bootstrap.driver(chosen) as bolt:
            store = bootstrap.store(chosen, bolt)
            patiently(store.check)
            at = bootstrap.connections(chosen)
            feed = MirrorFeed(at.kafka_bootstrap, store, graph.mirror, chosen.kafka_options)
            feed.start()
            while not feed.ready.wait(1.0):
                if feed.failed is not None:
                    raise Transient(f"the mirror could not be hydrated: {feed.failed}")
        tables = bootstrap.schema(chosen).tables
        duty = bootstrap.duty(chosen, graph.mirror)

        def scorer(engine: Scorer) -> EventScorer:
            return EventScorer(engine, graph.mirror, tables, chosen.threshold)

        begin_scoring(decider, EventJudge(lambda: duty.take()[0], scorer))
        DutyWatch(duty).start()
        graph.feed = feed
        log.info("deciding", model=duty.take()[0].model, mirror=graph.mirror.owners)
    except BaseException as error:
        graph.failed = error
