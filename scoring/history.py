"""What each end of an event did before it: counts, sums, rhythm and known frauds over a long look back.

A network reads a small neighbourhood; trees and readouts also want "how many, how much, how often" of the two ends
over far more edges. One walk of one hop gives them (`LOOK_BACK` edges of each relation and direction), as of the event.

Shapes: B events, E edges of one hop around them, H features.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from graph.model import Caps
from scoring.columns import Columns
from scoring.frame import DAY_MS, log_one
from scoring.schema import HOUR_MS

LOOK_BACK = Caps((256,))
WINDOWS_MS = np.array([HOUR_MS, DAY_MS, 7 * DAY_MS, 30 * DAY_MS, 2**62], np.int64)
WINDOWS = ("1h", "24h", "7d", "30d", "all")
ENDS, WAYS = ("source", "target"), ("same", "other")
RECENT = 5  # of the known labels, the newest so many
STATS = (
    *(f"count_{window}" for window in WINDOWS), *(f"sum_{window}" for window in WINDOWS), "mean", "spread", "above",
    "above_max", "since_last", "since_last_two", "partners", "partners_7d", "frauds_7d", "frauds_30d", "frauds",
    "legits_7d", "legits_30d", "legits", "fraud_share", "fraud_share_30d", "fraud_share_newest", "since_fraud",
    "since_legit", "fraud_mean_gap",
)  # fmt: skip
NAMES = (
    *(f"{end}_{way}_{stat}" for end in ENDS for way in WAYS for stat in STATS),
    "pair_count", "pair_since", "pair_frauds", "pair_legits",
)  # fmt: skip
NEVER = float(np.log1p(10 * 365 * 24 * 3600))  # log seconds: longer than any history
PRIOR = 2.0  # labels that a share of frauds starts from, none of them fraud
AT = {stat: place for place, stat in enumerate(STATS)}
(MEAN, SPREAD, ABOVE, ABOVE_MAX, LAST, LAST_TWO, PARTNERS, PARTNERS_7D, FRAUDS, LEGITS, SHARE, SINCE_FRAUD,
 SINCE_LEGIT, FRAUD_GAP) = (
    AT[name] for name in ("mean", "spread", "above", "above_max", "since_last", "since_last_two", "partners",
                          "partners_7d", "frauds_7d", "legits_7d", "fraud_share", "since_fraud", "since_legit",
                          "fraud_mean_gap")
)  # fmt: skip
SUMS, PAIR = len(WINDOWS), 4 * len(STATS)


def history(columns: Columns) -> NDArray[np.float32]:
    """The features named `NAMES` of columns that were read with `LOOK_BACK`: [B, H].

    Counts, sums and ages as log(1 + x), ages in seconds. "same" are edges of the event's own relation on which the
    end stands where it stands now, "other" all others. A share of frauds is among the labels known at the moment.
    """
    out = np.zeros((len(columns), len(NAMES)), np.float64)
    _history(
        columns.edges_of, columns.nodes_of, columns.src, columns.dst, columns.relation, columns.age_ms, columns.known,
        np.ascontiguousarray(columns.value[:, 0]), columns.ends, columns.kind,
        np.ascontiguousarray(columns.amount[:, 0]), out,
    )  # fmt: skip
    return out.astype(np.float32)


@njit(cache=True)
def _history(edges_of, nodes_of, src, dst, relation, age_ms, known, value, ends, kind, amount, out):  # type: ignore[no-untyped-def]
    most = 1
    for b in range(len(kind)):
        most = max(most, nodes_of[b + 1] - nodes_of[b])
    met = np.full((4, most, 2), -1, np.int64)
    for b in range(len(kind)):
        row = out[b]
        _begin(row)
        newest = np.zeros((4, 2), np.int64)  # of the newest known labels: how many, how many fraud
        two = np.zeros(4, np.int64)
        gaps = np.zeros((4, 2))
        for edge in range(edges_of[b], edges_of[b + 1]):
            for end in range(2):
                node = ends[b, end]
                if src[edge] != node and dst[edge] != node:
                    continue
                own = relation[edge] == kind[b] and (src[edge] if end == 0 else dst[edge]) == node
                block = 2 * end + (0 if own else 1)
                first = block * len(STATS)
                other = dst[edge] if src[edge] == node else src[edge]
                if met[block, other, 0] != b:
                    met[block, other, 0] = b
                    row[first + PARTNERS] += 1
                if age_ms[edge] <= WINDOWS_MS[2] and met[block, other, 1] != b:
                    met[block, other, 1] = b
                    row[first + PARTNERS_7D] += 1
                _add(row, first, age_ms[edge], value[edge], known[edge], block, newest, two, gaps)
            if relation[edge] == kind[b] and src[edge] == ends[b, 0] and dst[edge] == ends[b, 1]:
                row[PAIR] += 1
                row[PAIR + 1] = min(row[PAIR + 1], log_one(age_ms[edge] / 1000))
                if known[edge] >= 0:
                    row[PAIR + 2 if known[edge] == 1 else PAIR + 3] += 1
        for block in range(4):
            _end(row[block * len(STATS) : (block + 1) * len(STATS)], amount[b], newest[block], gaps[block])
        for at in (PAIR, PAIR + 2, PAIR + 3):
            row[at] = np.log1p(row[at])


@njit(cache=True)
def _begin(row):  # type: ignore[no-untyped-def]
    for block in range(4):
        for at in (LAST, LAST_TWO, SINCE_FRAUD, SINCE_LEGIT):
            row[block * len(STATS) + at] = NEVER
    row[PAIR + 1] = NEVER


@njit(cache=True)
def _add(row, first, age_ms, value, known, block, newest, two, gaps):  # type: ignore[no-untyped-def]
    """One edge of one end, whose stats begin at `first`. Edges come newest first."""
    for window in range(len(WINDOWS_MS)):
        if age_ms <= WINDOWS_MS[window]:
            row[first + window] += 1
            row[first + SUMS + window] += value
    row[first + SPREAD] += value * value
    row[first + ABOVE_MAX] = max(row[first + ABOVE_MAX], value)
    if two[block] < 2:
        row[first + (LAST if two[block] == 0 else LAST_TWO)] = log_one(age_ms / 1000)
        two[block] += 1
    if known < 0:
        return
    labels = first + (FRAUDS if known == 1 else LEGITS)
    for place in range(3):
        if age_ms <= WINDOWS_MS[2 + place]:
            row[labels + place] += 1
    at = first + (SINCE_FRAUD if known == 1 else SINCE_LEGIT)
    row[at] = min(row[at], log_one(age_ms / 1000))
    if newest[block, 0] < RECENT:
        newest[block, 0] += 1
        newest[block, 1] += known
    if known == 1:
        gaps[block, 0] += 1
        gaps[block, 1] += value


@njit(cache=True)
def _end(part, amount, newest, gaps):  # type: ignore[no-untyped-def]
    """Sums to features."""
    count, total = part[len(WINDOWS_MS) - 1], part[SUMS + len(WINDOWS_MS) - 1]
    mean = total / count if count else 0.0
    spread = np.sqrt(max(part[SPREAD] / count - mean * mean, 0.0)) if count else 0.0
    part[SHARE] = part[FRAUDS + 2] / (part[FRAUDS + 2] + part[LEGITS + 2] + PRIOR)
    part[SHARE + 1] = part[FRAUDS + 1] / (part[FRAUDS + 1] + part[LEGITS + 1] + PRIOR)
    part[SHARE + 2] = newest[1] / (newest[0] + PRIOR)
    part[FRAUD_GAP] = np.log1p(amount) - np.log1p(gaps[1] / gaps[0]) if gaps[0] else 0.0
    part[ABOVE] = (amount - mean) / spread if spread > 0 else 0.0
    part[ABOVE] = min(max(part[ABOVE], -20.0), 20.0)
    part[ABOVE_MAX] = np.log1p(amount) - np.log1p(part[ABOVE_MAX]) if count else 0.0
    part[MEAN], part[SPREAD] = np.log1p(mean), np.log1p(spread)
    for at in range(2 * len(WINDOWS_MS)):
        part[at] = np.log1p(part[at])
    for at in (PARTNERS, PARTNERS_7D, FRAUDS, FRAUDS + 1, FRAUDS + 2, LEGITS, LEGITS + 1, LEGITS + 2):
        part[at] = np.log1p(part[at])
