"""Subgraphs as columns: what the features read of them, in flat arrays, and nothing else.

A training set keeps these (about 30 bytes an edge) and computes features a batch at a time, with the
same code that serves.

Shapes: B subgraphs, N nodes and E edges of all of them, K numeric slots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph.model import EdgeUpsert, Event, Scalar, Subgraph, SubgraphEdge
from scoring.schema import FeatureSchema

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
UNKNOWN = -1
LARGEST = 1e15  # ten trillion, in cents: no bank's transfer is larger


_Bits = tuple[str, dict[Scalar, int]]  # an attribute, and the bit of each of its values


class FeatureError(Exception):
    """A subgraph breaks its contract: nothing can be computed from it. A bug of the store, not of the data."""


@dataclass(frozen=True, slots=True)
class Columns:
    """B subgraphs. Nodes and edges of one stand together; src, dst and ends count from its first node.

    Attributes:
        nodes_of: [B + 1] where each subgraph's nodes start.
        edges_of: [B + 1] where its edges start.
        label: [N] number of the node's label, -1 where the schema has none.
        src, dst: [E] nodes.
        relation: [E] number of the relation.
        age_ms: [E] how long before the event.
        known: [E] 1 known fraud, 0 known not, -1 nothing known.
        hop: [E] 1 and up.
        value: [E, K] numeric attributes, absolute; 0 where there is none.
        words: [E] a bit for each of the schema's words the edge has.
        ends: [B, 2] the event's source and target.
        kind: [B] number of the event's relation, -1 where the schema has none.
        time_ms: [B] the event's time.
        amount: [B, K] the event's numeric attributes.
        says: [B] its words.
    """

    nodes_of: Ints
    edges_of: Ints
    label: NDArray[np.int8]
    src: NDArray[np.int32]
    dst: NDArray[np.int32]
    relation: NDArray[np.int16]
    age_ms: Ints
    known: NDArray[np.int8]
    hop: NDArray[np.int8]
    value: Floats
    words: Ints
    ends: NDArray[np.int32]
    kind: NDArray[np.int16]
    time_ms: Ints
    amount: Floats
    says: Ints

    def __len__(self) -> int:
        """How many subgraphs."""
        return len(self.kind)

    def take(self, index: NDArray[np.integer[Any]]) -> Columns:
        """These subgraphs, in this order."""
        nodes_of, nodes = ragged(self.nodes_of, index)
        edges_of, edges = ragged(self.edges_of, index)
        per_edge = (self.src, self.dst, self.relation, self.age_ms, self.known, self.hop, self.value, self.words)
        per_event = (self.ends, self.kind, self.time_ms, self.amount, self.says)
        return Columns(
            nodes_of,
            edges_of,
            self.label[nodes],
            *(column[edges] for column in per_edge),  # type: ignore[arg-type]  # in the order of the fields
            *(column[index] for column in per_event),
        )


def ragged(starts: Ints, index: NDArray[np.integer[Any]]) -> tuple[Ints, Ints]:
    """Rows of the chosen groups, one after the other, and where each group starts among them."""
    size = starts[index + 1] - starts[index]
    begin = np.concatenate([[0], np.cumsum(size)])
    return begin, np.arange(begin[-1]) + np.repeat(starts[index] - begin[:-1], size)


class Reader:
    """Reads subgraphs into columns by one schema."""

    def __init__(self, schema: FeatureSchema) -> None:
        """Number the schema's labels and relations."""
        self.schema = schema
        self._slots = schema.slots
        self._label = {label: number for number, label in enumerate(schema.labels)}
        self._relation = {relation.name: number for number, relation in enumerate(schema.relations)}
        words = _words(schema)
        self._attributes: dict[str, tuple[Sequence[str], Sequence[_Bits]]] = {
            relation.name: (relation.numeric, words.get(relation.name, []))
            for relation in schema.relations
            if relation.numeric or relation.words
        }

    def read(self, subgraphs: Sequence[Subgraph]) -> Columns:
        """Flatten subgraphs.

        Raises:
            FeatureError: an edge names a node that is not listed, or is not older than the event.
        """
        return join([self._one(subgraph) for subgraph in subgraphs], self._slots)

    def _one(self, subgraph: Subgraph) -> Columns:
        event, relation = subgraph.event, self._relation
        edges = [edge for edge in subgraph.edges if edge.relation in relation]
        return Columns(
            np.array([0, len(subgraph.nodes)]),
            np.array([0, len(edges)]),
            np.array([self._label.get(node.partition(":")[0], UNKNOWN) for node in subgraph.nodes], np.int8),
            *_places(subgraph, edges),
            np.array([relation[edge.relation] for edge in edges], np.int16),
            _ages(event, edges),
            np.array([UNKNOWN if edge.label is None else edge.label for edge in edges], np.int8),
            np.array([edge.hop for edge in edges], np.int8),
            *self._said(edges),
            _ends(subgraph),
            np.array([relation.get(event.relation, UNKNOWN)], np.int16),
            np.array([event.time_ms]),
            *self._said([event]),
        )

    def _said(self, edges: Sequence[SubgraphEdge | Event]) -> tuple[Floats, Ints]:
        """Numeric attributes [E, K] and words [E] of edges."""
        values, masks = np.zeros((len(edges), self._slots)), np.zeros(len(edges), np.int64)
        for index, edge in enumerate(edges):
            if edge.relation in self._attributes:
                values[index], masks[index] = self.cells(edge)
        return values, masks

    def cells(self, edge: EdgeUpsert | SubgraphEdge | Event) -> tuple[list[float], int]:
        """Numeric attributes [K] and the words of one edge; a text or a null where a number should be is no number."""
        values, mask = [0.0] * self._slots, 0
        numeric, words = self._attributes.get(edge.relation, ((), ()))
        attributes = edge.attributes
        for slot, name in enumerate(numeric):
            value = attributes.get(name)
            if isinstance(value, int | float):
                values[slot] = min(abs(value), LARGEST) if value == value else 0.0
        for name, bits in words:
            mask |= bits.get(attributes.get(name), 0)
        return values, mask


