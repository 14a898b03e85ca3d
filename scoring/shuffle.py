"""The edge-shuffle control: the same events with each other's neighbourhoods, so that no graph is left to read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scoring.columns import Columns, Ints

SEED = 0  # of the exchange, wherever one control is compared with another run of it


def shuffled(columns: Columns, seed: int) -> Columns:
    """Give each event the whole neighbourhood of another event of its relation.

    What survives: every event's own row (relation, time, amounts, words); the set of neighbourhoods of each
    relation, each exactly once and unaltered inside (nodes, edges, ages before the event, known labels, which node
    is source and which target), and so each mean and spread a feature has over a relation's events. What does not:
    whose neighbourhood it is, so everything an event's accounts did before it, counts and delayed labels included,
    and every feature that compares the event with its past. A model that gains from neighbourhoods shuffled like
    this, in training and test alike, gains from its own row, or from capacity.

    Not destroyed: an event that is alone of its relation keeps its own; and two events of one account may be
    given each other's (one in as many as there are events of the relation).

    Args:
        columns: subgraphs [B] of one part; shuffle training, calibration and test each by themselves, so that
            nothing passes from one to the other.
        seed: of the exchange.
    """
    donor = derangement(columns.kind.astype(np.int64), np.random.default_rng(seed))
    given = columns.take(donor)
    return replace(given, kind=columns.kind, time_ms=columns.time_ms, amount=columns.amount, says=columns.says)


def derangement(kind: Ints, generator: np.random.Generator) -> Ints:
    """For each event [B] another of the same kind, each given once: every kind in a ring of random order."""
    if not len(kind):
        return np.zeros(0, np.int64)
    ring = generator.permutation(len(kind))
    ring = ring[np.argsort(kind[ring], kind="stable")]
    following = np.roll(ring, -1)
    starts = np.flatnonzero(np.diff(kind[ring], prepend=kind[ring[:1]] - 1))
    ends = np.append(starts[1:], len(ring)) - 1
    following[ends] = ring[starts]  # the last of a kind takes from its first, not from the next kind's
    donor = np.empty_like(ring)
    donor[ring] = following
    return donor
