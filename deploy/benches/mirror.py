"""`ringwatch bench mirror`: what a million edges weigh in the mirror, how fast they come, how long a walk takes.

The graph is made up: payments with amount and currency between accounts of which few have most, one login for four of
them, a report for 2 %. Each size has a process of its own, whose resident memory before and after is compared. Times
are the thread's own processor time. What other processes do to the processor's caches is in it all the same, and what
the host takes away; each event is asked in several passes, and the p99 over the events' medians is without that.
"""

from __future__ import annotations

import gc
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice

import msgspec
import numpy as np
import psutil  # type: ignore[import-untyped]  # it ships no types

from deploy.figures import Figure, figure, report
from graph.adjacency import compile_walk
from graph.mirror import Mirror
from graph.model import Attributes, Caps, EdgeUpsert, Event, LabelUpsert, Upsert

SMALL = 100_000  # edges that the large graph is compared with
BATCH = 2_000  # upserts under one lock, as scoring.feed applies them
EVENTS, PASSES, WARM = 5_000, 5, 500  # events asked one by one, how many times all, and before the clock runs
LOGINS, LABELS = 5, 50  # every so manieth edge is a login, and has a report
STEP_MS = 1_000
CURRENCIES = ("EUR", "EUR", "USD", "GBP")
B_PER_EDGE = 150.0  # 150 MB for a million edges
P99_US, FLAT = 50.0, 1.2


class Measured(msgspec.Struct, frozen=True):
    """One size: bytes an edge, of all and by structure; upserts a second; microseconds of a walk; faults an event."""

    resident_b: float
    parts_b: dict[str, float]
    upserts_per_s: float
    p50_us: float
    p99_us: float
    p99_of_medians_us: float
    edges_seen: float
    faults: float


def run_mirror_bench(edges: int, as_json: bool) -> int:
    """Measure 100,000 and so many edges; returns the exit status."""
    figures, found = list[Figure](), list[Measured]()
    for size in sorted({min(SMALL, edges), edges}):
        done = subprocess.run([sys.executable, "-m", __name__, str(size)], stdout=subprocess.PIPE, check=True)
        found.append(msgspec.json.decode(done.stdout, type=Measured))
        figures += _figures(found[-1], size, edges)
    for name in ("p99", "p99_of_medians"):
        small, large = (getattr(each, f"{name}_us") for each in (found[0], found[-1]))
        figures.append(figure(f"walk_{name}_large_to_small", large / small, "ratio", FLAT))
    whole = report("mirror", figures)
    if as_json:
        sys.stdout.write(whole.json() + "\n")
    return whole.status


def _figures(found: Measured, size: int, edges: int) -> list[Figure]:
    return [
        figure(f"bytes_per_edge@{size}", found.resident_b, "bytes", B_PER_EDGE if size == edges else None),
        *(figure(f"bytes_per_edge_{part}@{size}", value, "bytes") for part, value in found.parts_b.items()),
        figure(f"upserts_per_s@{size}", found.upserts_per_s, "upserts/s", better="higher"),
        figure(f"walk_p50@{size}", found.p50_us, "us"),
        figure(f"walk_p99@{size}", found.p99_us, "us", P99_US),
        figure(f"walk_p99_of_medians@{size}", found.p99_of_medians_us, "us", P99_US),
        figure(f"edges_per_walk@{size}", found.edges_seen, "edges"),
        figure(f"page_faults_per_walk@{size}", found.faults, "faults"),
    ]


def measured(edges: int) -> Measured:
    """Fill a mirror and walk it, in this process."""
    compile_walk()
    _filled(min(edges, 10 * BATCH))  # what is loaded and compiled at the first batch is no edge's
    gc.collect()
    before = psutil.Process().memory_info().rss
    mirror, taken_s, upserts = _filled(edges)
    gc.collect()
    resident = psutil.Process().memory_info().rss - before
    events = _asked(edges)
    for event in events[:WARM]:
        mirror.walk([event], Caps(), lambda seen: seen)
    faults, took, seen = _faults(), np.empty((PASSES, len(events))), 0
    for turn in range(PASSES):
        for at, event in enumerate(events):
            started = time.thread_time_ns()
            found = mirror.walk([event], Caps(), lambda seen: seen)
            took[turn, at] = (time.thread_time_ns() - started) / 1_000
            seen += len(found.version)
    faults = _faults() - faults
    p50, p99 = (float(np.percentile(took, part)) for part in (50, 99))
    return Measured(
        resident / edges, _parts(mirror, edges), upserts / taken_s, p50, p99,
        float(np.percentile(np.median(took, axis=0), 99)), seen / took.size, faults / took.size,
    )  # fmt: skip


def _parts(mirror: Mirror, edges: int) -> dict[str, float]:
    return {name: size / edges for name, size in mirror.memory.items()}


def _faults() -> int:
    """Pages this thread had to wait for."""
    used = resource.getrusage(resource.RUSAGE_THREAD)
    return used.ru_minflt + used.ru_majflt


def _filled(edges: int) -> tuple[Mirror, float, int]:
    """A mirror, the seconds that writing took, and how many upserts it was."""
    mirror, upserts, taken_s, many = Mirror({"transfers", "logins"}), made(edges), 0.0, 0
    while batch := list(islice(upserts, BATCH)):
        started = time.thread_time()
        mirror.apply(batch)
        taken_s += time.thread_time() - started
        many += len(batch)
    started = time.thread_time()
    mirror.walk(_asked(edges)[:1], Caps(), lambda seen: seen)  # what waits for a look is put in its place
    return mirror, taken_s + time.thread_time() - started, many


def made(edges: int) -> Iterator[Upsert]:
    """So many edges in the order of a log, and reports some time after the payments they are of."""
    draw, accounts = random.Random(0), max(10, edges // 3)
    for n in range(1, edges + 1):
        pos, at_ms = f"bank/0001.1.00000001.{n:016x}.000000", STEP_MS * n
        if n % LOGINS == 0:
            ends = f"User:{int(accounts / 2 * draw.random() ** 2)}", f"Device:{int(accounts * draw.random())}"
            yield EdgeUpsert(f"logins:{n}:login", pos, at_ms, "LOGIN", *ends, at_ms, {})
            continue
        ends = _account(draw, accounts), _account(draw, accounts)
        given: Attributes = {"amount": draw.randrange(100, 1_000_000), "currency": draw.choice(CURRENCIES)}
        yield EdgeUpsert(f"transfers:{n}:transfer", pos, at_ms + 300, "TRANSFER", *ends, at_ms, given)
        if n % LABELS == 1:
            pos = f"bank/0001.1.00000001.{n:016x}.000001"
            yield LabelUpsert(f"fraud_reports:{n}:label", pos, at_ms + 500, f"transfers:{n}:transfer", n % 4 == 1)


def _asked(edges: int) -> list[Event]:
    """Payments at the end."""
    draw, last, accounts = random.Random(1), STEP_MS * (edges + 1), max(10, edges // 3)
    pos = f"bank/0001.1.00000001.{edges + 1:016x}.000000"
    return [
        Event(f"transfers:{edges + n}:transfer", "new", pos, last + 300, "TRANSFER", _account(draw, accounts),
              _account(draw, accounts), last, {})
        for n in range(1, EVENTS + 1)
    ]  # fmt: skip


def _account(draw: random.Random, accounts: int) -> str:
    """Few have most."""
    return f"Account:{int(accounts * draw.random() ** 2)}"


if __name__ == "__main__":
    sys.stdout.write(msgspec.json.encode(measured(int(sys.argv[1]))).decode() + "\n")
