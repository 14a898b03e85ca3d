"""Who is told what a worker does: metrics and health (`ingest/metrics.py`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from ingest.deadletter import DeadLetter
from ingest.records import Record
from ingest.sink import Item


class Listener(Protocol):
    """Told by the worker's loop, and `written` by the thread that writes."""

    def polled(self, records: int) -> None:
        """Each turn of the loop, also with none: it is alive."""
        ...

    def written(self, items: Sequence[Item], seconds: float) -> None:
        """A batch is in the graph."""
        ...

    def done(self, records: Sequence[Record], letters: Sequence[DeadLetter]) -> None:
        """Published, and its offsets committed."""
        ...

    def retrying(self, step: str, error: Exception) -> None:
        """A step failed and is tried again."""
        ...

    def lag(self, behind: Mapping[tuple[str, int], int]) -> None:
        """Records behind, by (topic, partition)."""
        ...


class Silent:
    """Nobody listens."""

    def polled(self, records: int) -> None:
        """See Listener."""

    def written(self, items: Sequence[Item], seconds: float) -> None:
        """See Listener."""

    def done(self, records: Sequence[Record], letters: Sequence[DeadLetter]) -> None:
        """See Listener."""

    def retrying(self, step: str, error: Exception) -> None:
        """See Listener."""

    def lag(self, behind: Mapping[tuple[str, int], int]) -> None:
        """See Listener."""
