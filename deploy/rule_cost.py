"""What rules that raise alerts by themselves cost an event: the processor time of asking them, reading included."""

from __future__ import annotations

import time
from collections.abc import Sequence

from graph.mirror import Mirror
from graph.model import Caps, Event
from scoring.rules import RuleSet
from scoring.rules.demands import Demands

ALONE, TOGETHER = 2_000, 64  # events asked one by one; events in a micro-batch of the scorer
MOST = 10_000  # events asked in batches


def cost_us(rules: RuleSet, mirror: Mirror, events: Sequence[Event]) -> dict[int, float]:
    """Microseconds an event by how many are asked together; none where no rule raises alerts by itself."""
    if rules.demanding is None or not events:
        return {}
    demands = Demands(rules, mirror, Caps())
    demands.of(events[:TOGETHER])  # compiles what it takes
    return {1: _us(demands, events[-ALONE:], 1), TOGETHER: _us(demands, events[-MOST:], TOGETHER)}


def _us(demands: Demands, events: Sequence[Event], size: int) -> float:
    started = time.thread_time()
    for first in range(0, len(events), size):
        demands.of(events[first : first + size])
    return 1e6 * (time.thread_time() - started) / len(events)
