"""What features read of each edge and node, kept beside the mirror's arrays under the same numbers.

Read once when an edge comes, not each time an event sees it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from msgspec import json
from numba import njit
from numpy.typing import NDArray

from graph.adjacency import Sight
from graph.adjacency_walk import Walked
from graph.mirror import Mirror
from graph.model import Caps, EdgeUpsert, Event, Look, split_key
from scoring import history, tallies
from scoring.columns import UNKNOWN, Columns, Floats, Ints, Reader
from scoring.schema import FeatureSchema


@dataclass(frozen=True, slots=True)
class Asked:
    """What features read of events themselves: of `Columns`, the part that has a row an event."""

    events: Sequence[Event]
    kind: NDArray[np.int16]
    time_ms: Ints
    amount: Floats
    says: Ints


class Cells:
    """A lane (`graph.edges.Lane`): by version the relation, numeric attributes and words, by node the label."""

    def __init__(self, schema: FeatureSchema) -> None:
        """Empty; attach it to a mirror."""
        self.schema = schema
        self.relation = np.zeros(64, np.int16)
        self.value: Floats = np.zeros((64, schema.slots))
        self.log_value: Floats = np.zeros(64)  # of the first numeric attribute
        self.words: Ints = np.zeros(64, np.int64)
        self.label = np.zeros(64, np.int8)
        self._reader = Reader(schema)
        self._relations = {relation.name: number for number, relation in enumerate(schema.relations)}
        self._labels = {label: number for number, label in enumerate(schema.labels)}

    def put_edge(self, number: int, edge: EdgeUpsert) -> None:
        """See Lane."""
        if number >= len(self.relation):
            room = 2 * number
            self.relation, self.words = _wider(self.relation, room), _wider(self.words, room)
            self.value, self.log_value = _wider(self.value, room), _wider(self.log_value, room)
        self.relation[number] = self._relations.get(edge.relation, UNKNOWN)
        self.value[number], self.words[number] = self._reader.cells(edge)
        self.log_value[number] = np.log1p(max(self.value[number, 0], 0.0))

    def put_node(self, number: int, key: str) -> None:
        """See Lane."""
        if number >= len(self.label):
            self.label = _wider(self.label, 2 * number)
        self.label[number] = self.label_of(key)

    def label_of(self, key: str) -> int:
        """Number of a node's label, -1 where the schema has none."""
        return self._labels.get(split_key(key)[0], UNKNOWN)

    def asked(self, events: Sequence[Event]) -> Asked:
        """What features read of events themselves."""
        says = [self._reader.cells(event) for event in events]
        return Asked(
            events,
            np.array([self._relations.get(event.relation, UNKNOWN) for event in events], np.int16),
            np.array([event.time_ms for event in events], np.int64),
            np.array([value for value, _ in says], np.float64).reshape(len(events), self.schema.slots),
            np.array([words for _, words in says], np.int64),
        )

    def columns(self, asked: Asked, seen: Walked) -> Columns:
        """What was walked, as the columns `Reader` makes of the same subgraphs (edges of one time in another order)."""
        starts, src, dst, hop, label = seen.starts, seen.src, seen.dst, seen.hop, seen.label
        relation, age_ms, value, words = _gathered(
            starts, seen.version, seen.time_ms, asked.time_ms, self.relation, self.value, self.words
        )
        known = relation >= 0
        if not known.all():  # relations the schema does not have are left out
            starts = np.concatenate([[0], np.cumsum(known)])[starts]
            src, dst, hop, label, relation, age_ms, value, words = (
                column[known] for column in (src, dst, hop, label, relation, age_ms, value, words)
            )
        return Columns(
            seen.nodes_of, starts, self._node_labels(asked.events, seen), src, dst, relation, age_ms, label, hop, value,
            words, seen.ends, asked.kind, asked.time_ms, asked.amount, asked.says,
        )  # fmt: skip

    def _node_labels(self, events: Sequence[Event], seen: Walked) -> NDArray[np.int8]:
        labels = self.label[seen.nodes]  # what is below 0 reads some other's, and is put right
        for at in np.flatnonzero(seen.nodes < 0).tolist():
            graph = int(np.searchsorted(seen.nodes_of, at, side="right")) - 1
            place = at - int(seen.nodes_of[graph])
            event = events[graph]
            labels[at] = self.label_of(event.src if place == seen.ends[graph, 0] else event.dst)
        return labels


class Sampler:
    """Columns of events from a mirror, as of each event: what training and serving read."""

    def __init__(self, mirror: Mirror, schema: FeatureSchema) -> None:
        """Read from this mirror by this schema."""
        self._mirror = mirror
        mirror.index(schema.categories)
        self._cells = mirror.lane(json.encode(schema), lambda: Cells(schema))

    def read(self, events: Sequence[Event], caps: Caps) -> tuple[Columns, NDArray[np.float32]]:
        """The events' subgraphs, and everything with a long look back [B, P], named by `past_names`; as of each."""
        asked = self._cells.asked(events)
        return self._mirror.see(events, lambda sight: (self._near(asked, sight, caps), self._far(asked, sight)))

    def columns(self, events: Sequence[Event], caps: Caps) -> Columns:
        """The events' subgraphs alone."""
        asked = self._cells.asked(events)
        return self._mirror.see(events, lambda sight: self._near(asked, sight, caps))

    def past(self, events: Sequence[Event]) -> NDArray[np.float32]:
        """The long look back alone."""
        asked = self._cells.asked(events)
        return self._mirror.see(events, lambda sight: self._far(asked, sight))

    def _near(self, asked: Asked, sight: Sight, caps: Caps) -> Columns:
        return self._cells.columns(asked, sight.walk(caps))

    def _far(self, asked: Asked, sight: Sight) -> NDArray[np.float32]:
        near = history.history(self._near(asked, sight, history.LOOK_BACK))
        sums = sight.tally(self._cells.log_value, tallies.LOOK_BACK)
        return np.concatenate([near, tallies.tallies(sums, asked.amount[:, 0])], axis=1)


@njit(cache=True)
def _gathered(starts, version, edge_ms, time_ms, relations, values, words):  # type: ignore[no-untyped-def]
    """Relation, age, numeric attributes and words of the edges of each subgraph."""
    count, slots = len(version), values.shape[1]
    relation, age_ms = np.empty(count, np.int16), np.empty(count, np.int64)
    value, said = np.empty((count, slots)), np.empty(count, np.int64)
    for b in range(len(starts) - 1):
        for edge in range(starts[b], starts[b + 1]):
            at = version[edge]
            relation[edge], age_ms[edge], said[edge] = relations[at], time_ms[b] - edge_ms[edge], words[at]
            for slot in range(slots):
                value[edge, slot] = values[at, slot]
    return relation, age_ms, value, said


def look_of(schema: FeatureSchema, caps: Caps) -> Look:
    """What `columns` and `past` read around an event, for a reader that has to fetch it first."""
    if not schema.past:
        return Look(caps)
    return Look(caps, history.LOOK_BACK.per_hop[0], tallies.LOOK_BACK, bool(schema.categories))


def past_names(schema: FeatureSchema) -> tuple[str, ...]:
    """Names of the features that `Sampler.past` gives."""
    return history.NAMES + tallies.names(schema)


def _wider(array: NDArray[Any], room: int) -> NDArray[Any]:
    wider = np.zeros((room, *array.shape[1:]), array.dtype)
    wider[: len(array)] = array
    return wider
