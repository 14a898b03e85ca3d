"""A decision server as it runs, on a port of its own, with judges that do what a test needs."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import msgspec
from prometheus_client import generate_latest

from deploy.config import ROOT
from deploy.ports import listen
from deploy.web import Web
from graph.mapping_file import read_mapping
from graph.model import Event
from scoring.deciding.access import Access
from scoring.deciding.api import Readiness, create_app
from scoring.deciding.decider import Decider, GraphState, Parts
from scoring.deciding.decision import Policy
from scoring.deciding.judge import Judge
from scoring.deciding.memory import Memory
from scoring.deciding.metrics import Metrics
from scoring.deciding.request import Limits, Requests
from scoring.deciding.scoreable import Scoreable
from scoring.deciding.scoring_thread import QueueLimits, ScoringThread
from scoring.deciding.shared_memory import SharedMemory
from scoring.deciding.ticket import Scoring
from scoring.score import Score

TOKEN = "of the tests, 24 letters"
NOW_MS = 1_770_000_000_000
KEY = b"of the tests, thirty-two letters"
GOOD = {
    "id": "transfers:981:transfer", "relation": "TRANSFER", "src": "Account:17", "dst": "Account:18",
    "attributes": {"amount": "0.20"},
}  # fmt: skip


class ByAmount:
    """A judge whose probability is the amount in cents, in per cent; what else it does is set."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.explained: list[str] = []
        self.threads: set[int] = set()
        self.before: Callable[[Sequence[Event]], None] = lambda events: None
        self.before_reasons: Callable[[Event], None] = lambda event: None

    def scores(self, events: Sequence[Event]) -> list[Score]:
        self.batches.append(len(events))
        self.threads.add(threading.get_ident())
        self.before(events)
        return [
            Score(
                e, 1, False, float(e.attributes.get("amount") or 0) / 100, "by-amount@1", (), (), None, "", False, 0.5
            )
            for e in events
        ]

    def reasons(self, event: Event) -> tuple[str, ...]:
        self.before_reasons(event)
        self.threads.add(threading.get_ident())
        self.explained.append(event.id)
        return (f"amount {event.attributes['amount']}",)


@dataclass
class Site:
    """A server, what it is made of, and a client that has the token."""

    decider: Decider
    client: httpx.AsyncClient

    async def ask(self, key: str | None = None, **changed: object) -> httpx.Response:
        """A good request, changed."""
        body = {name: value for name, value in (GOOD | changed).items() if value is not None}
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self.client.post("/v1/score", content=msgspec.json.encode(body), headers=headers)

    def metric(self, name: str) -> float:
        """A sample of /metrics, by its name with labels."""
        lines = generate_latest(self.decider.parts.metrics.registry).decode().splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} ")), 0.0)


@dataclass
class Wanted:
    """How a server is to be."""

    judge: Judge = field(default_factory=ByAmount)
    queue: QueueLimits = field(default_factory=QueueLimits)
    limits: Limits = field(default_factory=lambda: Limits(deadline_ms=1_000))  # tests share their machine
    policy: Policy = field(default_factory=Policy)
    graph: Callable[[], GraphState] = lambda: GraphState(position="bank/7", silent_s=0.5)
    per_s: float = 10_000
    redis_url: str | None = None
    scoring: Scoring | None = None


def decider_of(wanted: Wanted) -> Decider:
    """Its decider, scoring."""
    requests = Requests(Scoreable(read_mapping(ROOT / "demo" / "mapping.toml"), KEY), wanted.limits, lambda: NOW_MS)
    metrics = Metrics()
    parts = Parts(requests, wanted.policy, wanted.graph, Memory(), metrics, stale_s=60)
    if wanted.redis_url is not None:
        parts.shared = SharedMemory(wanted.redis_url, "bank", metrics.heard_redis)
    parts.scoring = wanted.scoring
    if parts.scoring is None:
        thread = ScoringThread(wanted.judge, wanted.policy.wants_reasons, wanted.queue, metrics.batch.observe)
        thread.start()
        parts.scoring = thread
    return Decider(parts)


@asynccontextmanager
async def served(wanted: Wanted | None = None) -> AsyncIterator[Site]:
    """A server on 127.0.0.1, by uvicorn."""
    wanted = wanted or Wanted()
    decider = decider_of(wanted)
    web = Web(create_app(decider, Access([TOKEN], wanted.per_s), Readiness), listen("127.0.0.1", 0))
    serving = web.start()
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(base_url=web.url, headers=headers, timeout=30) as client:
        yield Site(decider, client)
    web.stop()
    await serving
    await decider.close()


def slowly(seconds: float) -> Callable[[object], None]:
    """What takes so long."""
    return lambda _: time.sleep(seconds)