def _places(subgraph: Subgraph, edges: Sequence[SubgraphEdge]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Where the edges' ends stand among the nodes: [E], [E]."""
    place = {node: index for index, node in enumerate(subgraph.nodes)}
    try:
        return np.array([place[e.src] for e in edges], np.int32), np.array([place[e.dst] for e in edges], np.int32)
    except KeyError as error:
        raise FeatureError(f"event {subgraph.event.id}: node {error} is on an edge but not among the nodes") from error


def _ends(subgraph: Subgraph) -> NDArray[np.int32]:
    event, nodes = subgraph.event, subgraph.nodes
    if event.src not in nodes or event.dst not in nodes:
        raise FeatureError(f"event {event.id}: its own ends {event.src}, {event.dst} are not among the nodes")
    return np.array([[nodes.index(event.src), nodes.index(event.dst)]], np.int32)


def _ages(event: Event, edges: Sequence[SubgraphEdge]) -> Ints:
    age_ms = event.time_ms - np.array([edge.time_ms for edge in edges], np.int64)
    if len(edges) and age_ms.min() <= 0:
        raise FeatureError(f"event {event.id}: edge {edges[int(age_ms.argmin())].owner} is not before the event")
    return age_ms


def _words(schema: FeatureSchema) -> dict[str, list[_Bits]]:
    """Relation → its text attributes, each with the bit of every value."""
    found: dict[str, dict[str, dict[Scalar, int]]] = {}
    for place, (relation, attribute, value) in enumerate(schema.words):
        found.setdefault(relation, {}).setdefault(attribute, {})[value] = 1 << place
    return {relation: list(attributes.items()) for relation, attributes in found.items()}


def join(parts: Sequence[Columns], slots: int = 1) -> Columns:
    """Put columns behind one another."""
    if not parts:
        return _empty(slots)
    if len(parts) == 1:
        return parts[0]
    nodes_of = _starts([part.nodes_of for part in parts])
    edges_of = _starts([part.edges_of for part in parts])
    names = Columns.__slots__[2:]
    return Columns(nodes_of, edges_of, *(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _starts(starts: Sequence[Ints]) -> Ints:
    return np.concatenate([[0], np.cumsum(np.concatenate([np.diff(part) for part in starts]))])


def _empty(slots: int) -> Columns:
    none32, none16, none8 = np.zeros(0, np.int32), np.zeros(0, np.int16), np.zeros(0, np.int8)
    none, values, zero = np.zeros(0, np.int64), np.zeros((0, slots)), np.zeros(1, np.int64)
    per_edge = (none32, none32, none16, none, none8, none8, values, none)
    return Columns(zero, zero, none8, *per_edge, none32.reshape(0, 2), none16, none, values, none)
