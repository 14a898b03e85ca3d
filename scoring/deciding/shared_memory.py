"""The same between replicas, through Redis. While Redis is away each process remembers by itself."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable

import redis.asyncio as redis
import structlog
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from scoring.deciding.memory import KEPT_S, same

log = structlog.get_logger("decide")

PREFIX = "ringwatch:decide:"
CLAIM_S = 5  # a claim lives so long: longer than any deadline, so that nobody is overtaken who still answers
REST_S = 1.0  # Redis is left alone so long after it failed
POLL_S = 0.002
SHARE = 1 / 3  # of the time there is, for one answer of Redis: 15 ms of a usual deadline
KEEP_S = 0.5  # for keeping an answer, which nobody has to wait for
DIGEST = 32  # bytes of a fingerprint
IN_WORK, ANSWERED = b"w", b"a"
# The answer goes in where the claim still stands or was evicted; another replica's answer stays.
KEEP = (
    "local held = redis.call('GET', KEYS[1]) "
    "if held and held ~= ARGV[1] then return 0 end "
    "redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) return 1"
)


class SharedMemory:
    """Claims and answers in Redis. Never raises what Redis raises, and never waits longer than it is told."""

    def __init__(self, url: str, tenant: str, told: Callable[[bool], None] = lambda there: None) -> None:
        """`told` hears whether Redis answered."""
        # No retries: a deadline of 50 ms has no room for them.
        self._redis = redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), max_connections=64)
        self._tenant, self._told = tenant, told
        self._me = secrets.token_bytes(16)
        self._away_until_s = 0.0

    async def claim(self, key: str, fingerprint: bytes, within_s: float) -> bytes | None:
        """The answer another replica has given or still works on; None: it is this process's to answer.

        Waits for the other one `within_s` at most.

        Raises:
            Problem: the key was used with another body.
            TimeoutError: another replica is at it, and had no answer in time.
        """
        until_s = time.monotonic() + within_s
        mine = IN_WORK + fingerprint + self._me
        while True:
            left_s = until_s - time.monotonic()
            held = await self._ask(self._claimed(self._name(key), mine), SHARE * left_s)
            if not isinstance(held, bytes) or held == mine:
                return None
            same(held[1 : 1 + DIGEST], fingerprint)
            if held[:1] == ANSWERED:
                return held[1 + DIGEST :]
            if time.monotonic() + POLL_S >= until_s:
                raise TimeoutError
            await asyncio.sleep(POLL_S)

    async def keep(self, key: str, fingerprint: bytes, answer: bytes) -> None:
        """What this process answered."""
        mine, given = IN_WORK + fingerprint + self._me, ANSWERED + fingerprint + answer
        await self._ask(self._redis.eval(KEEP, 1, self._name(key), mine, given, int(KEPT_S)), KEEP_S)

    async def open(self) -> None:
        """Connect, so that the first request need not."""
        await self._ask(self._redis.echo("ringwatch"), KEEP_S)

    async def close(self) -> None:
        """Close its connections."""
        await self._redis.aclose()

    async def _claimed(self, name: str, mine: bytes) -> object:
        if await self._redis.set(name, mine, nx=True, ex=CLAIM_S):
            return mine
        return await self._redis.get(name)

    async def _ask(self, question: object, within_s: float) -> object:
        """What Redis says; None where it is away."""
        assert asyncio.iscoroutine(question)
        if time.monotonic() < self._away_until_s or within_s <= 0:
            question.close()
            return None
        try:
            async with asyncio.timeout(within_s):
                said: object = await question
        except (RedisError, OSError, TimeoutError) as error:
            self._away_until_s = time.monotonic() + REST_S
            self._told(False)
            log.warning("Redis is away, this process remembers its answers by itself", reason=repr(error)[:200])
            return None
        self._told(True)
        return said

    def _name(self, key: str) -> str:
        return f"{PREFIX}{self._tenant}:{hashlib.sha256(key.encode(errors='surrogatepass')).hexdigest()}"
