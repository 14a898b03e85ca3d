"""The decision API in the embedded demo: over the demo's own mirror, by a model of its own, in this one process."""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

from deploy import bootstrap
from deploy.config import PREFIX, Settings
from deploy.deciding import KEEP_ALIVE_S, make_decider, readiness, wall_ms
from deploy.deciding_room import judge_of, sample
from deploy.ports import PortTaken, listen
from deploy.web import Web
from graph.mirror import Mirror
from scoring.deciding.access import Access
from scoring.deciding.api import create_app
from scoring.deciding.decider import GraphState
from scoring.deciding.judge import warm
from scoring.deciding.scoring_thread import ScoringThread
from scoring.online.guard import guarded

TRIED = 20  # ports, from the configured one on
EXAMPLE = (
    '{"id":"try-1","relation":"TRANSFER","src":"Account:17","dst":"Account:18",'
    '"attributes":{"amount":"950.00","currency":"EUR","channel":"app"},"deadline_ms":500}'
)


class DemoDeciding:
    """Serves decisions about the demo bank; its clock is the bank's."""

    def __init__(self, settings: Settings, mirror: Mirror, bank_ms: Callable[[], int]) -> None:
        """Takes the port. `bank_ms` is the bank's clock, 0 before it runs.

        Raises:
            PortTaken: none is free.
        """
        self._settings, self._mirror = settings, mirror
        self.token = settings.tokens()[0] if settings.decide_tokens else secrets.token_urlsafe(24)
        self._taken = _free(settings)
        self._decider = make_decider(settings, lambda: bank_ms() or wall_ms())
        self._decider.parts.graph = self._graph
        access = Access(settings.tokens() if settings.decide_tokens else [self.token], settings.decide_per_s)
        self._web = Web(create_app(self._decider, access, lambda: readiness(self._decider)), self._taken, KEEP_ALIVE_S)
        self._begun: threading.Thread | None = None

    def start(self) -> str:
        """Serve in the running loop; until `begin`, with the fall-back verdict. Gives the URL."""
        self._serving = self._web.start()
        return self._web.url

    def begin(self) -> None:
        """Score from now on: the history is read. Harmless when repeated."""
        if self._begun is None:
            self._begun = threading.Thread(target=self._score, name="deciding-starts", daemon=True)
            self._begun.start()

    def curl(self, url: str) -> str:
        """A line that asks."""
        return f"curl -s {url}/v1/score -H 'Authorization: Bearer {self.token}' -d '{EXAMPLE}'"

    async def close(self) -> None:
        """Stop serving."""
        self._web.stop()
        await self._serving
        await self._decider.close()

    def _graph(self) -> GraphState:
        return GraphState() if self._decider.parts.scoring is not None else GraphState("the history is being read")

    def _score(self) -> None:
        """An engine of its own: the demo's serves the thread that ingests."""
        engine = guarded(bootstrap.engine(self._settings))
        judge = judge_of(self._settings, self._mirror, lambda: engine)
        warm(judge, sample(self._settings))
        parts = self._decider.parts
        thread = ScoringThread(judge, parts.policy.wants_reasons, batched=parts.metrics.batch.observe)
        thread.start()
        parts.scoring = thread


def _free(settings: Settings) -> socket.socket:
    """The configured port, or the next free one."""
    last = min(settings.decide_port + TRIED, 65_535)
    for port in range(settings.decide_port, last):
        with suppress(PortTaken):
            return listen(settings.decide_host, port, f"{PREFIX}DECIDE_")
    return listen(settings.decide_host, last, f"{PREFIX}DECIDE_")
