"""What an edge is to the event: its amounts, age, label and kinship. Compiled: one pass.

Shapes: B subgraphs, E edges, K numeric slots.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from scoring.columns import Columns
from scoring.frame import DAY_MS, log_one, seconds_log
from scoring.schema import HOUR_MS

CLOSE, AGE, AGE_1H, AGE_24H, FRAUD, LEGIT, HOP_FAR, SAME_HOUR, SAME_PAIR = range(9)  # behind the amounts
OWN = 9


def edge_features(columns: Columns, words: int) -> NDArray[np.float32]:
    """The features of every edge, as `FeatureSchema.edges` names them: [E, A]."""
    out = np.zeros((len(columns.src), columns.value.shape[1] + OWN + words), np.float32)
    _fill(
        columns.edges_of, columns.src, columns.dst, columns.age_ms, columns.known, columns.hop, columns.value,
        columns.words, columns.ends, columns.time_ms, columns.amount, words, out,
    )  # fmt: skip
    return out


@njit(cache=True)
def _fill(edges_of, src, dst, age_ms, known, hop, value, said, ends, time_ms, amount, words, out):  # type: ignore[no-untyped-def]
    slots = value.shape[1]
    for b in range(len(edges_of) - 1):
        own, hour = log_one(amount[b, 0]), time_ms[b] // HOUR_MS % 24
        for edge in range(edges_of[b], edges_of[b + 1]):
            row, age, first = out[edge], age_ms[edge], 0.0
            for slot in range(slots):
                if value[edge, slot] > 0:
                    logged = log_one(value[edge, slot])
                    row[slot] = logged
                    first = logged if slot == 0 else first
            part = row[slots:]
            if own > 0 and first > 0:
                part[CLOSE] = np.exp(-abs(first - own))
            part[AGE] = seconds_log(age)
            part[AGE_1H], part[AGE_24H] = age <= HOUR_MS, age <= DAY_MS
            part[FRAUD], part[LEGIT] = known[edge] == 1, known[edge] == 0
            part[HOP_FAR] = hop[edge] > 1
            part[SAME_HOUR] = hour == (time_ms[b] - age) // HOUR_MS % 24
            part[SAME_PAIR] = src[edge] == ends[b, 0] and dst[edge] == ends[b, 1]
            for word in range(words):
                part[OWN + word] = said[edge] >> word & 1
