"""The known frauds that look most like an event to the network: as of the event, so that nothing learned later counts.

Each is kept as the network's own view of it, as of its own time. Labels come by a hook on the mirror, in any order and
before or after the edges they speak of; what was known when is asked of the mirror, whose rule is every reader's.

Shapes: K frauds, D numbers of a view.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import nlargest

import numpy as np
from numpy.typing import NDArray

from graph.mirror import Mirror
from graph.model import EdgeUpsert, Event, LabelUpsert
from scoring.explaining.explanation import Neighbour

View = NDArray[np.float32]  # [D]
Look = Callable[[Event], View]  # what the network makes of an event, as of its time

# Frauds an event is compared with, the newest that were known by then. Twice as many are kept: so many more may become
# known before an event is explained, and change nothing.
MOST = 2_000
SHOWN = 5
# Cosine. Of the five nearest of 111 alerts on frauds of a demo bank no model has seen, those below it were of the same
# kind of fraud in 34 % (by chance: 27 %), those above it in 53 %, those above .85 in 60 %.
LEAST = 0.7
TRIES = 100  # looks for the edge of a label


@dataclass(slots=True)
class _Fraud:
    edge: EdgeUpsert
    view: View
    known_ms: set[int] = field(default_factory=set)  # of each version of a label that says so

    def known_by(self, time_ms: int) -> int | None:
        """The newest date not after a time."""
        return max((known for known in self.known_ms if known <= time_ms), default=None)


class KnownFrauds:
    """The memory. `hear` is for the thread that writes the mirror; everything else for the one that explains."""

    def __init__(self, mirror: Mirror, most: int = MOST, least: float = LEAST) -> None:
        """Listens to a mirror, best before it is filled: it is told of all labels there once more."""
        self._mirror, self._most, self._least = mirror, most, least
        self._lock = threading.Lock()
        self._heard: dict[str, set[int]] = {}  # by event, what the explaining thread has not taken yet
        self._absent: deque[tuple[str, set[int], int]] = deque(maxlen=2 * most)
        self._known: dict[str, _Fraud] = {}
        mirror.listen(self.hear)

    def __len__(self) -> int:
        """How many it holds."""
        return len(self._known)

    def hear(self, label: LabelUpsert) -> None:
        """Note a version of a label, in microseconds."""
        if not label.fraud:
            return
        with self._lock:
            self._heard.setdefault(label.event, set()).add(label.known_ms)
            if len(self._heard) > 4 * self._most:
                newest = nlargest(2 * self._most, self._heard.items(), key=lambda one: max(one[1]))
                self._heard = dict(newest)

    def learn(self, look: Look) -> Iterator[None]:
        """Take in all that was heard, the newest first; one view is made between two steps."""
        with self._lock:
            heard, self._heard = self._heard, {}
        absent, self._absent = list(self._absent), deque(maxlen=2 * self._most)
        fresh = sorted(heard.items(), key=lambda one: -max(one[1]))
        for event, known_ms, tries in [*((*one, 0) for one in fresh), *absent]:
            if self._note(event, known_ms, tries, look):
                yield

    def _note(self, event: str, known_ms: set[int], tries: int, look: Look) -> bool:
        """Take in what is known of one event; whether a view was made."""
        if event in self._known:
            self._known[event].known_ms |= known_ms
            return False
        if len(self._known) >= 2 * self._most and max(known_ms) < self._oldest()[0]:
            return False
        edge = self._mirror.first(event)
        if edge is None:
            if tries < TRIES:
                self._absent.append((event, known_ms, tries + 1))
            return False
        of_its_time = Event(edge.owner, "new", edge.pos, edge.known_ms, edge.relation, edge.src, edge.dst,
                            edge.time_ms, edge.attributes)  # fmt: skip
        self._known[event] = _Fraud(edge, look(of_its_time), set(known_ms))
        if len(self._known) > 2 * self._most:
            del self._known[self._oldest()[1]]
        return True

    def _oldest(self) -> tuple[int, str]:
        return min((max(fraud.known_ms), event) for event, fraud in self._known.items())

    def near(self, event: Event, view: View) -> tuple[Neighbour, ...]:
        """The frauds known by the event's time that are most alike, at most `SHOWN`, none below the least similarity.

        Those of one time are told apart by their names, so that the order in which they came does not count.
        """
        found: list[Neighbour] = []
        candidates = self._alike(event, view)
        for at in range(0, len(candidates), 4 * SHOWN):
            part = candidates[at : at + 4 * SHOWN]
            stood = self._mirror.frauds([one.event_id for one in part], event)
            found += [one for one, is_so in zip(part, stood, strict=True) if is_so]
            if len(found) >= SHOWN:
                break
        return tuple(found[:SHOWN])

    def _alike(self, event: Event, view: View) -> list[Neighbour]:
        """Those whose label's date is not after the event and that are alike enough, the most alike first."""
        known = [(date, name, fraud) for name, fraud in self._known.items()
                 if name != event.id and fraud.edge.time_ms < event.time_ms
                 and (date := fraud.known_by(event.time_ms)) is not None]  # fmt: skip
        known = nlargest(self._most, known, key=lambda one: one[:2])
        if not known:
            return []
        cosine = _cosine(np.stack([fraud.view for _, _, fraud in known]), view).tolist()
        near = [_neighbour(fraud.edge, date, alike) for (date, _, fraud), alike in zip(known, cosine, strict=True)
                if alike >= self._least]  # fmt: skip
        return sorted(near, key=lambda one: (-one.similarity, -one.known_ms, one.event_id))


def _cosine(views: NDArray[np.float32], view: View) -> NDArray[np.float64]:
    """Of each of [K, D] with one [D]: [K], 0 where one is all zeros."""
    rows, one = views.astype(np.float64), view.astype(np.float64)
    sizes = np.linalg.norm(rows, axis=1) * np.linalg.norm(one)
    return np.asarray(rows @ one / np.where(sizes > 0, sizes, 1.0))


def _neighbour(edge: EdgeUpsert, known_ms: int, similarity: float) -> Neighbour:
    rounded = round(similarity, 6)  # sums differ in their last bits by the machine
    return Neighbour(edge.owner, edge.relation, edge.src, edge.dst, edge.time_ms, edge.attributes, known_ms, rounded)
