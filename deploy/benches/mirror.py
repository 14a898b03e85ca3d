"""`ringwatch bench mirror`: what a million edges weigh in the mirror, how fast they come, how long walk and score take.

The graph is made up: payments with amount and currency between accounts of which few have most, one login for four of
them, a report for 2 %. Each size has a process of its own, whose resident memory before and after is compared. Walks
of the small graph and of the large one are timed by turns in one process, so that both meet the same machine: times are
the thread's own processor time, but what other processes do to the processor's caches is in it all the same, and what
the host takes away. Each event is asked in several passes; the p99 over the events' medians is nearly without that.
Scores are the demo bank's model's, from the event to its probability, by turns likewise.
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

from deploy.config import SHIPPED
from deploy.figures import Figure, figure, report
from graph.adjacency import compile_walk
from graph.mirror import Mirror
from graph.model import Attributes, Caps, EdgeUpsert, Event, LabelUpsert, Upsert

SMALL = 100_000  # edges that the large graph is compared with
BATCH = 2_000  # upserts under one lock, as scoring.feed applies them
EVENTS, PASSES = 5_000, 5  # events asked one by one, and how often all of them
SCORED, SCORED_PASSES = 1_500, 3  # of them, scored
LOGINS, LABELS = 5, 50  # every so manieth edge is a login, and has a report
STEP_MS = 1_000
CURRENCIES = ("EUR", "EUR", "USD", "GBP")
MILLION = 1_000_000
B_PER_EDGE = 150.0  # 150 MB for a million edges
P99_US, FLAT = 50.0, 1.2


class Held(msgspec.Struct, frozen=True):
    """One size: bytes an edge, of all and by structure; upserts a second."""

    resident_b: float
    parts_b: dict[str, float]
    upserts_per_s: float


class Walked(msgspec.Struct, frozen=True):
    """Walks of one size: microseconds, edges that one sees, pages that it had to wait for."""

    p50_us: float
    p99_us: float
    p99_of_medians_us: float
    edges: float
    faults: float


class Took(msgspec.Struct, frozen=True):
    """Scores through a mirror of one size, microseconds."""

    p50_us: float
    p99_us: float
    p99_of_medians_us: float


class Measured(msgspec.Struct, frozen=True):
    """What the process of one size found; walks and scores of the small graph too."""

    held: Held
    small: Walked
    large: Walked
    scored_small: Took
    scored_large: Took


def run_mirror_bench(edges: int, as_json: bool) -> int:
    """Measure 100,000 and so many edges; returns the exit status."""
    figures, small = list[Figure](), min(SMALL, edges)
    for size in sorted({small, edges}):
        done = subprocess.run([sys.executable, "-m", __name__, str(size)], stdout=subprocess.PIPE, check=True)
        found = msgspec.json.decode(done.stdout, type=Measured)
        figures += _held_figures(found.held, size, edges)
    figures += _walk_figures(found.small, small) + (_walk_figures(found.large, edges) if edges > small else [])
    for name in ("p99", "p99_of_medians"):
        ratio = getattr(found.large, f"{name}_us") / getattr(found.small, f"{name}_us")
        figures.append(figure(f"walk_{name}_large_to_small", ratio, "ratio"))
    figures += _score_figures(found.scored_small, small)
    figures += _score_figures(found.scored_large, edges) if edges > small else []
    ratio = found.scored_large.p99_us / found.scored_small.p99_us
    figures.append(figure("score_p99_large_to_small", ratio, "ratio", FLAT))
    whole = report("mirror", figures)
    if as_json:
        sys.stdout.write(whole.json() + "\n")
    return whole.status


def _held_figures(found: Held, size: int, edges: int) -> list[Figure]:
    bar = B_PER_EDGE if size == edges >= MILLION else None  # a small graph's pages are half empty
    return [
        figure(f"bytes_per_edge@{size}", found.resident_b, "bytes", bar),
        *(figure(f"bytes_per_edge_{part}@{size}", value, "bytes") for part, value in found.parts_b.items()),
        figure(f"upserts_per_s@{size}", found.upserts_per_s, "upserts/s", better="higher"),
    ]


def _walk_figures(found: Walked, size: int) -> list[Figure]:
    return [
        figure(f"walk_p50@{size}", found.p50_us, "us"),
        figure(f"walk_p99@{size}", found.p99_us, "us", P99_US),
        figure(f"walk_p99_of_medians@{size}", found.p99_of_medians_us, "us", P99_US),
        figure(f"edges_per_walk@{size}", found.edges, "edges"),
        figure(f"page_faults_per_walk@{size}", found.faults, "faults"),
    ]


def _score_figures(took: Took, size: int) -> list[Figure]:
    return [
        figure(f"score_p50@{size}", took.p50_us, "us"),
        figure(f"score_p99@{size}", took.p99_us, "us"),
        figure(f"score_p99_of_medians@{size}", took.p99_of_medians_us, "us"),
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
    small = min(SMALL, edges)
    held = Held(resident / edges, {name: size / edges for name, size in mirror.memory.items()}, upserts / taken_s)
    graphs = (_filled(small)[0], _asked(small)), (mirror, _asked(edges))
    (walked_small, walked_large), (scored_small, scored_large) = _timed(*graphs), _scored(*graphs)
    return Measured(held, walked_small, walked_large, scored_small, scored_large)


def _timed(*graphs: tuple[Mirror, list[Event]]) -> list[Walked]:
    """Ask each graph's events one by one, a small graph's and a large one's by turns."""
    took, seen, faults = np.empty((len(graphs), PASSES + 1, EVENTS)), [0] * len(graphs), [0] * len(graphs)
    for turn in range(PASSES + 1):
        for at in range(EVENTS):
            for one, (mirror, events) in enumerate(graphs):
                before, started = _faults(), time.thread_time_ns()
                found = mirror.see([events[at]], lambda sight: sight.walk(Caps()))
                took[one, turn, at] = (time.thread_time_ns() - started) / 1_000
                seen[one], faults[one] = seen[one] + len(found.version), faults[one] + _faults() - before
    many, out = (PASSES + 1) * EVENTS, list[Walked]()
    for us, edges, waits in zip(took[:, 1:], seen, faults, strict=True):  # the first pass is not timed
        p50, p99, steady = np.percentile(us, 50), np.percentile(us, 99), np.percentile(np.median(us, axis=0), 99)
        out.append(Walked(float(p50), float(p99), float(steady), edges / many, waits / many))
    return out


