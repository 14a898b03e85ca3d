"""The wire form of a question, read strictly: what it does not say exactly is refused, with where and the mend."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from graph.columns import CENTURY_MS
from graph.model import Event, Scalar
from scoring.deciding.problem import Problem
from scoring.deciding.remarks import Remark, missing
from scoring.deciding.scoreable import RawEnd, Scoreable, label_of, pointer

LARGEST_BODY = 65_536  # bytes
LONGEST_ID = 500  # characters
LONGEST_DEADLINE_MS = 1_000
MINUTE_MS = 60_000
SAID = re.compile(r"(?s)(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?")
NAMED = re.compile(r"Object (?:contains unknown|missing required) field `(?P<name>.*)`")


DeadlineMs = Annotated[int, Meta(ge=1, le=LONGEST_DEADLINE_MS)]


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the payment switch sends. `docs/decide.md` explains each field."""

    id: Annotated[str, Meta(min_length=1, max_length=LONGEST_ID, description=(
        "Your reference of the transfer. Becomes the event's id: give table:key:role of its later row to match both."
    ))]  # fmt: skip
    relation: Annotated[str, Meta(description="A relation of the mapping that asks for scores.", examples=["TRANSFER"])]
    src: Annotated[RawEnd, Meta(description='A node\'s key, or a raw contact: {"Contact": {"phone": "…"}}.')]
    dst: Annotated[RawEnd, Meta(description="As src.")]
    time_ms: Annotated[int | None, Meta(description="Milliseconds since 1970 UTC; default: now.")] = None
    attributes: Annotated[dict[str, Scalar], Meta(description="What the columns of the later row will hold.")] = {}
    deadline_ms: Annotated[DeadlineMs | None, Meta(description="An answer leaves within this.")] = None


@dataclass(frozen=True, slots=True)
class Question:
    """A request that fits: the event as the graph would hold it, and how long there is to answer."""

    event: Event
    deadline_ms: int
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """What requests may ask for.

    Attributes:
        deadline_ms: where none is given; `longest_ms` caps those that are.
        ahead_ms: how far in the future an event's time may lie.
    """

    deadline_ms: int = 50
    longest_ms: int = LONGEST_DEADLINE_MS
    ahead_ms: int = 5 * MINUTE_MS


class Requests:
    """Reads requests."""

    def __init__(self, scoreable: Scoreable, limits: Limits, now_ms: Callable[[], int]) -> None:
        """`now_ms` is the bank's clock: milliseconds since 1970 UTC."""
        self.scoreable, self.limits, self._now_ms = scoreable, limits, now_ms
        self._decoder = msgspec.json.Decoder(Body)

    def read(self, raw: bytes) -> Question:
        """What a body asks.

        Raises:
            Problem: it is no request; says what, where and the mend.
        """
        body = self._decoded(raw)
        if not body.id.isprintable():
            raise Problem("field", "holds characters that can't be printed", "/id", "send plain text")
        ends = [label_of(body.src, "/src"), label_of(body.dst, "/dst")]
        shape = self.scoreable.find(body.relation, ends, body.id)
        src = self.scoreable.node(shape.source, body.src, "/src")
        dst = self.scoreable.node(shape.target, body.dst, "/dst")
        time_ms, attributes = self._time(body), shape.read(body.attributes)
        event = Event(body.id, "new", "", time_ms, body.relation, src, dst, time_ms, attributes)
        deadline_ms = min(body.deadline_ms or self.limits.deadline_ms, self.limits.longest_ms)
        lacking = shape.lacks(attributes)
        return Question(event, deadline_ms, (missing(lacking),) if lacking else ())

    def _decoded(self, raw: bytes) -> Body:
        try:
            return self._decoder.decode(raw)
        except msgspec.ValidationError as error:
            raise _told(str(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            said = "nested too deep" if isinstance(error, RecursionError) else str(error)
            raise Problem("json", said, mend="send one JSON object in UTF-8; NaN and Infinity are no JSON") from None

    def _time(self, body: Body) -> int:
        """When it happens.

        A clock that jumped would see a graph of another time, and say nothing of it: so it is refused.
        """
        now_ms = self._now_ms()
        if body.time_ms is None:
            return now_ms
        if abs(body.time_ms) > CENTURY_MS:
            raise Problem("time", "over a century from 1970, is the unit right?", "/time_ms",
                          "send milliseconds since 1970 UTC, or leave it out")  # fmt: skip
        if (ahead_ms := body.time_ms - now_ms) > self.limits.ahead_ms:
            raise Problem("time", f"{ahead_ms / 1000:,.0f} s ahead of this server's clock, at most "
                          f"{self.limits.ahead_ms / 1000:,.0f} s are taken", "/time_ms",
                          "set the clock that made it, leave it out, or raise RINGWATCH_DECIDE_AHEAD_S")  # fmt: skip
        return body.time_ms


def _told(said: str) -> Problem:
    """A decoder's message as a problem. It repeats names of fields, no values."""
    found = SAID.fullmatch(said)
    what, path = (found["what"], found["path"] or "") if found else (said, "")
    where = pointer(*re.findall(r"\w+|\.\.\.", path))
    mend = "see /docs for the fields"
    if named := NAMED.fullmatch(what):
        where += pointer(named["name"])
        mend = "leave it out, or check its spelling" if "unknown" in what else "it has to be given"
    return Problem("field", f"{what[:1].lower()}{what[1:]}", where, mend)
