"""One thread that says why: reasons take four times as long as a score, and no score is to wait for them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

import structlog

from graph.model import Event
from scoring.deciding.ticket import Ticket

log = structlog.get_logger("decide")

WAITING = 64  # tickets at most: half a second's work, more than any usual deadline
CALMS = 0.9  # one slow time is no reason never to try again


class ExplainingThread(threading.Thread):
    """Finishes tickets that have their score, with reasons where there is time for them, until `stop`."""

    def __init__(self, reasons: Callable[[Event], tuple[str, ...]]) -> None:
        """`reasons` is called by this thread alone."""
        super().__init__(name="explaining", daemon=True)
        self._reasons = reasons
        self._waiting: deque[Ticket] = deque()
        self._work, self._ending = threading.Condition(), False
        self._lately_s = 0.0  # how long the last one took

    def submit(self, ticket: Ticket) -> None:
        """Join the queue, or go without where it is full. From any thread."""
        with self._work:
            if len(self._waiting) < WAITING and not self._ending:
                self._waiting.append(ticket)
                self._work.notify()
                return
        ticket.finish()

    def stop(self) -> None:
        """End soon."""
        with self._work:
            self._ending = True
            self._work.notify()

    def run(self) -> None:
        """One after the other."""
        while (ticket := self._next()) is not None:
            self._explain(ticket)

    def _next(self) -> Ticket | None:
        with self._work:
            while not self._waiting and not self._ending:
                self._work.wait()
            return None if self._ending else self._waiting.popleft()

    def _explain(self, ticket: Ticket) -> None:
        """Reasons, unless they would come too late: then it goes without."""
        started_s = time.monotonic()
        if ticket.left or started_s + self._lately_s >= ticket.until_s:
            self._lately_s *= CALMS
            ticket.finish()
            return
        try:
            ticket.reasons = self._reasons(ticket.event)
        except Exception as error:
            log.error("no reasons could be given", id=ticket.event.id, error=repr(error)[:300])
        self._lately_s = time.monotonic() - started_s
        ticket.finish()
