"""An event network whose whole forward pass is compiled loops and BLAS products: what scores fastest on a CPU.

Shapes: B events; N nodes and E edges of all of them; F node features, V event features, H hidden, W readout's inputs.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from numba import njit
from torch import Tensor, nn

from scoring.core.batch import GraphBatch
from scoring.core.kernels import FAST, Array, Slots, Weights, convolve, sort_edges, told
from scoring.core.network import EventNetwork
from scoring.core.scaling import Standardise
from scoring.core.serving import Layer, layers_of

PIECE_NODES = 2_048  # 130 nodes an event: 16 events, whose states and messages (2 MB) stay in a core's cache


class CompiledNetwork:
    """Computes what an `EventNetwork` computes, in evaluation, on one CPU thread; its weights are copies.

    BLAS takes as many threads as it is allowed (`threadpoolctl`); one is best.
    """

    def __init__(self, network: EventNetwork) -> None:
        """Take the weights of a network.

        Raises:
            NotServable: the architecture has more than layers, see `serving`.
        """
        layers = layers_of(network)
        self._relations = network.architecture.relations
        self._nodes, self._attributes, self._event = (
            _scaling(part) for part in (network.scale_nodes, network.scale_attributes, network.scale_event)
        )
        self._layers = [_weights(layer) for layer in layers]
        first, last = (cast(nn.Linear, network.readout[at]) for at in (0, -1))
        self._readout = _plain(first.weight.t()), _plain(first.bias), _plain(last.weight[0]), _plain(last.bias)

    def logits(self, batch: GraphBatch) -> Tensor:
        """Score a batch: [B].

        Raises:
            ValueError: a part has another shape than the network or the rest of the batch has.
            IndexError: an edge, an end or a node names what the batch does not have.
        """
        self._check(batch)
        x, attributes, event = (_plain(part) for part in (batch.x, batch.attributes, batch.event))
        edges, relation, ends, graph = (
            np.ascontiguousarray(part.numpy()) for part in (batch.edges, batch.relation, batch.ends, batch.graph)
        )
        if not _within(edges, relation, ends, graph, (len(x), self._relations, len(event))):
            raise IndexError(f"the batch names a node, a relation or an event it has not: {len(x)} nodes")
        out = np.empty(len(event), np.float32)
        at = _pieces(edges[0], edges[1], ends, graph, PIECE_NODES)  # [K + 1, 3]
        for (b, n, e), (b2, n2, e2) in zip(at[:-1].tolist(), at[1:].tolist(), strict=True):
            slots = sort_edges(edges[0, e:e2] - n, edges[1, e:e2] - n, relation[e:e2], n2 - n, self._relations)
            said = told(_standardise(attributes[e:e2], *self._attributes), slots)
            row = self._rows(x[n:n2], said, slots, ends[b:b2] - n, graph[n:n2] - b)
            row[:, : event.shape[1]] = _standardise(event[b:b2], *self._event)
            _decide(row, *self._readout, out[b:b2])
        return torch.from_numpy(out)

    def _rows(self, x: Array, said: Array, slots: Slots, ends: Array, graph: Array) -> Array:
        """What the readout sees, the event's own features still left out: [B, W]."""
        row = np.empty((len(ends), self._readout[0].shape[0]), np.float32)
        state, used = _standardise(x, *self._nodes), len(self._event[0])
        for weights in self._layers:
            used = _read_ends(state, ends, row, used)
            state = convolve(state, said, slots, weights)
        used = _read_ends(state, ends, row, used)
        _pool(state, graph, row[:, used:])
        return row

    def _check(self, batch: GraphBatch) -> None:
        """Refuse shapes that do not fit: compiled loops would read and write beside their arrays."""
        events, nodes, edges = len(batch), len(batch.x), len(batch.relation)
        widths = (len(mean) for mean, _ in (self._nodes, self._attributes, self._event))
        rows = ((nodes, batch.x), (edges, batch.attributes), (events, batch.event))
        wanted: list[tuple[tuple[int, ...], tuple[int, ...]]]
        wanted = [(tuple(part.shape), (many, width)) for (many, part), width in zip(rows, widths, strict=True)]
        wanted += [(tuple(batch.edges.shape), (2, edges)), (tuple(batch.ends.shape), (events, 2))]
        wanted += [(tuple(batch.graph.shape), (nodes,)), (tuple(batch.relation.shape), (edges,))]
        for found, want in wanted:
            if found != want:
                raise ValueError(f"a part of the batch is {found}, it must be {want}: make it for this network")


