"""One line of memory for each edge with what a walk or a tally asks of it: its ends, and where it and its label stand.

Nearly every edge has one version and one label, neither of them closed. Of those a line says everything, where the
arrays of an `Adjacency` would be looked up in twenty places; of all others it says that they must be.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from graph.adjacency_arrays import NONE, Graph, aligned, wider

WIDTH = 8  # 64 bytes, what a processor fetches at once
ROW = f"{WIDTH}i8"
KNOWN_MS, LOG, OFFSET, SAID_MS, SAID_LOG, SAID_OFFSET, OWNER, ENDS = range(WIDTH)
SILENT, ASK = -1, -2  # what is said: no label; more than one, or one that was closed. KNOWN_MS of ASK: a closed edge
SOURCES = 1 << 10  # beside a log's 52 bits
LABEL_WINDOWED, WINDOWED, SAYS, BITS = 1, 2, 2, 4  # below the owner's number: two flags, and two bits of what is said
SAID = 3 << SAYS
HALF, LOW = 32, (1 << 32) - 1  # ENDS is the source in the upper half, and the target


class Lines:
    """Lines by the number of a version."""

    def __init__(self) -> None:
        """None yet."""
        self.rows: NDArray[np.int64] = aligned(64, ROW)
        self._version = np.full(64, NONE, np.int64)  # by owner: its one version; ASK where it has had several

    def owner(self, number: int) -> None:
        """A new owner has this number."""
        if number >= len(self._version):
            self._version = np.concatenate([self._version, np.full(number + 64, NONE, np.int64)])
        self._version[number] = NONE

    def edge(self, graph: Graph, version: int, ends: tuple[int, int], owner: int, windowed: bool) -> None:
        """A version is new; its owner's earlier one is no longer alone."""
        if version >= len(self.rows):
            self.rows = wider(self.rows, 2 * version, ROW)
        row, before = self.rows[version], int(self._version[owner])
        row[ENDS] = ends[0] << HALF | ends[1]
        row[OWNER] = owner << BITS | WINDOWED * windowed
        if before != NONE:
            row[KNOWN_MS] = ASK
            if before != ASK:
                self.rows[before, KNOWN_MS] = ASK
            self._version[owner] = ASK
            return
        self._version[owner] = version
        row[KNOWN_MS], row[LOG], row[OFFSET] = _where(graph, int(graph.versions.place[version]))
        self.label(graph, owner)

    def closed(self, graph: Graph, version: int) -> None:
        """What ends a version may have come."""
        if graph.versions.closed[version] != NONE or graph.versions.floored[version] != NONE:
            self.rows[version, KNOWN_MS] = ASK

    def label(self, graph: Graph, owner: int) -> None:
        """What is said of an owner has changed."""
        version = int(self._version[owner])
        if version < 0:
            return
        row, at, labels, says, windowed = self.rows[version], int(graph.owners.label[owner]), graph.labels, SILENT, 0
        if at != NONE:
            says = ASK
            if labels.next[at] == NONE and labels.closed[at] == NONE and labels.floored[at] == NONE:
                says, windowed = int(labels.fraud[at]), LABEL_WINDOWED * int(labels.windowed[at])
                row[SAID_MS], row[SAID_LOG], row[SAID_OFFSET] = _where(graph, int(labels.place[at]))
        row[OWNER] = int(row[OWNER]) & ~(SAID | LABEL_WINDOWED) | says - ASK << SAYS | windowed


def _where(graph: Graph, place: int) -> tuple[int, int, int]:
    """When something was committed, its log with its source, and its offset; what does not fit has to be asked."""
    places = graph.places
    source, log, offset = int(places.source[place]), int(places.log[place]), int(places.offset[place])
    fits = source < SOURCES and offset < 1 << 63
    return int(places.known_ms[place]), log * SOURCES + source if fits else ASK, offset if fits else 0


@njit(cache=True)
def stands(known_ms, log, offset, time_ms, event_log, event_offset):  # type: ignore[no-untyped-def]
    """Whether something was known to an event: 1 yes, 0 no, ASK where the rows in the log have to be compared."""
    if known_ms > time_ms:
        return 0
    if log < 0:
        return ASK
    if event_log < 0 or log % SOURCES != event_log % SOURCES:
        return 1
    if log != event_log:
        return 1 if log < event_log else 0
    if offset != event_offset:
        return 1 if offset < event_offset else 0
    return ASK


@njit(cache=True)
def sees(lines, version, owner, hidden, time_ms, log, offset):  # type: ignore[no-untyped-def]
    """Whether an event sees an edge: 1 yes, 0 no, ASK the arrays. `hidden`: it lies behind the horizon."""
    if lines[version, KNOWN_MS] == ASK:
        return ASK
    if lines[version, OWNER] >> BITS == owner or (hidden and lines[version, OWNER] & WINDOWED):
        return 0
    return stands(lines[version, KNOWN_MS], lines[version, LOG], lines[version, OFFSET], time_ms, log, offset)


@njit(cache=True)
def hears(lines, version, horizon_ms, time_ms, log, offset):  # type: ignore[no-untyped-def]
    """What an event knows of an edge it sees: 1 fraud, 0 not, SILENT nothing, ASK the arrays."""
    owner = lines[version, OWNER]
    said = ((owner & SAID) >> SAYS) + ASK
    if lines[version, KNOWN_MS] == ASK or said == ASK:
        return ASK
    if said == SILENT or (owner & LABEL_WINDOWED and lines[version, SAID_MS] < horizon_ms):
        return SILENT
    told = stands(lines[version, SAID_MS], lines[version, SAID_LOG], lines[version, SAID_OFFSET], time_ms, log, offset)
    if told == ASK:
        return ASK
    return said if told == 1 else SILENT
