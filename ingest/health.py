"""Whether a worker is alive and able to work: a state machine fed by what the worker tells of itself.

| state    | what was seen                                                              | healthy | ready |
|----------|----------------------------------------------------------------------------|---------|-------|
| starting | the loop has not come round yet                                            | yes     | no    |
| idle     | it comes round, nothing is in hand                                         | yes     | yes   |
| working  | records are in hand                                                        | yes     | at first |
| paused   | so many are in hand that it takes no more for now                          | yes     | at first |
| retrying | a server does not answer; a restart of ours would not help                 | yes     | at first |
| stuck    | the loop, or the batch in hand, stands still, and no retry explains it     | no      | no    |

Lag makes nobody unhealthy: restarting a worker that is behind puts it further behind. Time comes from an
injected monotonic clock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec

from ingest.deadletter import DeadLetter
from ingest.listener import Place, Silent
from ingest.records import Record
from ingest.sink import Item

State = Literal["starting", "idle", "working", "paused", "retrying", "stuck"]
ENDS_WITH = {"write": "written", "publish": "done", "commit": "done"}  # other steps: as soon as anything goes on
ERROR_LIMIT = 300  # characters


class Limits(msgspec.Struct, frozen=True):
    """How long something may take before it counts as stuck, in seconds.

    Attributes:
        start_s: until the first turn. Ingest waits up to 5 minutes for Neo4j, then reads the dead-letter topic.
        turn_s: for one turn of the loop, or between two tries. The longest honest one: the driver's 60 s for a
            connection + its own retries of 30 s, or 30 s for a flush to Kafka, + 5 s of back-off.
        batch_s: for the batches in hand to get any further. A TRUNCATE closes every row of a table, at about
            10,000 in 0.3 s: 30 minutes are 60 million rows. A restart would begin anew, so better too long.
        slow_s: for the same before the worker is not ready. A write that is no TRUNCATE ends within 25 s (Neo4j's
            time-out), so this is a long one or a server that hangs without an error.
        retry_s: of retries before the worker is not ready.
    """

    start_s: float = 600.0
    turn_s: float = 120.0
    batch_s: float = 1800.0
    slow_s: float = 60.0
    retry_s: float = 10.0


class Report(msgspec.Struct, frozen=True):
    """How it stands with a worker, times in seconds. `why` says what keeps it from being ready, else nothing."""

    state: State
    healthy: bool
    ready: bool
    why: str
    state_s: float
    turn_ago_s: float | None
    record_ago_s: float | None
    in_hand: int
    partitions: int | None
    behind: int | None
    retrying: str | None
    attempts: int
    error: str | None


class _Retry(msgspec.Struct):
    step: str
    since: float
    last: float
    error: str
    attempts: int = 1


class Health(Silent):
    """A `Listener` that can be asked at any time, from any thread, how the worker is."""

    def __init__(self, limits: Limits | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds that only rise."""
        self._limits, self._clock = limits or Limits(), clock
        self._lock = threading.Lock()
        self._started = self._progress = clock()
        self._turn: float | None = None
        self._record: float | None = None
        self._error: str | None = None
        self._retry: _Retry | None = None
        self._in_hand = 0
        self._paused: float | None = None  # since when
        self._behind: dict[Place, int] | None = None
        self._calm = self._started  # since when nothing has been in hand

    # -- what the worker tells ------------------------------------------------------------------

    def polled(self, records: int) -> None:
        """See Listener.polled."""
        with self._lock:
            now = self._turn = self._clock()
            if records:
                self._record = now
                if not self._in_hand:
                    self._progress = now
                self._in_hand += records
            self._over("polled")

    def written(self, items: Sequence[Item], seconds: float) -> None:
        """See Listener.written."""
        with self._lock:
            self._progress = self._clock()
            self._over("written")

    def advanced(self) -> None:
        """See Listener.advanced."""
        with self._lock:
            self._progress = self._clock()
            self._over("written")

    def done(self, records: Sequence[Record], letters: Sequence[DeadLetter]) -> None:
        """See Listener.done."""
        with self._lock:
            self._progress = self._clock()
            self._in_hand = max(0, self._in_hand - len(records))
            if not self._in_hand:
                self._calm = self._progress
            self._over("done")

    def retrying(self, step: str, error: Exception) -> None:
        """See Listener.retrying."""
        with self._lock:
            now = self._clock()
            self._error = f"{step}: {error}"[:ERROR_LIMIT]
            if self._retry is None:
                self._retry = _Retry(step, now, now, self._error)
            else:
                retry = self._retry
                retry.step, retry.last, retry.error, retry.attempts = step, now, self._error, retry.attempts + 1

    def lag(self, behind: Mapping[Place, int]) -> None:
        """See Listener.lag."""
        with self._lock:
            self._behind = dict(behind)
            self._over("lag")

    def paused(self, yes: bool) -> None:
        """See Listener.paused."""
        with self._lock:
            if not yes:
                self._paused = None
            elif self._paused is None:
                self._paused = self._clock()

    def _over(self, heard: str) -> None:
        """A retry ends with what its step leads to; `done` comes after every step."""
        if self._retry is not None and (heard == "done" or ENDS_WITH.get(self._retry.step, heard) == heard):
            self._retry = None

    # -- what it makes of it --------------------------------------------------------------------

    def report(self) -> Report:
        """How it stands now."""
        with self._lock:
            now = self._clock()
            stuck = self._stuck(now)
            state, since = self._state(stuck)
            why = stuck[0] if stuck else self._not_ready(now)
            retry, behind = self._retry, self._behind
            return Report(
                state=state,
                healthy=not stuck,
                ready=not why,
                why=why,
                state_s=round(now - since, 3),
                turn_ago_s=_ago(now, self._turn),
                record_ago_s=_ago(now, self._record),
                in_hand=self._in_hand,
                partitions=None if behind is None else len(behind),
                behind=None if behind is None else sum(behind.values()),
                retrying=retry.step if retry else None,
                attempts=retry.attempts if retry else 0,
                error=self._error,
            )

    def _stuck(self, now: float) -> tuple[str, float] | None:
        """Why it counts as stuck, and since when. A try that was announced starts the time anew."""
        limits, tried = self._limits, self._retry.last if self._retry else self._started
        during = f" (trying to {self._retry.step} again; {self._retry.error})" if self._retry else ""
        since = max(self._turn or self._started, tried)
        if self._turn is None and now - since > limits.start_s:
            return f"has been starting for {now - since:.0f} s{during}", since
        if self._turn is not None and now - since > limits.turn_s:
            return f"the loop has not come round for {now - since:.0f} s{during}", since
        since = max(self._progress, tried)
        if self._in_hand and now - since > limits.batch_s:
            return f"{self._no_further(now - since)}{during}", since
        return None

    def _no_further(self, for_s: float) -> str:
        return f"the {self._in_hand} records in hand have got no further for {for_s:.0f} s"

    def _state(self, stuck: tuple[str, float] | None) -> tuple[State, float]:
        if stuck is not None:
            return "stuck", stuck[1]
        if self._retry is not None:
            return "retrying", self._retry.since
        if self._turn is None:
            return "starting", self._started
        if self._paused is not None:
            return "paused", self._paused
        if self._in_hand:
            return "working", self._progress
        return "idle", self._calm

    def _not_ready(self, now: float) -> str:
        if self._turn is None:
            return "has not begun to read yet"
        if self._retry is not None and now - self._retry.since > self._limits.retry_s:
            for_s, retry = now - self._retry.since, self._retry
            return f"has been trying again for {for_s:.0f} s, {retry.attempts} times; {retry.error}"
        if self._in_hand and now - self._progress > self._limits.slow_s:
            return self._no_further(now - self._progress)
        if not self._behind:
            return "no partitions are assigned: the group shares them out, or has more processes than partitions"
        return ""


def _ago(now: float, then: float | None) -> float | None:
    return None if then is None else round(now - then, 3)
