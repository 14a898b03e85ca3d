"""Whether a scorer process is alive and able to work, in the words of an ingest process (`ingest.health.Report`)."""

from __future__ import annotations

import time
from collections.abc import Callable

from ingest.health import Report, State
from scoring.online.desk import Desk

TURN_S = 60.0  # the longest honest batch is one of 64 events that are all explained: about a second


def report(
    desk: Desk | None, fault: str | None, started_s: float, clock: Callable[[], float] = time.monotonic
) -> Report:
    """How it stands. `fault` is why its mirror stopped, `started_s` when the process started.

    Not ready before it has a desk; unhealthy, so that it is started again, when the mirror stopped or the desk has
    events and has not come round for a minute. To be behind is no reason: a new start would be further behind.
    """
    now_s = clock()
    if desk is None:
        return _said("starting", True, False, "the mirror is being hydrated", now_s - started_s, 0)
    turn_s = now_s - desk.turned_s
    if fault is not None:
        return _said("stuck", False, False, f"the mirror stopped: {fault}", turn_s, desk.in_hand)
    if desk.in_hand and turn_s > TURN_S:
        return _said("stuck", False, False, f"no batch was finished for {turn_s:.0f} s", turn_s, desk.in_hand)
    return _said("working" if desk.in_hand else "idle", True, True, "", turn_s, desk.in_hand)


def _said(state: State, healthy: bool, ready: bool, why: str, state_s: float, in_hand: int) -> Report:
    return Report(state, healthy, ready, why, state_s, state_s, None, in_hand, None, None, None, 0, None)
