"""One line of memory for each edge and each label: when it was, where it stands in its log, what it is between.

Nearly every edge and label has one version, which nothing has closed. Of those a line says everything there is to say;
of all others it says where to ask. Two lines are what a processor fetches at once.
"""

from __future__ import annotations

from numba import njit

from graph.adjacency_arrays import NONE

WIDTH = 4  # 32 bytes
ROW = f"{WIDTH}i8"
TIME_MS, AT, ENDS, INFO = range(WIDTH)
"""TIME_MS is when an edge was, of a label when it became known. AT is where it stands in its part of a log, of what has
to be asked the row of `Several`. ENDS are the source in the upper half and the target; of a label the edge it speaks
of and a further label of that. INFO are flags, above them the part of the log, above that how much later than TIME_MS
it became known.
"""
HALF, LOW = 32, (1 << 32) - 1
LAST = LOW  # in a lower half: there is no further label
WINDOWED, ASK, HERE, CHAINED, GOING = 1, 2, 4, 8, 16
LABELLED = FRAUD = 32
"""WINDOWED: the retention horizon hides it when it is old. ASK: the line does not say everything. HERE: a version is in
the line; a number without is an owner's whose edge is not. CHAINED: its owner has, or had, more than this version.
GOING: it is being taken out of its slots. LABELLED: labels speak of the edge. FRAUD: what a label says.
"""
LOG, LOGS = 8, (1 << 22) - 1  # the part of the log begins at this bit, and has as many
LATER = 30  # and at this bit the milliseconds begin
MOST_LATER = 1 << 33
SILENT, UNSAID = -1, -2  # what is said of an edge: nothing; the arrays have to be asked

NO_PLACE = -2  # a cut of something not committed yet: only the time is compared
SRC, DST, OWN, CUT_MS, SOURCE, CUT_LOG, HIGH, CUT_AT, PART = range(9)
"""Cuts are [B, 9] events: their two nodes, their own edge, their time and where they stand in a source's log.

A node that is not in the graph is below 0 (two of them that differ are -1 and -2), an edge -1. SOURCE is NO_PLACE
where there is no position, or nothing has come of its source. PART is -1 where nothing has come of that part of a log.
"""


def packed(flags: int, log: int, later_ms: int) -> int | None:
    """INFO; None where it does not fit."""
    if log > LOGS or not -MOST_LATER <= later_ms < MOST_LATER:
        return None
    return later_ms << LATER | log << LOG | flags


@njit(cache=True)
def stands(lines, number, logs, cuts, b, time_ms, log, at):  # type: ignore[no-untyped-def]
    """Whether what a line says was known to an event: committed by its time, and before it in its own log."""
    info = lines[number, INFO]
    if lines[number, TIME_MS] + (info >> LATER) > time_ms:
        return False
    mine = info >> LOG & LOGS
    if mine == log:
        return lines[number, AT] < at
    return earlier(logs, mine, cuts, b)


@njit(cache=True)
def earlier(logs, log, cuts, b):  # type: ignore[no-untyped-def]
    """Whether another part of a log does not stand behind an event's: it is before it, or of another source."""
    if logs[log, 0] != cuts[b, SOURCE]:
        return True
    if logs[log, 1] != cuts[b, CUT_LOG]:
        return logs[log, 1] < cuts[b, CUT_LOG]
    return logs[log, 2] < cuts[b, HIGH]


@njit(cache=True)
def sees(lines, version, own, hidden, logs, cuts, b, time_ms, log, at):  # type: ignore[no-untyped-def]
    """Whether an event sees an edge: 1 yes, 0 no, UNSAID the arrays. `hidden`: it lies behind the horizon."""
    info = lines[version, INFO]
    if info & ASK:
        return UNSAID
    if version == own or (hidden and info & WINDOWED):
        return 0
    return 1 if stands(lines, version, logs, cuts, b, time_ms, log, at) else 0


@njit(cache=True)
def hears(  # type: ignore[no-untyped-def]
    lines, version, told, labels, horizon_ms, logs, cuts, b, time_ms, log, at
):
    """What an event knows of an edge it sees: 1 fraud, 0 not, SILENT nothing, UNSAID the arrays."""
    info = lines[version, INFO]
    if info & ASK:
        return UNSAID
    if not info & LABELLED:
        return SILENT
    label = told[version]
    said = labels[label, INFO]
    if said & ASK or labels[label, ENDS] & LOW != LAST:
        return UNSAID
    if said & WINDOWED and labels[label, TIME_MS] < horizon_ms:
        return SILENT
    if not stands(labels, label, logs, cuts, b, time_ms, log, at):
        return SILENT
    return 1 if said & FRAUD else 0


@njit(cache=True)
def enter(lines, told, owner, info, time_ms, at, ends, taken):  # type: ignore[no-untyped-def]
    """Put edges into the lines of their owners, as far as there is nothing else of them.

    Args:
        owner: [E] their owners' numbers.
        info: [E] as `packed` makes it, HERE among it; 0 where it did not fit.
        taken: [E] is told which were put, or were there already: 1, 0; NONE where it has to be done otherwise.
    """
    for one in range(len(owner)):
        number = owner[one]
        have = lines[number, INFO]
        if have & CHAINED or info[one] == 0:
            taken[one] = NONE
        elif have & HERE:
            same = lines[number, AT] == at[one] and have >> LOG & LOGS == info[one] >> LOG & LOGS
            taken[one] = 0 if same else NONE
        else:
            lines[number, TIME_MS], lines[number, AT], lines[number, ENDS] = time_ms[one], at[one], ends[one]
            lines[number, INFO] = info[one] | (LABELLED if told[number] >= 0 else 0)
            taken[one] = 1