def _scored(*graphs: tuple[Mirror, list[Event]]) -> list[Took]:
    """Score each graph's events one by one, a small graph's and a large one's by turns."""
    from scoring.engine import Engine  # torch with it, which is no edge's weight

    engines = [Engine.load(SHIPPED) for _ in graphs]
    for engine, (mirror, _) in zip(engines, graphs, strict=True):
        engine.read_from(mirror)
    took = np.empty((len(graphs), SCORED_PASSES + 1, SCORED))
    for turn in range(SCORED_PASSES + 1):
        for at in range(SCORED):
            for one, (engine, (_, events)) in enumerate(zip(engines, graphs, strict=True)):
                started = time.thread_time_ns()
                engine.score_events([events[at]])
                took[one, turn, at] = (time.thread_time_ns() - started) / 1_000
    out = list[Took]()
    for us in took[:, 1:]:  # the first pass is not timed
        p50, p99, steady = np.percentile(us, 50), np.percentile(us, 99), np.percentile(np.median(us, axis=0), 99)
        out.append(Took(float(p50), float(p99), float(steady)))
    return out


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
    mirror.see(_asked(edges)[:1], lambda sight: sight.walk(Caps()))  # what waits for a look is put in its place
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
              _account(draw, accounts), last, {"amount": draw.randrange(100, 1_000_000), "currency": "EUR"})
        for n in range(1, EVENTS + 1)
    ]  # fmt: skip


def _account(draw: random.Random, accounts: int) -> str:
    """Few have most."""
    return f"Account:{int(accounts * draw.random() ** 2)}"


if __name__ == "__main__":
    sys.stdout.write(msgspec.json.encode(measured(int(sys.argv[1]))).decode() + "\n")
