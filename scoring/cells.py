"""What features read of each edge and node, kept beside the mirror's arrays under the same numbers.

Read once when an edge comes, not each time an event sees it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import json
from numpy.typing import NDArray

from graph.adjacency_walk import Walked
from graph.mirror import Mirror
from graph.model import Caps, EdgeUpsert, Event, Look, split_key
from scoring import history, tallies
from scoring.columns import UNKNOWN, Columns, Floats, Ints, Reader
from scoring.schema import FeatureSchema


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

    def columns(self, events: Sequence[Event], seen: Walked) -> Columns:
        """What was walked, as the columns `Reader` makes of the same subgraphs (edges of one time in another order)."""
        relation = self.relation[seen.version]
        known = relation >= 0
        starts, version, src, dst, hop, label, edge_ms = (
            seen.starts, seen.version, seen.src, seen.dst, seen.hop, seen.label, seen.time_ms
        )  # fmt: skip
        if not known.all():  # relations the schema does not have are left out
            starts = np.concatenate([[0], np.cumsum(known)])[starts]
            version, src, dst, hop, label, edge_ms, relation = (
                column[known] for column in (version, src, dst, hop, label, edge_ms, relation)
            )
        time_ms = np.array([event.time_ms for event in events], np.int64)
        says = [self._reader.cells(event) for event in events]
        return Columns(
            seen.nodes_of, starts, self._node_labels(events, seen), src, dst, relation,
            np.repeat(time_ms, np.diff(starts)) - edge_ms, label, hop, self.value[version], self.words[version],
            seen.ends, np.array([self._relations.get(event.relation, UNKNOWN) for event in events], np.int16), time_ms,
            np.array([value for value, _ in says], np.float64).reshape(len(events), self.schema.slots),
            np.array([words for _, words in says], np.int64),
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

    def columns(self, events: Sequence[Event], caps: Caps) -> Columns:
        """The events' subgraphs, as of each."""
        return self._mirror.walk(events, caps, lambda seen: self._cells.columns(events, seen))

    def past(self, events: Sequence[Event]) -> NDArray[np.float32]:
        """Everything with a long look back, as of each event: [B, P], named by `past_names`."""
        near = self.columns(events, history.LOOK_BACK)
        sums = self._mirror.tally(events, lambda: self._cells.log_value, tallies.LOOK_BACK)
        far = tallies.tallies(sums, near.amount[:, 0])
        return np.concatenate([history.history(near), far], axis=1)


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
