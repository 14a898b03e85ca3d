"""Counting tries and remembering marks for a while: in memory, or in Redis when there are replicas."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import redis.asyncio as redis
import structlog
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

PREFIX = "ringwatch:limit:"
REDIS_TIMEOUT_S = 0.5
SWEEP_ABOVE = 10_000


class Counters(Protocol):
    """Numbers that go back to 0 `window_s` seconds after their first step."""

    async def add(self, key: str, window_s: int) -> int:
        """One more; the count so far."""
        ...

    async def count(self, key: str) -> int:
        """The count so far, 0 after its window."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


class MemoryCounters:
    """In this process."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._counts: dict[str, tuple[int, float]] = {}
        self._clock_s = clock_s

    async def add(self, key: str, window_s: int) -> int:
        """One more; the count so far."""
        now = self._clock_s()
        count, until = self._counts.get(key, (0, 0.0))
        if until <= now:
            count, until = 0, now + window_s
            self._sweep(now)
        self._counts[key] = (count + 1, until)
        return count + 1

    async def count(self, key: str) -> int:
        """The count so far, 0 after its window."""
        count, until = self._counts.get(key, (0, 0.0))
        return count if until > self._clock_s() else 0

    async def close(self) -> None:
        """Nothing to close."""

    def _sweep(self, now: float) -> None:
        if len(self._counts) > SWEEP_ABOVE:
            self._counts = {key: value for key, value in self._counts.items() if value[1] > now}


class RedisCounters:
    """Shared between replicas. While Redis is away this process counts by itself: never unlimited."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(
            url, socket_connect_timeout=REDIS_TIMEOUT_S, socket_timeout=REDIS_TIMEOUT_S, decode_responses=True
        )
        self._memory = MemoryCounters()

    async def add(self, key: str, window_s: int) -> int:
        """One more; the larger of what Redis and this process have counted."""
        local = await self._memory.add(key, window_s)
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.set(PREFIX + key, 0, ex=window_s, nx=True)
                pipe.incr(PREFIX + key)
                _, shared = await pipe.execute()
        except (RedisError, OSError) as error:
            log.warning("redis_away", reason=str(error)[:200], effect="this process counts tries by itself")
            return local
        return max(local, int(shared))

    async def count(self, key: str) -> int:
        """The count so far, 0 after its window."""
        local = await self._memory.count(key)
        try:
            return max(local, int(await self._redis.get(PREFIX + key) or 0))
        except (RedisError, OSError):
            return local

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()
