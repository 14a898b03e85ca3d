"""Answers are shared between replicas through a real Redis, and Redis never makes a request late."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess

import pytest
from decidingsite import ByAmount, Wanted, served, slowly

from scoring.deciding.memory import fingerprint_of
from scoring.deciding.problem import Problem
from scoring.deciding.shared_memory import SharedMemory

pytestmark = pytest.mark.anyio
Redis = tuple[str, "subprocess.Popen[bytes]"]
ONE, TWO = fingerprint_of(b"one"), fingerprint_of(b"two")


async def test_a_retry_at_another_replica_gets_the_first_answer(redis_process: Redis) -> None:
    """Byte for byte; scored once. Another body is refused there too."""
    url, _ = redis_process
    here, there = ByAmount(), ByAmount()
    async with served(Wanted(here, redis_url=url)) as one, served(Wanted(there, redis_url=url)) as two:
        first, again = await one.ask("k1"), await two.ask("k1")
        other = await two.ask("k1", dst="Account:99")
        assert first.content == again.content and again.headers["idempotent-replayed"] == "true"
        assert (here.batches, there.batches, other.status_code) == ([1], [], 422)
        assert one.metric("ringwatch_decide_redis_up") == 1


async def test_a_retry_elsewhere_waits_for_the_first_in_work(redis_process: Redis) -> None:
    """Within its own deadline."""
    url, _ = redis_process
    here, there = ByAmount(), ByAmount()
    here.before = there.before = slowly(0.4)
    async with served(Wanted(here, redis_url=url)) as one, served(Wanted(there, redis_url=url)) as two:
        first = asyncio.create_task(one.ask("k1"))
        await asyncio.sleep(0.1)
        again = await two.ask("k1")
        late = await two.ask("k1")
        assert (await first).content == again.content == late.content
    assert here.batches + there.batches == [1]


async def test_a_redis_that_hangs_makes_no_answer_late(redis_process: Redis) -> None:
    """This process remembers by itself meanwhile, and says so."""
    url, process = redis_process
    async with served(Wanted(redis_url=url)) as site:
        await site.ask("k0")
        os.kill(process.pid, signal.SIGSTOP)
        first = await site.ask("k1", deadline_ms=500)
        again = await site.ask("k1", deadline_ms=500)
        os.kill(process.pid, signal.SIGCONT)
        assert first.json()["fallback"] is None and first.json()["took_ms"] < 500
        assert first.content == again.content and site.metric("ringwatch_decide_redis_up") == 0
        assert site.metric("ringwatch_decide_redis_failures_total") >= 1


async def test_a_redis_that_is_not_there_fails_nothing() -> None:
    """It is asked again after a while."""
    async with served(Wanted(redis_url="redis://127.0.0.1:1/0")) as site:
        first, again = await site.ask("k1"), await site.ask("k1")
        assert first.status_code == 200 and first.content == again.content
        assert site.metric("ringwatch_decide_redis_up") == 0


async def test_a_redis_that_comes_back_is_used_again(redis_process: Redis) -> None:
    """A second later."""
    url, process = redis_process
    memory = SharedMemory(url, "bank")
    os.kill(process.pid, signal.SIGSTOP)
    assert await memory.claim("k1", ONE, 0.5) is None
    os.kill(process.pid, signal.SIGCONT)
    await asyncio.sleep(1.1)
    assert await memory.claim("k2", ONE, 3.0) is None
    await memory.keep("k2", ONE, b"answer")
    other = SharedMemory(url, "bank")
    assert await other.claim("k2", ONE, 3.0) == b"answer"
    await memory.close()
    await other.close()


async def test_one_claim_wins_and_an_answer_is_never_replaced(redis_process: Redis) -> None:
    """The loser waits for it as long as it was told to; another body is refused."""
    url, _ = redis_process
    one, two = SharedMemory(url, "bank"), SharedMemory(url, "bank")
    await one.open()
    await two.open()
    assert await one.claim("k", ONE, 2.0) is None
    with pytest.raises(TimeoutError):
        await two.claim("k", ONE, 1.5)
    with pytest.raises(Problem):
        await two.claim("k", TWO, 1.5)
    await one.keep("k", ONE, b"first")
    await two.keep("k", ONE, b"second")
    assert await two.claim("k", ONE, 3.0) == b"first"
    await one.close()
    await two.close()


async def test_tenants_share_nothing(redis_process: Redis) -> None:
    """The same key is another one there."""
    url, _ = redis_process
    one, two = SharedMemory(url, "bank"), SharedMemory(url, "other")
    await one.claim("k", ONE, 3.0)
    await one.keep("k", ONE, b"first")
    assert await two.claim("k", TWO, 3.0) is None
    await one.close()
    await two.close()
