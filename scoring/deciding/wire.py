"""What the process that answers and the process that scores say to each other: frames of MessagePack on a socket."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from graph.model import Event
from scoring.score import Score

LENGTH = 4  # bytes before each frame that say how long it is


class Ask(msgspec.Struct, frozen=True, array_like=True, tag="ask"):
    """Score this; `until_s` as of `Ticket`."""

    number: int
    until_s: float
    event: Event


class Told(msgspec.Struct, frozen=True, array_like=True, tag="told"):
    """What is known of an ask so far; `last`: nothing follows. Without a score at the last it failed, or was over."""

    number: int
    score: Score | None
    reasons: tuple[str, ...] | None
    failed: bool
    last: bool


class State(msgspec.Struct, frozen=True, array_like=True, tag="state"):
    """How the graph and the thread behind it stand: told a few times a second.

    Attributes:
        why: why nothing can be scored; None: it can.
        stuck: the scoring thread stands still.
        position, silent_s, window_ms: see `decider.GraphState`.
        batches: sizes of what was scored together since the last time.
    """

    why: str | None
    stuck: bool
    position: str = ""
    silent_s: float | None = None
    window_ms: int | None = None
    batches: tuple[int, ...] = ()


class Failed(msgspec.Struct, frozen=True, array_like=True, tag="failed"):
    """The process that scores ends: start anew."""

    why: str


Frame = Ask | Told | State | Failed
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Frame).decode


def framed(frame: Frame) -> bytes:
    """As it goes over the socket."""
    body = _encode(frame)
    return len(body).to_bytes(LENGTH, "big") + body


class Frames:
    """Puts what comes in pieces together."""

    def __init__(self) -> None:
        self._held = bytearray()

    def of(self, piece: bytes) -> Iterator[Frame]:
        """The frames that are whole now."""
        self._held += piece
        at = 0
        while len(self._held) - at >= LENGTH:
            end = at + LENGTH + int.from_bytes(self._held[at : at + LENGTH], "big")
            if len(self._held) < end:
                break
            yield _decode(self._held[at + LENGTH : end])
            at = end
        del self._held[:at]
