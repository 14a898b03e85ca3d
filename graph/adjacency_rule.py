"""The rule of what an event may see, compiled: what is asked where a line does not say it (graph/asof.py has it plain).

Numba compiles it once and keeps the result beside this file.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from graph.adjacency_lines import (
    ASK,
    AT,
    CUT_AT,
    CUT_MS,
    ENDS,
    FRAUD,
    INFO,
    LAST,
    LATER,
    LOG,
    LOGS,
    LOW,
    OWN,
    PART,
    SILENT,
    TIME_MS,
    WINDOWED,
    earlier,
)


@njit(cache=True)
def _before(logs, log, at, known_ms, cuts, b):  # type: ignore[no-untyped-def]
    """Whether what stands there was known to the event: committed by its time, and before it in its own log."""
    if known_ms > cuts[b, CUT_MS]:
        return False
    if log == cuts[b, PART]:
        return at < cuts[b, CUT_AT]
    return earlier(logs, log, cuts, b)


@njit(cache=True)
def where(graph, lines, number):  # type: ignore[no-untyped-def]
    """The part of the log that a version stands in, where in it, and when it became known."""
    info = lines[number, INFO]
    if info & ASK:
        row, several = lines[number, AT], graph.several
        return np.int64(several.log[row]), several.at[row], several.known_ms[row]
    return info >> LOG & LOGS, lines[number, AT], lines[number, TIME_MS] + (info >> LATER)


@njit(cache=True)
def _counts(graph, lines, number, cuts, b):  # type: ignore[no-untyped-def]
    """Known by then, and neither closed nor emptied by then."""
    log, at, known_ms = where(graph, lines, number)
    if not _before(graph.logs, log, at, known_ms, cuts, b):
        return False
    if not lines[number, INFO] & ASK:
        return True
    places, row = graph.places, lines[number, AT]
    for end in (graph.several.closed[row], graph.several.floored[row]):
        if end >= 0 and _before(graph.logs, np.int64(places.log[end]), places.at[end], places.known_ms[end], cuts, b):
            return False
    return True


@njit(cache=True)
def later(logs, ranks, log_a, at_a, log_b, at_b):  # type: ignore[no-untyped-def]
    """Whether one position sorts behind another as their tokens do; sources by their rank."""
    if log_a == log_b:
        return at_a > at_b
    if logs[log_a, 0] != logs[log_b, 0]:
        return ranks[logs[log_a, 0]] > ranks[logs[log_b, 0]]
    if logs[log_a, 1] != logs[log_b, 1]:
        return logs[log_a, 1] > logs[log_b, 1]
    return logs[log_a, 2] > logs[log_b, 2]


@njit(cache=True)
def owner_of(several, lines, version):  # type: ignore[no-untyped-def]
    """The number of the first version of the same owner: by that labels speak of it."""
    return np.int64(several.owner[lines[version, AT]]) if lines[version, INFO] & ASK else np.int64(version)


@njit(cache=True)
def label(graph, lines, ranks, horizon_ms, version, cuts, b):  # type: ignore[no-untyped-def]
    """What was known of an edge's event then: the label known last, of those the one that stands last."""
    labels, at = graph.labels, int(graph.told[owner_of(graph.several, lines, version)])
    best = -1
    best_log, best_at, best_ms = 0, 0, 0
    while at >= 0:
        log, place, known_ms = where(graph, labels, at)
        hidden = labels[at, INFO] & WINDOWED and known_ms < horizon_ms
        if not hidden and _counts(graph, labels, at, cuts, b):
            newer = best < 0 or known_ms > best_ms
            if newer or (known_ms == best_ms and later(graph.logs, ranks, log, place, best_log, best_at)):
                best, best_log, best_at, best_ms = at, log, place, known_ms
        following = labels[at, ENDS] & LOW
        at = -1 if following == LAST else following
    if best < 0:
        return SILENT
    return 1 if labels[best, INFO] & FRAUD else 0


@njit(cache=True)
def seen(graph, lines, version, horizon_ms, cuts, b):  # type: ignore[no-untyped-def]
    """Whether the event sees an edge of which its line does not say everything."""
    if lines[version, INFO] & WINDOWED and lines[version, TIME_MS] < horizon_ms:
        return False
    if owner_of(graph.several, lines, version) == cuts[b, OWN]:
        return False
    return _counts(graph, lines, version, cuts, b)


@njit(cache=True)
def older(pool, lines, start, size, time_ms):  # type: ignore[no-untyped-def]
    """How many cells of a slot are strictly before a time; found from its end, where events nearly always are."""
    step, high = 1, size
    while step <= high and lines[pool[start + high - step], TIME_MS] >= time_ms:
        high -= step
        step *= 2
    low = max(high - step + 1, 0)
    while low < high:
        middle = (low + high) // 2
        if lines[pool[start + middle], TIME_MS] < time_ms:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True)
def frauds(graph, lines, ranks, horizon_ms, version, cuts, out):  # type: ignore[no-untyped-def]
    """Write 1 into `out` for each version that the one event sees and knows to be fraud."""
    for at in range(len(version)):
        if seen(graph, lines, version[at], horizon_ms, cuts, 0):
            out[at] = label(graph, lines, ranks, horizon_ms, version[at], cuts, 0) == 1
