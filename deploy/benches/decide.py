"""`ringwatch bench decide`: decisions over HTTP under open-loop load, beside an endpoint that returns a constant.

Each server and the load generator are processes of their own on the same cores. Requests are sent at random moments
(exponential gaps) whether or not earlier ones were answered, and latency counts from the moment a request was meant to
be sent: a server that stalls is not spared the requests it would have had meanwhile (coordinated omission).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import msgspec
import numpy as np

from deploy.benches.decide_load import Answered, Load, put_load
from deploy.benches.decide_servers import TOKEN, serve_constant, serve_decisions
from deploy.figures import Beside, Figure, figure, report

P99_MS = 20.0  # issue 9, at 200 requests a second
WARM_S = 3.0
UP_S = 600.0

Serve = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Plan:
    """Requests a second, how long each server is asked, and the simulated bank behind the graph."""

    per_s: float
    for_s: float
    users: int
    days: int


def run_decide_bench(plan: Plan, as_json: bool) -> int:
    """Measure both, one after the other; returns the exit status."""
    with _server(serve_decisions, plan.users, plan.days) as (url, bodies):
        ours = _loaded(url, bodies, plan)
    with _server(serve_constant) as (url, _):
        bare = _loaded(url, bodies, plan)
    figures = [_latency(f"decide_p{q}_ms@{plan.per_s:g}", ours, bare, q) for q in (50, 95, 99)]
    figures += [
        figure("answered", len(ours), "requests", better="higher"),
        figure("fallbacks", sum(one.fallback for one in ours), "requests"),
        figure("errors", sum(one.status != 200 for one in ours), "requests", 0),
        figure("reviewed", sum(one.reviewed for one in ours), "requests"),
        figure("slowest_ms", max(one.took_ms for one in ours), "ms"),
        figure("generator_late_p99_ms", _percentile([one.late_ms for one in ours], 99), "ms"),
    ]
    done = report("decide", figures)
    if as_json:
        sys.stdout.write(done.json() + "\n")
    else:
        for one in figures:
            sys.stdout.write(f"{one.name:28} {one.value:10,.1f} {one.unit}\n")
    return done.status


def _latency(name: str, ours: list[Answered], bare: list[Answered], quantile: int) -> Figure:
    mine, theirs = (_percentile([one.took_ms for one in each], quantile) for each in (ours, bare))
    found = figure(name, mine, "ms", P99_MS if quantile == 99 else None)
    return msgspec.structs.replace(found, beside=Beside("constant_endpoint", round(theirs, 3)))


def _percentile(values: list[float], quantile: int) -> float:
    return float(np.percentile(values, quantile))


@contextmanager
def _server(serve: Serve, *about: Any) -> Iterator[tuple[str, list[bytes]]]:
    """A server in a process of its own: where it is, and what to ask it."""
    spawn = get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=serve, args=(theirs, *about))
    process.start()
    theirs.close()  # so that a server that dies is an end of file
    try:
        yield _told(ours)
    finally:
        process.terminate()
        process.join(10)


def _told(ours: Connection) -> tuple[str, list[bytes]]:
    if not ours.poll(UP_S):
        raise TimeoutError(f"the server was not up within {UP_S:g} s")
    found: tuple[str, list[bytes]] = ours.recv()
    return found


def _loaded(url: str, bodies: list[bytes], plan: Plan) -> list[Answered]:
    """What a load generator in a process of its own found, once the server is warm."""
    spawn = get_context("spawn")
    ours, theirs = spawn.Pipe()
    for load in (Load(url, TOKEN, min(plan.per_s, 50.0), WARM_S, 0), Load(url, TOKEN, plan.per_s, plan.for_s, 1)):
        process = spawn.Process(target=put_load, args=(theirs, load, bodies), daemon=True)
        process.start()
        found: list[Answered] = ours.recv()
        process.join()
    return found
