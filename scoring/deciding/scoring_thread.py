"""One thread that scores: what waits at the same moment is one batch.

An engine serves one thread at a time, and one that hangs can't be stopped. So whoever asks holds a ticket, leaves with
what there is at the deadline, and the queue is bounded: where it is full, or the thread stands still, nobody joins.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from graph.model import Event
from scoring.deciding.explaining_thread import ExplainingThread
from scoring.deciding.judge import Judge
from scoring.deciding.ticket import Awaited, Overloaded, Ticket
from scoring.score import Score

log = structlog.get_logger("decide")


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """How much waits, and how long the thread may take.

    Attributes:
        waiting: tickets at most; 256 take about a quarter of a second.
        batch: tickets scored together.
        stuck_s: a batch that takes longer stands still. No honest one does: 64 events take 30 ms.
    """

    waiting: int = 256
    batch: int = 64
    stuck_s: float = 1.0


class ScoringThread(threading.Thread):
    """Scores what is submitted, until `stop`."""

    def __init__(
        self,
        judge: Judge,
        wants_reasons: Callable[[Score], bool],
        limits: QueueLimits | None = None,
        batched: Callable[[int], None] = lambda size: None,
    ) -> None:
        """`batched` is told the size of each batch, in this thread."""
        super().__init__(name="deciding", daemon=True)
        self._judge, self._wants_reasons = judge, wants_reasons
        self._limits, self._batched = limits or QueueLimits(), batched
        self._waiting: deque[Ticket] = deque()
        self._work, self._ending = threading.Condition(), False
        self._busy_since_s: float | None = None
        self._explaining = ExplainingThread(judge.reasons)

    @property
    def stuck(self) -> bool:
        """Whether what it does at the moment takes longer than anything honest."""
        since_s = self._busy_since_s
        return since_s is not None and time.monotonic() - since_s > self._limits.stuck_s

    @property
    def waiting(self) -> int:
        """How many wait for a score."""
        return len(self._waiting)

    def ask(self, event: Event, until_s: float) -> Awaited:
        """See Scoring."""
        ticket = Awaited(event, until_s)
        self.submit(ticket)
        return ticket

    def submit(self, ticket: Ticket) -> None:
        """Join the queue. From any thread.

        Raises:
            Overloaded: there is no room, or the thread stands still.
        """
        with self._work:
            if len(self._waiting) >= self._limits.waiting or self.stuck or self._ending:
                raise Overloaded
            self._waiting.append(ticket)
            self._work.notify()

    def run(self) -> None:
        """Batch by batch."""
        self._explaining.start()
        while batch := self._next():
            self._busy_since_s = time.monotonic()
            try:
                self._batched(len(batch))
                self._score(batch)
            finally:
                self._busy_since_s = None

    def stop(self) -> None:
        """End soon."""
        self._explaining.stop()
        with self._work:
            self._ending = True
            self._work.notify()

    def _next(self) -> list[Ticket]:
        """The next batch; none at the end."""
        with self._work:
            while not self._ending:
                if batch := self._taken():
                    return batch
                self._work.wait()
            return []

    def _taken(self) -> list[Ticket]:
        batch = list[Ticket]()
        while self._waiting and len(batch) < self._limits.batch:
            ticket = self._waiting.popleft()
            if ticket.over():
                ticket.finish()
            else:
                batch.append(ticket)
        return batch

    def _score(self, batch: list[Ticket]) -> None:
        try:
            found = self._judge.scores([ticket.event for ticket in batch])
        except Exception as error:
            if len(batch) > 1:  # one that breaks the model must not take the others along
                for ticket in batch:
                    self._score([ticket])
                return
            log.error("an event could not be scored", id=batch[0].event.id, error=repr(error)[:300])
            batch[0].failed = True
            batch[0].finish()
            return
        for ticket, score in zip(batch, found, strict=True):
            ticket.score = score
            if self._wants_reasons(score):
                ticket.scored()
                self._explaining.submit(ticket)
            else:
                ticket.reasons = score.reasons
                ticket.finish()
