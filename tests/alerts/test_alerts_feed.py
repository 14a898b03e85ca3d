"""The feed's tail, and waking it between processes."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from alertdata import event, score
from alertsite import settings

from alerts.fanout import RedisFanout
from alerts.feed import Tail, TooManyStreams
from alerts.limits import MemoryCounters, RedisCounters
from alerts.services import Services, open_services
from alerts.views import FeedItem

pytestmark = pytest.mark.anyio


async def take(tail: Tail, after: int, count: int) -> list[FeedItem]:
    """The next `count` steps behind `after`."""
    found: list[FeedItem] = []
    async with contextlib.aclosing(tail.follow(after)) as items:
        async for item in items:
            found.append(item)
            if len(found) == count:
                break
    return found


async def raise_some(services: Services, numbers: range) -> None:
    for at in numbers:
        await services.intake.accept([score(of=event(f"transfers:{at}:transfer", at))])


async def test_a_stream_resumed_anywhere_misses_nothing_and_repeats_nothing(services: Services) -> None:
    """From SQL what was before, from memory what comes, in one order."""
    await raise_some(services, range(1, 8))
    later = asyncio.create_task(raise_some(services, range(8, 16)))
    for after in (0, 3, 6):
        ids = [item.id for item in await asyncio.wait_for(take(services.tail, after, 15 - after), 10)]
        assert ids == list(range(after + 1, 16))
    await later


async def test_a_stream_that_breaks_again_and_again_sees_each_step_once(services: Services) -> None:
    writing = asyncio.create_task(raise_some(services, range(1, 21)))
    seen: list[int] = []
    while len(seen) < 20:
        seen += [item.id for item in await asyncio.wait_for(take(services.tail, seen[-1] if seen else 0, 2), 10)]
    await writing
    assert seen == list(range(1, 21))


async def test_closing_ends_every_stream(services: Services) -> None:
    following = asyncio.create_task(take(services.tail, 0, 1))
    await asyncio.sleep(0.05)
    services.tail.close()
    assert await asyncio.wait_for(following, 5) == []


async def test_streams_are_bounded(services: Services) -> None:
    tail = Tail(services.queries, services.fanout, most_streams=1)
    tail.enter()
    with pytest.raises(TooManyStreams, match="try again later"):
        tail.enter()


async def test_two_replicas_wake_each_other_by_redis(url: str, redis_server: str) -> None:
    one = await open_services(settings(url, redis_url=redis_server))
    two = await open_services(settings(url, redis_url=redis_server))
    async with one, two:
        assert isinstance(two.fanout, RedisFanout)
        await asyncio.wait_for(two.fanout.listening.wait(), 10)
        following = asyncio.create_task(take(two.tail, 0, 1))
        await raise_some(one, range(1, 2))
        (item,) = await asyncio.wait_for(following, 10)
        assert item.alert.event_id == "transfers:1:transfer"


async def test_a_wake_up_that_redis_loses_costs_no_step(url: str) -> None:
    """Redis is not even there: the tail looks by itself."""
    nowhere = "redis://127.0.0.1:1/0"
    one = await open_services(settings(url, redis_url=nowhere))
    two = await open_services(settings(url, redis_url=nowhere))
    async with one, two:
        following = asyncio.create_task(take(two.tail, 0, 2))
        await raise_some(one, range(1, 3))
        assert len(await asyncio.wait_for(following, 10)) == 2


async def test_tries_are_counted_between_replicas(redis_server: str) -> None:
    one, two = RedisCounters(redis_server), RedisCounters(redis_server)
    assert [await one.add("x", 60), await two.add("x", 60), await one.count("x")] == [1, 2, 2]
    await one.close()
    await two.close()


async def test_without_redis_a_process_counts_by_itself() -> None:
    counters = RedisCounters("redis://127.0.0.1:1/0")
    assert [await counters.add("x", 60), await counters.add("x", 60), await counters.count("x")] == [1, 2, 2]
    await counters.close()


async def test_a_count_ends_with_its_window() -> None:
    now = [0.0]
    counters = MemoryCounters(lambda: now[0])
    await counters.add("x", 60)
    now[0] = 61
    assert await counters.count("x") == 0 and await counters.add("x", 60) == 1
