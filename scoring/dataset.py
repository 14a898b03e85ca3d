"""A training set: events with their subgraphs as of the event, and what was reported of them by when.

Two sources of targets, kept apart: reports known by a cut (to train and calibrate on), and the truth
(to evaluate with), which is handed in from outside and never stored here.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graph.model import Gone, LabelUpsert, Subgraph, Upsert
from scoring import rules
from scoring.columns import Columns, Floats, Ints, Reader, join
from scoring.schema import FeatureSchema

Flags = NDArray[np.bool_]
NOTHING = np.zeros(0, np.float32)
CHUNK = 2_000  # subgraphs joined at a time while collecting


@dataclass(frozen=True, slots=True)
class Dataset:
    """Events in the order they were added.

    Attributes:
        ids: [B] event ids, `source/id` so that events of several banks stay apart.
        weight: [B] how many events each stands for (above 1 where negatives were thinned).
        rules: [B] what the rules say, 0 to 1.
        columns: their subgraphs.
        past: [B, P] everything with a long look back; P is 0 where nobody reads it.
    """

    ids: NDArray[np.str_]
    weight: Floats
    rules: Floats
    columns: Columns
    past: NDArray[np.float32]

    def __len__(self) -> int:
        """How many events."""
        return len(self.ids)

    @property
    def time_ms(self) -> Ints:
        """[B] event times."""
        return self.columns.time_ms

    def take(self, index: Ints) -> Dataset:
        """These events, in this order."""
        columns, past = self.columns.take(index), self.past[index]
        return Dataset(self.ids[index], self.weight[index], self.rules[index], columns, past)


def merge(parts: Sequence[Dataset]) -> Dataset:
    """Put datasets behind one another."""
    return Dataset(
        np.concatenate([part.ids for part in parts]),
        np.concatenate([part.weight for part in parts]),
        np.concatenate([part.rules for part in parts]),
        join([part.columns for part in parts]),
        np.concatenate([part.past for part in parts]),
    )


class Collector:
    """Gathers events of one source into a Dataset."""

    def __init__(self, source: str, schema: FeatureSchema, rule_set: rules.RuleSet | None = None) -> None:
        """Name the source (a bank); read by this schema, beside these rules (else the shipped ones)."""
        self.source, self._ruled = source, rule_set or rules.shipped()
        self._reader = Reader(schema)
        self._ids: list[str] = []
        self._weights: list[float] = []
        self._rules: list[float] = []
        self._past: list[NDArray[np.float32]] = []
        self._waiting: list[Subgraph] = []
        self._parts: list[Columns] = []

    def add(self, subgraph: Subgraph, weight: float = 1.0, past: NDArray[np.float32] | None = None) -> None:
        """Take an event with its subgraph as of its time, and everything with a long look back [P].

        Raises:
            FeatureError: the subgraph breaks its contract (an edge is not before the event).
        """
        self._ids.append(f"{self.source}/{subgraph.event.id}")
        self._weights.append(weight)
        self._rules.append(rules.total(self._ruled.findings(subgraph)))
        self._past.append(NOTHING if past is None else past)
        self._waiting.append(subgraph)
        if len(self._waiting) == CHUNK:
            self._flush()

    def _flush(self) -> None:
        self._parts.append(self._reader.read(self._waiting))
        self._waiting.clear()

    def dataset(self) -> Dataset:
        """What was gathered so far."""
        self._flush()
        past = np.stack(self._past) if self._past else NOTHING[None][:0]
        return Dataset(np.array(self._ids), np.array(self._weights), np.array(self._rules), join(self._parts), past)


class LabelBook:
    """What was reported of each event, and since when: the delayed labels a model may train on."""

    def __init__(self, source: str) -> None:
        """Name the source (a bank)."""
        self.source = source
        self._versions: dict[str, tuple[LabelUpsert | Gone, ...]] = {}  # nearly always one: a tuple takes least

    def add(self, upsert: Upsert) -> None:
        """Note a label, or a label taken back; anything else is passed over."""
        if isinstance(upsert, LabelUpsert) or (isinstance(upsert, Gone) and upsert.kind is None):
            self._versions[upsert.owner] = (*self._versions.get(upsert.owner, ()), upsert)

    def fraud(self, by_ms: int) -> set[str]:
        """`source/id` of the events that stand reported as fraud at a time."""
        return {f"{self.source}/{event}" for event, label in self._said(by_ms).items() if label.fraud}

    def told(self, by_ms: int) -> set[str]:
        """`source/id` of the events of which a report stands at a time, fraud or not."""
        return {f"{self.source}/{event}" for event in self._said(by_ms)}

    def first_known_ms(self) -> dict[str, int]:
        """When something was first said of each event."""
        first: dict[str, int] = {}
        for versions in self._versions.values():
            for label in versions:
                if isinstance(label, LabelUpsert):
                    first[label.event] = min(label.known_ms, first.get(label.event, label.known_ms))
        return first

    def _said(self, by_ms: int) -> dict[str, LabelUpsert]:
        """The newest report that stands at a time, by event."""
        said: dict[str, LabelUpsert] = {}
        for versions in self._versions.values():
            newest = max((v for v in versions if v.known_ms <= by_ms), key=lambda v: v.pos, default=None)
            if isinstance(newest, LabelUpsert):
                before = said.get(newest.event)
                if before is None or (before.known_ms, before.pos) < (newest.known_ms, newest.pos):
                    said[newest.event] = newest
        return said


@dataclass(frozen=True, slots=True)
class Cuts:
    """A split by time: train [start, calibrate), calibrate [calibrate, gap), nothing until cut, test [cut, end).

    Reports count as known by `cut`: a training label is what a model trained then could have had.
    """

    start_ms: int
    calibrate_ms: int
    gap_ms: int
    cut_ms: int
    end_ms: int

    def part(self, time_ms: int) -> str | None:
        """train, calibrate, test, or None for what is left out."""
        for name, (first, last) in self._ranges().items():
            if first <= time_ms < last:
                return name
        return None

    def _ranges(self) -> dict[str, tuple[int, int]]:
        return {
            "train": (self.start_ms, self.calibrate_ms),
            "calibrate": (self.calibrate_ms, self.gap_ms),
            "test": (self.cut_ms, self.end_ms),
        }

    def index(self, time_ms: Ints, name: str) -> Ints:
        """Which events belong to a part."""
        first, last = self._ranges()[name]
        return np.flatnonzero((time_ms >= first) & (time_ms < last))


def thinned(event_id: str, one_in: int) -> bool:
    """Whether an event is among the one in so many that are kept: by its id, so the same in every run."""
    return zlib.crc32(event_id.encode()) % one_in == 0


def flags(ids: NDArray[np.str_], positive: Collection[str]) -> Flags:
    """Which of the events are among the positive ones."""
    return np.fromiter((str(name) in positive for name in ids), bool, len(ids))
