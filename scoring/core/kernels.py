"""Loops that numba compiles for the compiled network: sort edges by slot, average, multiply, normalise.

Shapes: N nodes, E edges (each sends both ways), F inputs, A edge attributes, M = F + A, R relations both ways counted,
H outputs, S slots, a slot being a (relation, target) pair that at least one edge feeds.

No [E, M] message is laid down: a slot's mean is summed up from the nodes' rows, relation by relation, so that what is
multiplied next still lies in the cache. Numba keeps what it compiled beside this file.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

Array = np.ndarray[Any, Any]
# Sums may be taken in any order, and divisions as products; what is not a number stays one.
FAST = {"reassoc", "contract", "arcp", "nsz"}


class Slots(NamedTuple):
    """Edges sorted by slot, slots by relation.

    Attributes:
        source: [2E] the node each message comes from.
        edge: [2E] the edge it goes along.
        starts: [S + 1] where each slot's messages start.
        target: [S] the node a slot belongs to.
        kinds: [R + 1] where each relation's slots start.
    """

    source: Array
    edge: Array
    starts: Array
    target: Array
    kinds: Array


class Weights(NamedTuple):
    """Of a layer: of each relation [R, M, H], root [F, H], bias, and the norm's gain and shift [H] and epsilon."""

    relation: Array
    root: Array
    bias: Array
    gain: Array
    shift: Array
    epsilon: np.float32


@njit(cache=True)
def sort_edges(source: Array, target: Array, relation: Array, nodes: int, relations: int) -> Slots:
    """Count edges [E] and their reverses into slots of N nodes; R / 2 is `relations`."""
    edges = len(relation)
    fed = np.zeros(2 * relations * nodes, np.int32)
    for e in range(edges):
        fed[relation[e] * nodes + target[e]] += 1
        fed[(relation[e] + relations) * nodes + source[e]] += 1
    used = np.count_nonzero(fed)
    slots = Slots(
        np.empty(2 * edges, np.int32),
        np.empty(2 * edges, np.int32),
        np.empty(used + 1, np.int32),
        np.empty(used, np.int32),
        np.empty(2 * relations + 1, np.int32),
    )
    _lay_out(fed, nodes, slots)
    for e in range(edges):
        _put(slots, fed, relation[e] * nodes + target[e], source[e], e)
        _put(slots, fed, (relation[e] + relations) * nodes + source[e], target[e], e)
    return slots


@njit(cache=True)
def _lay_out(fed: Array, nodes: int, slots: Slots) -> None:
    """Turn counts [R*N] into where each slot's messages start, and note the slots."""
    slot = at = 0
    for kind in range(len(slots.kinds) - 1):
        slots.kinds[kind] = slot
        for node in range(nodes):
            count = fed[kind * nodes + node]
            if count:
                slots.starts[slot], slots.target[slot] = at, node
                fed[kind * nodes + node] = at
                at += count
                slot += 1
    slots.kinds[-1], slots.starts[slot] = slot, at


@njit(cache=True)
def _put(slots: Slots, free: Array, slot: int, node: int, edge: int) -> None:
    at = free[slot]
    slots.source[at], slots.edge[at] = node, edge
    free[slot] = at + 1


@njit(cache=True, fastmath=FAST)
def average(x: Array, row: Array, starts: Array, out: Array) -> None:
    """Mean of rows x[row[starts[s]:starts[s + 1]]] of each slot s, into the first columns of out[s].

    A loop over slots in here, not a call for each: that took four times as long.
    """
    width = x.shape[1]
    for slot in range(len(starts) - 1):
        start, stop, mean = starts[slot], starts[slot + 1], out[slot]
        first = x[row[start]]
        for j in range(width):
            mean[j] = first[j]
        for at in range(start + 1, stop):
            more = x[row[at]]
            for j in range(width):
                mean[j] += more[j]
        if stop - start > 1:
            share = np.float32(1) / np.float32(stop - start)
            for j in range(width):
                mean[j] *= share


@njit(cache=True)
def told(attributes: Array, slots: Slots) -> Array:
    """Mean attributes of each slot [S, A], the same for every layer."""
    out = np.empty((len(slots.target), attributes.shape[1]), np.float32)
    average(attributes, slots.edge, slots.starts, out)
    return out


@njit(cache=True, fastmath=FAST)
def convolve(x: Array, said: Array, slots: Slots, weights: Weights) -> Array:
    """One layer over states [N, F] and mean attributes [S, A], norm and relu behind it: [N, H]."""
    inputs, kinds = x.shape[1], slots.kinds
    out = np.dot(x, weights.root)
    most = np.diff(kinds).max()
    mean = np.empty((most, inputs + said.shape[1]), np.float32)
    product = np.empty((most, out.shape[1]), np.float32)
    for kind in range(len(kinds) - 1):
        first, last = kinds[kind], kinds[kind + 1]
        if first == last:
            continue
        average(x, slots.source, slots.starts[first : last + 1], mean)
        _beside(mean, inputs, said[first:last])
        np.dot(mean[: last - first], weights.relation[kind], product[: last - first])
        _add(product, slots.target[first:last], out)
    _normalise(out, weights)
    return out  # type: ignore[no-any-return]  # numpy types no BLAS product of Any


@njit(cache=True)
def _beside(mean: Array, at: int, said: Array) -> None:
    for row in range(len(said)):
        for j in range(said.shape[1]):
            mean[row, at + j] = said[row, j]


@njit(cache=True)
def _add(product: Array, target: Array, out: Array) -> None:
    for slot in range(len(target)):
        to, part = out[target[slot]], product[slot]
        for j in range(out.shape[1]):
            to[j] += part[j]


@njit(cache=True, fastmath=FAST)
def _normalise(x: Array, weights: Weights) -> None:
    """Add the bias, then layer norm (Ba et al. 2016) and relu, in place."""
    bias, gain, shift, width = weights.bias, weights.gain, weights.shift, x.shape[1]
    share = np.float32(1) / np.float32(width)
    for node in range(len(x)):
        row = x[node]
        total = spread = np.float32(0)
        for j in range(width):
            row[j] += bias[j]
        for j in range(width):
            total += row[j]
        mean = total * share
        for j in range(width):
            spread += (row[j] - mean) * (row[j] - mean)
        scale = np.float32(1) / np.sqrt(spread * share + weights.epsilon)
        for j in range(width):
            value = (row[j] - mean) * scale * gain[j] + shift[j]
            row[j] = np.float32(0) if value < 0 else value
