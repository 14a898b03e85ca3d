"""What an ingest worker feeds: the protocol that `graph/sink.py` keeps, and what it is fed with."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from ingest.events import Change
from ingest.records import Message, Record, Trace


class Item(msgspec.Struct, frozen=True, gc=False):
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

    def row(self, record: Record) -> str | None:
        """Which row a record speaks of (`table:key`); None where it does not tell."""
        ...

    def mark(self, row: str, seq: int, marked: bool, pos: str = "") -> Any:
        """What says that a row waits for a record that was refused, or no longer does. The highest `seq` wins.
        `pos` is the newest position among what was refused, empty where none could be read that far.
        """
        ...

    def marked(self, most: int) -> Mapping[str, str]:
        """Rows that wait, as the store knows them, at most so many, with that position.

        Raises:
            Transient: it does not answer.
        """
        ...

    def waiting(self, rows: set[str]) -> Collection[str]:
        """Which of these rows wait, as the store knows.

        Raises:
            Transient: it does not answer.
        """
        ...

    def refresh(self) -> None:
        """Called before records are planned: learn what other processes decided, if that is not known afresh.

        Raises:
            Transient: the store does not answer.
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
