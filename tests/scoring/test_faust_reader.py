"""What is left out of Faust's way from the log to the agent; the kill tests run it on a real broker."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from typing import Any

import faust
import pytest
from faust.transport.consumer import Consumer

from scoring.faust_reader import Reader, Silent

Handing = Callable[[], Coroutine[Any, Any, str]]


def run(work: Callable[[Reader], Coroutine[Any, Any, Any]]) -> Any:
    """With a reader of an app of its own, which reads from nowhere."""

    async def inside() -> Any:
        app = faust.App("any", broker="kafka://127.0.0.1:1", web_enabled=False, store="memory://", Monitor=Silent)
        unused: Any = lambda *_: None  # noqa: E731
        reader = Reader(app.transport, callback=unused, on_partitions_revoked=unused, on_partitions_assigned=unused)
        return await work(reader)

    return asyncio.run(inside())


def asked(handing: Handing, before: Callable[[Reader], None] = lambda reader: None) -> Any:
    """What is answered as Faust asks it of a record."""

    async def work(reader: Reader) -> Any:
        before(reader)
        return await reader.wait_first(handing(), reader.suspend_flow.wait())

    return run(work)


async def handed() -> str:
    """At once."""
    return "handed over"


def test_a_record_is_handed_over_in_the_same_task() -> None:
    """And the answer is Faust's own."""

    async def work(reader: Reader) -> Any:
        here = asyncio.current_task()

        async def handing() -> bool:
            return asyncio.current_task() is here

        return await reader.wait_first(handing(), reader.suspend_flow.wait())

    found = run(work)
    assert (found.results, found.stopped) == ([True], False)


def test_while_reading_is_suspended_faust_decides() -> None:
    """Whichever comes first, in tasks of their own."""

    def suspended(reader: Reader) -> None:
        reader.flow_active = False

    found = asked(handed, suspended)
    assert found.results == ["handed over"] and not found.stopped


def test_what_goes_wrong_is_raised() -> None:
    """As Faust does."""

    async def broken() -> str:
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        asked(broken)


def test_faust_asks_as_is_expected() -> None:
    """Another version may ask otherwise: then it is asked in Faust's way, and this tells."""
    source = inspect.getsource(Consumer._drain_messages)
    assert source.count("wait_first") == 1
    assert "callback(message), self.suspend_flow.wait()" in " ".join(source.split())


def test_no_figures_are_kept_of_records() -> None:
    """A count for each, and a table of stamps."""
    silent = Silent()
    silent.on_message_in("tp", 1, "message")
    assert silent.messages_received_total == 0 and silent.on_stream_event_in("tp", 1, "stream", "event") is None
