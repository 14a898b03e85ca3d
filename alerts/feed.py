"""The feed's tail: one reader of SQL per process, any number of streams behind it.

A stream resumes from any feed id: what the tail no longer holds is read from SQL. The tail is woken by
the fan-out and looks by itself each second, so a lost wake-up costs a second and nothing else.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

import structlog

from alerts.errors import AlertsError, DatabaseAway
from alerts.fanout import Fanout
from alerts.queries import Queries
from alerts.views import FeedItem

log = structlog.get_logger(__name__)

POLL_S = 1.0
HELD = 1_000  # a summary is about 1 KB: a megabyte, and a client may sleep through 1,000 steps without a query
PAGE = 200


class TooManyStreams(AlertsError):
    """Every place is taken: try again later."""


class Tail:
    """Follows the feed and hands its steps to streams, in commit order, none left out and none twice."""

    def __init__(self, queries: Queries, fanout: Fanout, *, most_streams: int = 200) -> None:
        self.queries = queries
        self.fanout = fanout
        self.most_streams = most_streams
        self.streams = 0
        self._held: deque[FeedItem] = deque(maxlen=HELD)
        self._from = 0  # every step behind this id, up to _last, is held
        self._last = 0
        self._grown = asyncio.Event()
        self._closing = False

    async def run(self) -> None:
        """Follow until cancelled."""
        started = False
        while True:
            try:
                if not started:
                    self._last = self._from = await self.queries.feed_head()
                    started = True
                    self._wake()  # streams that came before may have to catch up
                items = await self.queries.feed(self._last, PAGE)
            except DatabaseAway as error:
                log.warning("feed_away", reason=str(error))
                items = []
            self._take(items)
            if len(items) < PAGE:
                await self.fanout.wait(POLL_S)

    def _take(self, items: list[FeedItem]) -> None:
        for item in items:
            if len(self._held) == HELD:
                self._from = self._held[0].id
            self._held.append(item)
            self._last = item.id
        if items:
            self._wake()

    def _wake(self) -> None:
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()

    def close(self) -> None:
        """End every stream, so that the server can stop; clients come back and resume."""
        self._closing = True
        self._wake()

    def enter(self) -> None:
        """Take a place for a stream; `leave` gives it back.

        Raises:
            TooManyStreams: there is none.
        """
        if self.streams >= self.most_streams:
            raise TooManyStreams(f"{self.streams} streams are open, which is the most: close one, or try again later")
        self.streams += 1

    def leave(self) -> None:
        """Give the place back."""
        self.streams -= 1

    async def head(self) -> int:
        """The newest feed id in SQL: where a stream that asks for nothing older begins."""
        return await self.queries.feed_head()

    async def follow(self, after: int) -> AsyncIterator[FeedItem]:
        """Every step behind feed id `after`, for ever (until `close`).

        Raises:
            DatabaseAway: while catching up; the client comes back with the last id it saw.
        """
        while not self._closing:
            grown = self._grown
            if after < self._from:
                items = await self.queries.feed(after, PAGE)
            else:
                items = [item for item in self._held if item.id > after]
            for item in items:
                yield item
                after = item.id
            if not items and after >= self._from:
                await grown.wait()
            elif not items:
                after = self._from
