"""Scores from a process of their own: answers leave in time whatever that process does."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Sequence
from multiprocessing import get_context

import pytest
from decidingsite import ByAmount, Wanted, served

from graph.model import Event
from scoring.deciding.backroom import Backroom
from scoring.deciding.decider import GraphState
from scoring.deciding.remote import RemoteScoring
from scoring.deciding.scoring_thread import ScoringThread
from scoring.deciding.wire import Ask, Frames, State, Told, framed

pytestmark = pytest.mark.anyio


def serve(taken: socket.socket) -> None:
    """A process that scores by amount. An event called `hog` holds the interpreter for two seconds, `end` ends it."""
    judge = ByAmount()

    def before(events: Sequence[Event]) -> None:
        if any(event.id == "end" for event in events):
            os._exit(1)
        if any(event.id == "hog" for event in events):
            sum(range(10**8))  # one call of compiled code, which lets no other thread of its process run

    judge.before = before
    room = Backroom(taken, lambda: GraphState(position="bank/9", silent_s=1.0))
    thread = ScoringThread(judge, lambda score: score.probability >= 0.5, batched=room.batched)
    thread.start()
    room.thread = thread
    room.serve()


class Room:
    """That process and the answering end of its socket."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self.process = get_context("spawn").Process(target=serve, args=(theirs,))
        self.process.start()
        theirs.close()
        self._ours = ours

    async def scoring(self) -> RemoteScoring:
        made = await RemoteScoring.over(self._ours)
        until_s = time.monotonic() + 60
        while made.graph().ready is not None and time.monotonic() < until_s:
            await asyncio.sleep(0.05)
        return made

    def close(self) -> None:
        self.process.kill()
        self.process.join(10)


@pytest.fixture
def room() -> object:
    """Ended behind the test."""
    made = Room()
    yield made
    made.close()


async def test_scores_and_reasons_come_from_there(room: Room) -> None:
    """And how the graph stands there."""
    scoring = await room.scoring()
    async with served(Wanted(scoring=scoring, graph=scoring.graph)) as site:
        low, high = (await site.ask(id="low")).json(), (await site.ask(id="h", attributes={"amount": "0.70"})).json()
    assert (low["verdict"], low["probability"], low["reasons"]) == ("approve", 0.2, [])
    assert (high["verdict"], high["probability"], high["reasons"]) == ("review", 0.7, ["amount 70"])
    assert low["watermark"]["position"] == "bank/9" and 1_000 <= low["watermark"]["silent_ms"] < 60_000


async def test_compiled_code_that_holds_the_interpreter_there_delays_no_answer(room: Room) -> None:
    """The one that waits for it falls back at its deadline, and so does the next."""
    scoring = await room.scoring()
    async with served(Wanted(scoring=scoring, graph=scoring.graph)) as site:
        answer = (await site.ask(id="hog", deadline_ms=150)).json()
        assert answer["fallback"] == "deadline" and answer["took_ms"] <= 150
        assert (await site.ask(id="next", deadline_ms=150)).json()["fallback"] in ("deadline", "overloaded")


async def test_a_process_that_stands_still_is_known_by_its_silence(room: Room) -> None:
    """Nobody waits for it then; once it goes on, so do the scores."""
    scoring = await room.scoring()
    async with served(Wanted(scoring=scoring, graph=scoring.graph)) as site:
        assert room.process.pid is not None
        os.kill(room.process.pid, signal.SIGSTOP)
        await asyncio.sleep(2.5)
        assert scoring.stuck and (await site.ask(id="t1")).json()["fallback"] == "overloaded"
        os.kill(room.process.pid, signal.SIGCONT)
        while scoring.stuck:
            await asyncio.sleep(0.05)
        assert (await site.ask(id="t2")).json()["fallback"] is None


async def test_a_process_that_dies_is_noticed(room: Room) -> None:
    """Whoever waits is answered at once, and the service has a reason to end."""
    scoring = await room.scoring()
    async with served(Wanted(scoring=scoring, graph=scoring.graph)) as site:
        answer = (await site.ask(id="end")).json()
        assert answer["fallback"] is not None and answer["took_ms"] < 900 and scoring.failed is not None
        assert (await site.ask(id="t2")).json()["fallback"] == "not ready"


async def test_it_ends_with_the_process_that_answers(room: Room) -> None:
    """An end of file is the word to stop."""
    (await room.scoring()).stop()
    await asyncio.to_thread(room.process.join, 20)
    assert room.process.exitcode == 0


def test_frames_are_put_together_from_any_pieces() -> None:
    """Byte by byte, or several at once."""
    event = Event("t", "new", "", 5, "TRANSFER", "A:1", "A:2", 5, {"amount": 3})
    sent = [Ask(1, 2.5, event), Told(1, None, ("a",), False, True), State(None, False, "p", None, 7, (3, 4))]
    stream = b"".join(framed(frame) for frame in sent)
    frames, whole = Frames(), Frames()
    assert [frame for byte in stream for frame in frames.of(bytes([byte]))] == sent == list(whole.of(stream))
