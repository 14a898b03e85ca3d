"""The process that scores, seen from inside: asks come over a socket, a scoring thread answers them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

from scoring.deciding.decider import GraphState
from scoring.deciding.scoring_thread import ScoringThread
from scoring.deciding.ticket import Overloaded, Ticket
from scoring.deciding.wire import Ask, Failed, Frame, Frames, State, Told, framed

TELL_S = 0.1
PIECE = 65_536


class Backroom:
    """The scoring process's end of the socket."""

    def __init__(self, taken: socket.socket, graph: Callable[[], GraphState]) -> None:
        """`graph` says how the graph stands, from any thread."""
        self._socket, self._graph = taken, graph
        self._sending, self._batches = threading.Lock(), list[int]()
        self.thread: ScoringThread | None = None  # as soon as there is something to score with

    def serve(self) -> None:
        """Until the other process closes the connection, or ends."""
        threading.Thread(target=self._tell, name="telling", daemon=True).start()
        frames = Frames()
        while piece := self._received():
            for frame in frames.of(piece):
                if isinstance(frame, Ask):
                    self._ask(frame)
        if self.thread is not None:
            self.thread.stop()

    def batched(self, size: int) -> None:
        """A batch was scored."""
        self._batches.append(size)

    def fail(self, why: str) -> None:
        """Tell that this process can't go on."""
        self.send(Failed(why))

    def send(self, frame: Frame) -> None:
        """To the other process, if there still is one."""
        with self._sending:
            try:
                self._socket.sendall(framed(frame))
            except OSError:  # it has ended, and so does `serve`
                return

    def _received(self) -> bytes:
        try:
            return self._socket.recv(PIECE)
        except OSError:
            return b""

    def _ask(self, ask: Ask) -> None:
        ticket = _Wired(ask.event, ask.until_s, number=ask.number, room=self)
        try:
            if self.thread is None:
                raise Overloaded
            self.thread.submit(ticket)
        except Overloaded:
            ticket.finish()

    def _tell(self) -> None:
        """How it stands, again and again: silence tells that this process stands still."""
        pause = threading.Event()
        while True:
            graph, thread = self._graph(), self.thread
            sizes, self._batches = tuple(self._batches), []
            why = graph.ready or ("warming up" if thread is None else None)
            stuck = thread is not None and thread.stuck
            self.send(State(why, stuck, graph.position, graph.silent_s, graph.window_ms, sizes))
            pause.wait(TELL_S)


@dataclass(slots=True, eq=False, kw_only=True)
class _Wired(Ticket):
    """A ticket whose holder is in the other process."""

    number: int
    room: Backroom

    def scored(self) -> None:
        """See Ticket."""
        self._say(last=False)

    def finish(self) -> None:
        """See Ticket."""
        self._say(last=True)

    def _say(self, last: bool) -> None:
        self.room.send(Told(self.number, self.score, self.reasons, self.failed, last))
