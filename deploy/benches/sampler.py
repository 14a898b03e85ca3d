"""`ringwatch bench sampler`: how long the as-of walk of two hops takes, on a small graph and on a large one.

The graph is made up: payments between accounts of which few have most, so that hubs are among what is walked. Times
are this thread's own processor time, so that a busy machine does not count.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from itertools import islice

import numpy as np

from deploy.figures import Figure, figure, report
from graph.adjacency import Adjacency, compile_walk
from graph.adjacency_walk import Walked
from graph.horizons import NEVER_MS
from graph.model import Caps, EdgeUpsert, Event

SMALL = 100_000  # edges that the large graph is compared with
EVENTS = 5_000
BATCH = 256
P99_US = 50.0
PER_S = 20_000.0
FLAT = 1.2


def run_sampler_bench(edges: int, as_json: bool) -> int:
    """Measure graphs of 100,000 and of so many edges; returns the exit status."""
    compile_walk()
    figures, p99 = list[Figure](), list[float]()
    for size in sorted({min(SMALL, edges), edges}):
        adjacency, events = _made(size)
        alone, _ = _alone(adjacency, events)
        batched, seen = _batched(adjacency, events)
        p99.append(float(np.percentile(alone, 99)))
        figures += [
            figure(f"walk_p50@{size}", float(np.percentile(alone, 50)), "us"),
            figure(f"walk_p99@{size}", p99[-1], "us", P99_US),
            figure(f"subgraphs_per_s@{size}", 1e6 / batched, "subgraphs/s", PER_S, "higher"),
            figure(f"edges_per_subgraph@{size}", seen, "edges"),
        ]
    figures.append(figure("walk_p99_large_to_small", p99[-1] / p99[0], "ratio", FLAT))
    done = report("sampler", figures)
    if as_json:
        sys.stdout.write(done.json() + "\n")
    return done.status


def _made(edges: int) -> tuple[Adjacency, list[Event]]:
    """A graph, and events at its end."""
    adjacency = Adjacency()
    payments = _payments(edges)
    while batch := list(islice(payments, BATCH)):
        spots = [spot for edge in batch if (spot := adjacency.logs.plain(edge.pos))]  # all of them have one
        adjacency.edges.put(batch, spots, [False] * len(batch))
    draw, last = random.Random(1), 1_000 * (edges + 1)
    accounts = max(10, edges // 3)
    events = [
        Event(f"asked:{n}:p", "new", "", last, "PAID", _account(draw, accounts), _account(draw, accounts), last, {})
        for n in range(EVENTS)
    ]
    adjacency.sight(events[:1], NEVER_MS).walk(Caps())
    return adjacency, events


def _payments(edges: int) -> Iterator[EdgeUpsert]:
    draw, accounts = random.Random(0), max(10, edges // 3)
    for n in range(1, edges + 1):
        pos = f"bank/0001.1.00000001.{n:016x}.000000"
        src, dst = _account(draw, accounts), _account(draw, accounts)
        yield EdgeUpsert(f"pay:{n}:p", pos, 1_000 * n, "PAID", src, dst, 1_000 * n, {})


def _account(draw: random.Random, accounts: int) -> str:
    """Few have most."""
    return f"Account:{int(accounts * draw.random() ** 2)}"


def _alone(adjacency: Adjacency, events: list[Event]) -> tuple[np.ndarray, int]:
    """Microseconds of each event asked by itself, and edges seen."""
    took, seen = np.empty(len(events)), 0
    for at, event in enumerate(events):
        started = time.thread_time_ns()
        found: Walked = adjacency.sight([event], NEVER_MS).walk(Caps())
        took[at] = (time.thread_time_ns() - started) / 1_000
        seen += len(found.version)
    return took, seen


def _batched(adjacency: Adjacency, events: list[Event]) -> tuple[float, float]:
    """Microseconds an event in batches, and edges of each."""
    started, seen = time.thread_time_ns(), 0
    for first in range(0, len(events), BATCH):
        seen += len(adjacency.sight(events[first : first + BATCH], NEVER_MS).walk(Caps()).version)
    return (time.thread_time_ns() - started) / 1_000 / len(events), seen / len(events)
