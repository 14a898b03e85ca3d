"""Scores from a process of their own, asked over a socket: compiled code there can't delay the answers here.

Walks and networks are compiled code that lets nothing else of its process run for milliseconds, and a full collection
of a large graph takes longer than a deadline. So the graph and the model are in one process, and answers leave another.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable

from graph.model import Event
from scoring.deciding.decider import GraphState
from scoring.deciding.ticket import Awaited, Overloaded
from scoring.deciding.wire import Ask, Failed, Frames, State, Told, framed

WAITING = 256  # asks on their way at most: a quarter of a second's work
SILENT_S = 2.0  # a process that tells nothing for so long stands still: it tells ten times a second


class RemoteScoring(asyncio.Protocol):
    """The answering process's end of the socket; a `Scoring`. `failed` says why the other has ended, once it has."""

    def __init__(self, batched: Callable[[int], None] = lambda size: None, waiting: int = WAITING) -> None:
        """`batched` is told the size of each batch."""
        self.failed: str | None = None
        self._batched, self._most = batched, waiting
        self._frames, self._asked, self._number = Frames(), dict[int, Awaited](), 0
        self._state, self._heard_s = State("the graph is being read", False), time.monotonic()
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def over(cls, taken: socket.socket, batched: Callable[[int], None] = lambda size: None) -> RemoteScoring:
        """Speak over a connected socket, in the running loop."""
        _, made = await asyncio.get_running_loop().create_unix_connection(lambda: cls(batched), sock=taken)
        return made

    @property
    def stuck(self) -> bool:
        """See Scoring."""
        return self._state.stuck or time.monotonic() - self._heard_s > SILENT_S

    def graph(self) -> GraphState:
        """How the graph stood when it was last heard of."""
        state, ago_s = self._state, time.monotonic() - self._heard_s
        silent_s = None if state.silent_s is None else state.silent_s + ago_s
        why = state.why if self.failed is None else "what scores has ended"
        return GraphState(why, state.position, silent_s, state.window_ms)

    def ask(self, event: Event, until_s: float) -> Awaited:
        """See Scoring."""
        if len(self._asked) >= self._most or self.stuck or self._transport is None:
            raise Overloaded
        self._number += 1
        ticket = self._asked[self._number] = Awaited(event, until_s)
        self._transport.write(framed(Ask(self._number, until_s, event)))
        return ticket

    def stop(self) -> None:
        """See Scoring: an end of file ends the other process."""
        if self._transport is not None:
            self._transport.close()

    # -- asyncio.Protocol -------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        for frame in self._frames.of(data):
            match frame:
                case Told():
                    self._told(frame)
                case State():
                    self._state, self._heard_s = frame, time.monotonic()
                    for size in frame.batches:
                        self._batched(size)
                case Failed():
                    self.failed = frame.why

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._transport, self.failed = None, self.failed or f"it closed the connection ({exc})"
        for ticket in self._asked.values():
            ticket.wake()
        self._asked.clear()

    def _told(self, told: Told) -> None:
        ticket = self._asked.pop(told.number, None) if told.last else self._asked.get(told.number)
        if ticket is None:
            return
        ticket.score, ticket.reasons = told.score or ticket.score, told.reasons
        ticket.failed = told.failed
        if told.last:
            ticket.wake()
