"""Waking the streams of every replica. A wake-up carries nothing: what happened is read from SQL.

So a lost wake-up loses nothing; it costs at most the second until the reader looks by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol

import redis.asyncio as redis
import structlog
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

CHANNEL = "ringwatch:alerts"
REDIS_TIMEOUT_S = 1.0
RETRY_S = 2.0


class Fanout(Protocol):
    """Tells every process that the feed has grown. One waiter per process (the feed's tail)."""

    async def start(self) -> None:
        """Begin to listen."""
        ...

    async def publish(self) -> None:
        """Say that the feed has grown. Never raises: the commit has happened."""
        ...

    async def wait(self, timeout_s: float) -> None:
        """Return when somebody published since the last return, or after `timeout_s`."""
        ...

    async def close(self) -> None:
        """Stop listening."""
        ...


class Local:
    """Within one process."""

    def __init__(self) -> None:
        self._grown = asyncio.Event()

    async def start(self) -> None:
        """Nothing to begin."""

    async def publish(self) -> None:
        """Wake the waiter."""
        self._grown.set()

    async def wait(self, timeout_s: float) -> None:
        """Until woken, or `timeout_s` later."""
        # Not wait_for: until Python 3.12 it swallows a cancellation that meets the wake-up (cpython 86296).
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._grown.wait()
        self._grown.clear()

    async def close(self) -> None:
        """Nothing to end."""


class RedisFanout(Local):
    """Between replicas, by Redis pub/sub. This process is woken directly, Redis or not."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._redis = redis.Redis.from_url(
            url, socket_connect_timeout=REDIS_TIMEOUT_S, socket_timeout=REDIS_TIMEOUT_S, health_check_interval=15
        )
        self._listener: asyncio.Task[None] | None = None
        self._away = False
        self.listening = asyncio.Event()

    async def start(self) -> None:
        """Listen in the background; Redis need not be there yet."""
        self._listener = asyncio.create_task(self._listen(), name="alerts-fanout")

    async def publish(self) -> None:
        """Wake this process, then the others. Redis being away is told once and costs nobody an alert."""
        await super().publish()
        try:
            await self._redis.publish(CHANNEL, b"1")
            self._away = False
        except (RedisError, OSError) as error:
            self._say_away(error)

    async def _listen(self) -> None:
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as pubsub:
                    await pubsub.subscribe(CHANNEL)
                    self.listening.set()
                    while True:
                        if await pubsub.get_message(timeout=5.0) is not None:
                            self._grown.set()
            except (RedisError, OSError) as error:
                self.listening.clear()
                self._say_away(error)
                await asyncio.sleep(RETRY_S)

    def _say_away(self, error: Exception) -> None:
        if not self._away:
            log.warning("redis_away", reason=str(error)[:200], effect="streams poll SQL each second until it is back")
        self._away = True

    async def close(self) -> None:
        """Stop listening and close the connections."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        await self._redis.aclose()
