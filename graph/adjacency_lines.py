"""One line of memory for each edge with what a tally asks of it: where it and its label stand in the log.

Nearly every edge has one version and one label, neither of them closed. Of those a line says everything, where the
arrays of an `Adjacency` would be looked up in twenty places; of all others it says that they must be.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from graph.adjacency_arrays import NONE, Graph

WIDTH = 8  # 64 bytes, what a processor fetches at once
KNOWN_MS, LOG, OFFSET, SAYS, SAID_MS, SAID_LOG, SAID_OFFSET, OWNER = range(WIDTH)
SILENT, ASK = -1, -2  # in SAYS: no label; more than one, or one that was closed. KNOWN_MS of ASK: a closed edge
SOURCES = 1 << 10  # beside a log's 52 bits
WINDOWED, LABEL_WINDOWED = 2, 1  # bits below the owner's number


class Lines:
    """Lines by the number of a version."""

    def __init__(self) -> None:
        """None yet."""
        self.rows: NDArray[np.int64] = np.full((64, WIDTH), ASK, np.int64)
        self._version = np.full(64, NONE, np.int64)  # by owner: its one version; ASK where it has had several

    def owner(self, number: int) -> None:
        """A new owner has this number."""
        if number >= len(self._version):
            self._version = np.concatenate([self._version, np.full(number + 64, NONE, np.int64)])
        self._version[number] = NONE

    def edge(self, graph: Graph, version: int) -> None:
        """A version is new; its owner's earlier one is no longer alone."""
        if version >= len(self.rows):
            more = np.full((version + 64, WIDTH), ASK, np.int64)
            self.rows = np.concatenate([self.rows, more])
        owner, row = int(graph.versions.owner[version]), self.rows[version]
        before = int(self._version[owner])
        if before != NONE:
            row[KNOWN_MS] = ASK
            if before != ASK:
                self.rows[before, KNOWN_MS] = ASK
            self._version[owner] = ASK
            return
        self._version[owner] = version
        place = int(graph.versions.place[version])
        row[KNOWN_MS], row[LOG], row[OFFSET] = _where(graph, place)
        row[OWNER] = owner << 2 | WINDOWED * int(graph.versions.windowed[version])
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
        row, at, labels = self.rows[version], int(graph.owners.label[owner]), graph.labels
        row[OWNER] &= ~LABEL_WINDOWED
        if at == NONE:
            row[SAYS] = SILENT
        elif labels.next[at] != NONE or labels.closed[at] != NONE or labels.floored[at] != NONE:
            row[SAYS] = ASK
        else:
            row[SAYS], row[OWNER] = labels.fraud[at], row[OWNER] | LABEL_WINDOWED * int(labels.windowed[at])
            row[SAID_MS], row[SAID_LOG], row[SAID_OFFSET] = _where(graph, int(labels.place[at]))


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
    if lines[version, OWNER] >> 2 == owner or (hidden and lines[version, OWNER] & WINDOWED):
        return 0
    return stands(lines[version, KNOWN_MS], lines[version, LOG], lines[version, OFFSET], time_ms, log, offset)


@njit(cache=True)
def hears(lines, version, horizon_ms, time_ms, log, offset):  # type: ignore[no-untyped-def]
    """What an event knows of an edge it sees: 1 fraud, 0 not, SILENT nothing, ASK the arrays."""
    said = lines[version, SAYS]
    if lines[version, KNOWN_MS] == ASK or said == ASK:
        return ASK
    if said == SILENT or (lines[version, OWNER] & LABEL_WINDOWED and lines[version, SAID_MS] < horizon_ms):
        return SILENT
    told = stands(lines[version, SAID_MS], lines[version, SAID_LOG], lines[version, SAID_OFFSET], time_ms, log, offset)
    if told == ASK:
        return ASK
    return said if told == 1 else SILENT
