"""`ringwatch bench reader`: how long an event takes through Neo4j itself, beside the mirror, and how far both differ.

A simulated bank no model has seen is written into the local stack's Neo4j, and its last events are scored by the demo
bank's model through both: one at a time and in micro-batches. Wall-clock times, Neo4j on the same machine. Run again,
it finds the bank there and measures only.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from deploy import bootstrap
from deploy.benches.scorer import bank
from deploy.config import SHIPPED, settings
from deploy.figures import Beside, Figure, figure, report
from deploy.stack import control
from graph.mirror import Mirror
from graph.model import Event
from graph.neo4j_store import Neo4jStore
from scoring.engine import Engine
from scoring.scorer import EventScorer

SIZES = (1, 64)
BATCHES = 200  # of one event; of more, a tenth
WARM = 5  # batches before the clock runs
ENOUGH_S = 60.0  # a busy machine's time belongs to the figure
WRITTEN = 2_000  # upserts written at once
APART = 1e-6  # of a probability

err = Console(stderr=True, highlight=False)


def run_reader_bench(users: int, days: int, as_json: bool) -> int:
    """Score the last events of a bank of so many customers and days; returns the exit status."""
    chosen = settings()
    control.up(chosen.stack_layout(), ["neo4j"], err.print)
    mirror, events = bank(users, days)
    with bootstrap.driver(chosen) as driver:
        store = Neo4jStore(driver, bootstrap.schema(chosen), chosen.neo4j_database, read_s=ENOUGH_S)
        write_bank(store, mirror)
        figures = [figure("edges", mirror.sizes["edges"], "edges"), *_measured(store, mirror, events)]
    done = report("reader", figures)
    if as_json:
        sys.stdout.write(done.json() + "\n")
    return done.status


def write_bank(store: Neo4jStore, mirror: Mirror) -> None:
    """All that a mirror holds into an empty or equal Neo4j."""
    store.init()
    store.check()
    upserts = list(mirror.dump())
    err.print(f"writing {len(upserts):,} upserts into Neo4j")
    for at in range(0, len(upserts), WRITTEN):
        store.apply(upserts[at : at + WRITTEN])


def _measured(store: Neo4jStore, mirror: Mirror, events: Sequence[Event]) -> list[Figure]:
    through = [EventScorer(Engine.load(SHIPPED), reader) for reader in (store, mirror)]
    figures = list[Figure]()
    for size in SIZES:
        many = size * (WARM + (BATCHES if size == 1 else BATCHES // 10))
        last = events[-many:]
        ms, beside = (1e3 * _took_s(scorer, last, size) / size for scorer in through)
        for name, of in (("p50", 50), ("p99", 99)):
            found = figure(f"{name}_ms_an_event@{size}", float(np.percentile(ms, of)), "ms")
            mirror_ms = Beside("mirror", round(float(np.percentile(beside, of)), 3))
            figures.append(msgspec.structs.replace(found, beside=mirror_ms))
    some = events[-SIZES[-1] * 10 :]
    mine, theirs = (_probabilities(scorer, some) for scorer in through)
    apart = float(np.abs(mine - theirs).max())
    return [*figures, figure("largest_difference", apart * 1e6, "1e-6", APART * 1e6)]


def _probabilities(scorer: EventScorer, events: Sequence[Event]) -> NDArray[np.float64]:
    parts = (events[at : at + SIZES[-1]] for at in range(0, len(events), SIZES[-1]))
    return np.array([score.probability for part in parts for score in scorer.score(part)])


def _took_s(scorer: EventScorer, events: Sequence[Event], size: int) -> NDArray[np.float64]:
    """Seconds of each whole batch."""
    took = list[float]()
    for first in range(0, len(events) - size + 1, size):
        started = time.perf_counter()
        scorer.score(events[first : first + size])
        took.append(time.perf_counter() - started)
    return np.array(took[WARM:])
