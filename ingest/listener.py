"""What a worker tells of itself while it runs: for metrics, for health, for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from ingest.deadletter import DeadLetter
from ingest.records import Record
from ingest.sink import Item

Place = tuple[str, int]  # topic, partition


class Listener(Protocol):
    """Hears what the worker does. Called from any of its threads, so it keeps its own lock; it returns
    at once and raises nothing.
    """

    def polled(self, records: int) -> None:
        """The loop came round and took so many records, also 0: a heartbeat."""
        ...

    def written(self, items: Sequence[Item], seconds: float) -> None:
        """A batch is in the graph; writing took so long, retries included."""
        ...

    def done(self, records: Sequence[Record], letters: Sequence[DeadLetter]) -> None:
        """These are published and committed. Every record that was polled is named once, whatever became of it."""
        ...

    def advanced(self) -> None:
        """A step that takes long has got further: one more chunk of a floor."""
        ...

    def retrying(self, step: str, error: Exception) -> None:
        """A step failed and is tried again. The steps `write`, `publish` and `commit` are named so."""
        ...

    def lag(self, behind: Mapping[Place, int]) -> None:
        """How many records each assigned partition still holds, those with none as 0.

        Told when the assignment changes and every few seconds, idle or not: what is not named any more
        belongs to another process.
        """
        ...

    def paused(self, yes: bool) -> None:
        """Partitions were paused until what is in hand is written, or taken up again."""
        ...

    def dropped(self, changes: int) -> None:
        """So many changes were older than the purge horizon, and were not taken."""
        ...

    def incomplete(self, rows: int) -> None:
        """So many rows wait for a record of theirs that was refused."""
        ...


class Silent:
    """Hears everything and does nothing with it."""

    def polled(self, records: int) -> None:
        """See Listener.polled."""

    def written(self, items: Sequence[Item], seconds: float) -> None:
        """See Listener.written."""

    def done(self, records: Sequence[Record], letters: Sequence[DeadLetter]) -> None:
        """See Listener.done."""

    def advanced(self) -> None:
        """See Listener.advanced."""

    def retrying(self, step: str, error: Exception) -> None:
        """See Listener.retrying."""

    def lag(self, behind: Mapping[Place, int]) -> None:
        """See Listener.lag."""

    def paused(self, yes: bool) -> None:
        """See Listener.paused."""

    def dropped(self, changes: int) -> None:
        """See Listener.dropped."""

    def incomplete(self, rows: int) -> None:
        """See Listener.incomplete."""


class Listeners:
    """Passes everything on to each of several."""

    def __init__(self, *each: Listener) -> None:
        self._each = each

    def polled(self, records: int) -> None:
        """See Listener.polled."""
        for one in self._each:
            one.polled(records)

    def written(self, items: Sequence[Item], seconds: float) -> None:
        """See Listener.written."""
        for one in self._each:
            one.written(items, seconds)

    def done(self, records: Sequence[Record], letters: Sequence[DeadLetter]) -> None:
        """See Listener.done."""
        for one in self._each:
            one.done(records, letters)

    def advanced(self) -> None:
        """See Listener.advanced."""
        for one in self._each:
            one.advanced()

    def retrying(self, step: str, error: Exception) -> None:
        """See Listener.retrying."""
        for one in self._each:
            one.retrying(step, error)

    def lag(self, behind: Mapping[Place, int]) -> None:
        """See Listener.lag."""
        for one in self._each:
            one.lag(behind)

    def paused(self, yes: bool) -> None:
        """See Listener.paused."""
        for one in self._each:
            one.paused(yes)

    def dropped(self, changes: int) -> None:
        """See Listener.dropped."""
        for one in self._each:
            one.dropped(changes)

    def incomplete(self, rows: int) -> None:
        """See Listener.incomplete."""
        for one in self._each:
            one.incomplete(rows)
