"""One event on its way to a score, and whoever waits for it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Protocol

from graph.model import Event
from scoring.score import Score


class Overloaded(Exception):
    """No room, or what scores stands still: answer without a score."""


@dataclass(slots=True, eq=False)
class Ticket:
    """Filled by whoever scores. What waits for it overrides `scored` and `finish`, which any thread may call.

    Attributes:
        until_s: when nobody waits any more, on the machine's monotonic clock, which its processes share.
        score, reasons: what is there so far.
        failed: the model failed on this event.
        left: whoever asked has gone: nothing more is to be done for it.
    """

    event: Event
    until_s: float
    score: Score | None = None
    reasons: tuple[str, ...] | None = None
    failed: bool = False
    left: bool = False

    def over(self) -> bool:
        """Whether nobody waits for it any more."""
        return self.left or time.monotonic() >= self.until_s

    def scored(self) -> None:
        """The score is there, reasons may follow."""

    def finish(self) -> None:
        """Nothing more follows."""


@dataclass(slots=True, eq=False)
class Awaited(Ticket):
    """A ticket that a loop waits on: `done` is set when nothing more follows."""

    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    done: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def finish(self) -> None:
        """See Ticket."""
        try:
            self.loop.call_soon_threadsafe(self.wake)
        except RuntimeError:  # the loop is closed: the process ends
            self.left = True

    def wake(self) -> None:
        """The same, in the loop's own thread."""
        if not self.done.done():
            self.done.set_result(None)


class Scoring(Protocol):
    """Where a decider has its scores from: a thread of this process, or another process."""

    @property
    def stuck(self) -> bool:
        """Whether it stands still."""
        ...

    def ask(self, event: Event, until_s: float) -> Awaited:
        """Have an event scored. From a running loop.

        Raises:
            Overloaded: answer without.
        """
        ...

    def stop(self) -> None:
        """End soon."""
        ...
