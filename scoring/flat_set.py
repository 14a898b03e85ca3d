"""A bank's flat files as a set to train and test on: every event, what is known of it since when, and the sampler.

Everything is in the graph at once; that an event sees its past only is the sampler's doing (graph/asof.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graph.flat import Refused, planned
from graph.flat_files import FlatError
from graph.mapping import Mapping
from graph.mirror import Mirror
from graph.model import Event, Upsert
from scoring.cells import Sampler
from scoring.columns import Ints
from scoring.dataset import Flags, LabelBook
from scoring.schema import WORDS, FeatureSchema, schema_of

BATCH = 5_000  # upserts put into the mirror at a time
COMMON = 8  # values of a category that get a feature, of one attribute
END_MS = 2**62


class FlatSetError(FlatError):
    """The files hold nothing to train on: the message says what is missing, and the mend."""


@dataclass(frozen=True, slots=True)
class FlatSet:
    """Events in the order of time.

    Attributes:
        name: of the source.
        events: [B].
        time_ms: [B].
        known: [B] whether anybody ever said what it was; where the mapping knows fraud reports alone, every event.
        fraud: [B] what was said last: the truth.
        silence: nobody says of an event that it is honest, so what is not reported counts as honest.
        book: what stood reported when.
        sampler: reads their subgraphs as of each.
        mirror: holds the graph.
    """

    name: str
    schema: FeatureSchema
    events: list[Event]
    time_ms: Ints
    known: Flags
    fraud: Flags
    silence: bool
    book: LabelBook
    sampler: Sampler
    mirror: Mirror

    def __len__(self) -> int:
        """How many events."""
        return len(self.events)

    def fraud_by(self, by_ms: int) -> Flags:
        """[B] which stood reported as fraud at a time."""
        said = self.book.fraud(by_ms)
        return self._flags(said)

    def told_by(self, by_ms: int) -> Flags:
        """[B] of which something was said by a time; every event where silence speaks."""
        if self.silence:
            return np.ones(len(self), bool)
        return self._flags(self.book.told(by_ms))

    @property
    def delay_ms(self) -> int:
        """Median time from an event to the first that was said of it."""
        first = self.book.first_known_ms()
        waits = [first[event.id] - event.time_ms for event in self.events if event.id in first]
        return max(0, int(np.median(waits)))

    def payers(self, index: Ints) -> Ints:
        """Events of one source node get the same number: they belong together when resampling."""
        numbers: dict[str, int] = {}
        return np.array([numbers.setdefault(self.events[at].src, len(numbers)) for at in index], np.int64)

    def _flags(self, ids: set[str]) -> Flags:
        return np.fromiter((f"{self.name}/{event.id}" in ids for event in self.events), bool, len(self.events))


def read_flat(mapping: Mapping, folder: Path, refused: Callable[[Refused], None], freeze: bool = False) -> FlatSet:
    """Read a mapping's files into a mirror.

    Args:
        mapping: names files, events and labels.
        folder: where the files lie.
        refused: told of each row that does not fit; it stops nothing.
        freeze: the mirror will only be walked (see `Mirror.freeze`): half the memory.

    Raises:
        FlatError: a file is missing or can't be read.
        FlatSetError: no event is marked, or no fraud is labelled.
    """
    book, mirror, events, waiting = LabelBook(mapping.file.source), Mirror(), list[Event](), list[Upsert]()
    for _, plan in planned(mapping, folder, refused):
        events += plan.events
        waiting += plan.upserts
        if len(waiting) >= BATCH:
            _put(mirror, book, waiting)
    _put(mirror, book, waiting)
    if not events:
        raise FlatSetError(f"{folder}: no row became an event; mark an edge with `event = true` in the mapping")
    return made(mapping, events, book, mirror, freeze)


def made(mapping: Mapping, events: list[Event], book: LabelBook, mirror: Mirror, freeze: bool = False) -> FlatSet:
    """A set of what was read: events in the order of time, what was said of them, and the graph with all of it.

    `freeze` as in `read_flat`.

    Raises:
        FlatSetError: no fraud is labelled.
    """
    schema = schema_of(
        {r.name: (r.source, r.target, r.numeric) for r in mapping.relations},
        mapping.labels,
        words_of(mapping, events),
        categories_of(mapping, events),
    )
    sampler = Sampler(mirror, schema)
    if freeze:  # first, so that what follows fits into the room it leaves
        mirror.freeze()
    events.sort(key=lambda event: event.time_ms)
    name = mapping.file.source
    time_ms = np.array([event.time_ms for event in events], np.int64)
    frauds, told = book.fraud(END_MS), book.told(END_MS)
    if not frauds:
        raise FlatSetError(f"{name}: no event is labelled as fraud; name a label in the mapping, or other files")
    fraud, known = (
        np.fromiter((f"{name}/{event.id}" in ids for event in events), bool, len(events)) for ids in (frauds, told)
    )
    silence = not (known & ~fraud).any()
    if silence:
        known = np.ones(len(events), bool)
    return FlatSet(name, schema, events, time_ms, known, fraud, silence, book, sampler, mirror)


def _put(mirror: Mirror, book: LabelBook, waiting: list[Upsert]) -> None:
    mirror.apply(waiting)
    for upsert in waiting:
        book.add(upsert)
    waiting.clear()


def words_of(mapping: Mapping, events: list[Event]) -> dict[str, list[tuple[str, str]]]:
    """The most common values of each relation's categories among the first tenth of its events, as features.

    Only the first tenth: which values are common later is not known when training begins.
    """
    first = events[: max(1, len(events) // 10)]
    counts: dict[tuple[str, str], dict[str, int]] = {}
    for event in first:
        for name, value in event.attributes.items():
            if isinstance(value, str):
                found = counts.setdefault((event.relation, name), {})
                found[value] = found.get(value, 0) + 1
    words: dict[str, list[tuple[str, str]]] = {}
    room = WORDS // max(1, len(counts))
    for (relation, name), found in sorted(counts.items()):
        common = sorted(found, key=lambda value: (-found[value], value))[: min(COMMON, room)]
        words.setdefault(relation, []).extend((name, value) for value in common)
    return words


def categories_of(mapping: Mapping, events: list[Event]) -> dict[str, tuple[str, ...]]:
    """The categories of each relation that gives events."""
    asked = {event.relation for event in events}
    return {relation.name: relation.categories for relation in mapping.relations if relation.name in asked}
