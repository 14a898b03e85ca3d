"""`ringwatch decide`: this process answers, within the deadline whatever happens; another one has graph and model."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from multiprocessing import get_context
from typing import Any

import structlog

from deploy.config import PREFIX, Settings, settings
from deploy.logs import logs
from deploy.ports import listen
from deploy.web import Web
from graph.mapping_file import read_mapping
from scoring.deciding.access import Access
from scoring.deciding.api import Readiness, create_app
from scoring.deciding.decider import Decider, GraphState, Parts
from scoring.deciding.decision import Policy
from scoring.deciding.memory import Memory
from scoring.deciding.metrics import Metrics
from scoring.deciding.remote import RemoteScoring
from scoring.deciding.request import Limits, Requests
from scoring.deciding.scoreable import Scoreable
from scoring.deciding.shared_memory import SharedMemory

log = structlog.get_logger("ringwatch")

KEEP_ALIVE_S = 75  # of an idle connection: a switch that asks rarely need not connect again
LOOK_S = 0.25
ENDS_S = 10.0


def wall_ms() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def make_decider(chosen: Settings, now_ms: Callable[[], int] = wall_ms) -> Decider:
    """A decider by the settings, with nothing to score with yet.

    Raises:
        MappingError: the mapping is none.
    """
    scoreable = Scoreable(read_mapping(chosen.mapping), chosen.kept_contacts_key())
    limits = Limits(chosen.decide_deadline_ms, chosen.decide_longest_ms, chosen.decide_ahead_s * 1000)
    policy, metrics = Policy(chosen.fallback_verdict, chosen.decline_from), Metrics()
    parts = Parts(Requests(scoreable, limits, now_ms), policy, not_yet, Memory(), metrics)
    parts.stale_s = chosen.decide_stale_s
    if chosen.redis_url is not None:
        parts.shared = SharedMemory(chosen.redis_url.get_secret_value(), chosen.tenant, metrics.heard_redis)
    return Decider(parts)


def not_yet() -> GraphState:
    """Before there is a graph."""
    return GraphState("the graph is being read")


def readiness(decider: Decider) -> Readiness:
    """Whether requests get scores."""
    parts = decider.parts
    graph = parts.graph()
    if graph.ready is not None or parts.scoring is None:
        return Readiness(graph.ready or "warming up")
    if parts.scoring.stuck:
        return Readiness("what scores stands still", healthy=False)
    if parts.stale_s and graph.silent_s is not None and graph.silent_s > parts.stale_s:
        return Readiness(f"nothing was heard of the bank's changes for {graph.silent_s:,.0f} s")
    return Readiness()


def settle() -> None:
    """What is here now stays: the collector need not look at it again and again, 60 ms each time in this process."""
    gc.collect()
    gc.freeze()


@asynccontextmanager
async def room(decider: Decider, serve: Callable[..., None], *about: Any) -> AsyncIterator[RemoteScoring]:
    """Start the process that scores, `serve(socket, *about)`, and have the decider ask it; ends it at the end."""
    ours, theirs = socket.socketpair()
    process = get_context("spawn").Process(target=serve, args=(theirs, *about), name="deciding")
    process.start()
    theirs.close()
    scoring = await RemoteScoring.over(ours, decider.parts.metrics.batch.observe)
    decider.parts.scoring, decider.parts.graph = scoring, scoring.graph
    settle()
    try:
        yield scoring
    finally:
        scoring.stop()
        await asyncio.to_thread(process.join, ENDS_S)
        if process.is_alive():
            process.kill()


def run_decide() -> None:
    """Serve decisions until told to stop.

    Raises:
        ConfigError: there is no token, or a setting does not fit.
        SystemExit: there is no graph any more; the status (70) has a supervisor start it again.
    """
    chosen = settings()
    logs(chosen)
    access = Access(chosen.tokens(), chosen.decide_per_s)
    if not asyncio.run(_serve(chosen, access)):
        raise SystemExit(os.EX_SOFTWARE)


async def _serve(chosen: Settings, access: Access) -> bool:
    """Until told to stop (True), or until what scores has ended (False)."""
    from deploy.deciding_room import follow_bank

    taken = listen(chosen.decide_host, chosen.decide_port, f"{PREFIX}DECIDE_")
    decider = make_decider(chosen)
    if decider.parts.shared is not None:
        await decider.parts.shared.open()
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    web = Web(create_app(decider, access, lambda: readiness(decider)), taken, KEEP_ALIVE_S)
    serving = web.start()
    log.info("decisions are served", url=web.url, until_ready=chosen.fallback_verdict)
    async with room(decider, follow_bank, chosen.decline_from) as scoring:
        told = await _told_to_stop(stop, scoring)
        web.stop()
        await serving
    await decider.close()
    return told


async def _told_to_stop(stop: asyncio.Event, scoring: RemoteScoring) -> bool:
    """Wait for the word to stop; False where there is no graph any more: answers without one would only look well."""
    while not stop.is_set():
        if scoring.failed is not None:
            log.error("what scores has ended, and so does the service", reason=scoring.failed[:300])
            return False
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_S)
    return True