def _weights(layer: Layer) -> Weights:
    relation = _plain(torch.cat([layer.nodes, layer.attributes], dim=1))  # [R, F + A, H]
    root, bias, gain, shift = map(_plain, (layer.root, layer.bias, layer.norm.weight, layer.norm.bias))
    return Weights(relation, root, bias, gain, shift, np.float32(layer.norm.eps))


def _plain(tensor: Tensor) -> Array:
    return np.ascontiguousarray(tensor.detach().numpy(), np.float32)


def _scaling(part: Standardise) -> tuple[Array, Array]:
    return _plain(part.mean), _plain(part.spread)


@njit(cache=True)
def _within(edges: Array, relation: Array, ends: Array, graph: Array, limits: tuple[int, int, int]) -> bool:
    """Whether all numbers are below how many nodes, relations and events there are: compiled loops do not look."""
    for part, limit in ((edges, limits[0]), (ends, limits[0])):
        for value in part.flat:
            if value < 0 or value >= limit:
                return False
    for line, limit in ((relation, limits[1]), (graph, limits[2])):
        for value in line:
            if value < 0 or value >= limit:
                return False
    return True


@njit(cache=True)
def _pieces(source: Array, target: Array, ends: Array, graph: Array, room: int) -> Array:
    """Where to cut a batch into pieces of about this many nodes: the first event, node and edge of each, [K + 1, 3].

    One piece where nodes or edges of events are not in the events' order.
    """
    cut, pieces, node, edge = np.zeros((len(ends) + 1, 3), np.int64), 0, 0, 0
    for event in range(len(ends)):
        while node < len(graph) and graph[node] == event:
            node += 1
        while edge < len(source) and graph[source[edge]] == event and graph[target[edge]] == event:
            edge += 1
        if graph[ends[event, 0]] != event or graph[ends[event, 1]] != event:
            break
        if node - cut[pieces, 1] >= room or event == len(ends) - 1:
            pieces += 1
            cut[pieces] = event + 1, node, edge
    if cut[pieces, 0] < len(ends) or node < len(graph) or edge < len(source):
        pieces = 1
        cut[1] = len(ends), len(graph), len(source)
    return cut[: pieces + 1]


@njit(cache=True, fastmath=FAST)
def _standardise(x: Array, mean: Array, spread: Array) -> Array:
    """See `Standardise`: [*, F]."""
    out, share = np.empty_like(x), np.float32(1) / spread
    for row in range(len(x)):
        for j in range(x.shape[1]):
            value = (x[row, j] - mean[j]) * share[j]
            out[row, j] = np.float32(8) if value > 8 else np.float32(-8) if value < -8 else value
    return out


@njit(cache=True)
def _read_ends(state: Array, ends: Array, row: Array, at: int) -> int:
    """Put what states say of both ends into the rows; returns where the next part begins."""
    width: int = state.shape[1]
    for event in range(len(ends)):
        for side in range(2):
            for j in range(width):
                row[event, at + side * width + j] = state[ends[event, side], j]
    return at + 2 * width


@njit(cache=True, fastmath=FAST)
def _pool(state: Array, graph: Array, out: Array) -> None:
    """Mean and maximum of states [N, H], which are 0 and up, over each graph: into [B, 2H]."""
    width, size = state.shape[1], np.zeros(len(out), np.float32)
    out[:] = 0
    for node in range(len(state)):
        row, said = out[graph[node]], state[node]
        size[graph[node]] += 1
        for j in range(width):
            row[j] += said[j]
            row[width + j] = max(row[width + j], said[j])
    for event in range(len(out)):
        for j in range(width):
            out[event, j] /= max(size[event], np.float32(1))


@njit(cache=True, fastmath=FAST)
def _decide(row: Array, first: Array, bias: Array, last: Array, base: Array, out: Array) -> None:
    """The readout: two linear maps, a relu between them."""
    middle = np.dot(row, first)
    for event in range(len(row)):
        total = base[0]
        for j in range(len(bias)):
            value = middle[event, j] + bias[j]
            total += np.float32(0) if value < 0 else value * last[j]
        out[event] = total
