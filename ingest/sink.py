"""What an ingest worker feeds: the protocol that `graph/sink.py` keeps, and what it is fed with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from ingest.events import Change
from ingest.records import Message, Record, Trace


class Item(msgspec.Struct, frozen=True):
    """A record on its way: its change, what the sink planned for it, and its trace."""

    record: Record
    change: Change
    plan: Any
    trace: Trace


class Sink(Protocol):
    """What the worker feeds."""

    def plan(self, change: Change, whole: bool) -> Any:
        """What a change will do. `whole`: write the full row, not only what it changed.

        Raises:
            Reject: the change can't be used.
            Halt: the mapping says to stop at it.
        """
        ...

    def mark(self, record: Record, marked: bool) -> Any | None:
        """What says that the record's row waits for it (it was refused), or no longer does; None where the
        record does not tell its row.
        """
        ...

    def passed_over(self, change: Change) -> bool:
        """Whether the change is older than what may still be taken (the purge horizon)."""
        ...

    def write(self, items: Sequence[Item], marks: Sequence[Any]) -> None:
        """All of it or nothing, idempotent.

        Raises:
            Transient: try again. Reject: the store refuses something among the items.
        """
        ...

    def messages(self, items: Sequence[Item], marks: Sequence[Any], through: str | None) -> list[Message]:
        """What to publish of them; `through` is the position everything up to which is written."""
        ...
