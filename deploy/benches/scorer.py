"""`ringwatch bench scorer`: how long an event takes through the mirror, from its position to its probability.

A simulated bank no model has seen fills the mirror; its last events are scored by the demo bank's model: one at a time
and in micro-batches, the probability alone, and with the evidence of those that are alerts. Times are this thread's own
processor time, so that a busy machine does not count.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from deploy.config import SHIPPED
from deploy.demo.bank import Bank
from deploy.demo.settings import BankSettings
from deploy.demo.training import change_of, demo_mapping
from deploy.figures import Figure, figure, report
from graph.mirror import Mirror
from graph.model import Event
from scoring.engine import Engine
from scoring.scorer import EventScorer

SEED = 111  # no model was trained on this bank
ALONE, TOGETHER = 1_000, 64  # events asked one by one; events in a micro-batch
WARM = 3  # batches before the clock runs
PER_S, P99_MS = 3_000.0, 3.0  # issue 6: sampling, tensors and inference; an event alone


def run_scorer_bench(users: int, days: int, as_json: bool) -> int:
    """Score a bank of so many customers and days; returns the exit status."""
    mirror, events = bank(users, days)
    engine = Engine.load(SHIPPED)
    scorer = EventScorer(engine, mirror)
    last = events[-min(len(events), 10 * ALONE) :]
    figures = [figure("edges", mirror.sizes["edges"], "edges"), figure("events", len(last), "events")]
    for name, score, bars in (("", engine.score_events, True), ("_with_evidence", scorer.score, False)):
        figures += _measured(name, score, last, bars)
    shown = sum(score.subgraph is not None for score in scorer.score(last[-ALONE:]))
    figures.append(figure("shown", shown / len(last[-ALONE:]), "share"))
    done = report("scorer", figures)
    if as_json:
        sys.stdout.write(done.json() + "\n")
    return done.status


def bank(users: int, days: int) -> tuple[Mirror, list[Event]]:
    """The mirror behind a whole bank, and its new events in their order."""
    mirror, mapping, events = Mirror(), demo_mapping(), list[Event]()
    for number, row in enumerate(Bank(BankSettings(seed=SEED, users=users, days=days)).changes(), 1):
        plan = mapping.plan(change_of(row, number))
        mirror.apply(plan.upserts)
        events += [event for event in plan.events if event.kind == "new"]
    return mirror, events


def _measured(
    name: str, score: Callable[[Sequence[Event]], object], events: Sequence[Event], bars: bool
) -> list[Figure]:
    alone = 1e3 * _took_s(score, events[-ALONE:], 1)
    batches = _took_s(score, events, TOGETHER)
    return [
        figure(f"p50{name}@1", float(np.median(alone)), "ms"),
        figure(f"p99{name}@1", float(np.percentile(alone, 99)), "ms", P99_MS if bars else None),
        figure(f"events_per_s{name}@1", 1e3 / float(alone.mean()), "events/s", better="higher"),
        figure(
            f"events_per_s{name}@{TOGETHER}", TOGETHER / float(batches.mean()), "events/s", PER_S if bars else None,
            "higher",
        ),
    ]  # fmt: skip


def _took_s(score: Callable[[Sequence[Event]], object], events: Sequence[Event], size: int) -> NDArray[np.float64]:
    """Seconds of each whole batch."""
    took = list[float]()
    for first in range(0, len(events) - size + 1, size):
        part = events[first : first + size]
        started = time.thread_time()
        score(part)
        took.append(time.thread_time() - started)
    return np.array(took[WARM:])
