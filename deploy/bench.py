"""`ringwatch bench`: measurements on the real servers, one JSON object each."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from rich.console import Console

from deploy import bootstrap
from deploy.config import settings
from deploy.figures import Figure, figure, report
from deploy.observer import STAGES, Observer
from deploy.onstack import OnStack, StackOptions

GRAPH_P99_MS = {1_000.0: 250.0, 3_000.0: 1_000.0}  # up to this rate: the bar of commit → graph (issue 4)
DRAIN_S = 60.0
WARM_S = 90.0  # the servers compile their code while they run
ALL_STAGES_UP_TO = 500.0  # changes/s; above it commit → kafka and → graph are what is asked for
FRAUD_SHARE = 0.01  # twice the demo's, so that the alert path has samples

err = Console(stderr=True, highlight=False)


def run_latency(rates: Sequence[float], for_s: float, as_json: bool, scoring: bool = True) -> int:
    """Hold each rate for `for_s` seconds; returns the exit status."""
    bootstrap.logs(settings())
    options = StackOptions(history_days=3, fraud_share=FRAUD_SHARE, scoring=scoring)
    running = OnStack(settings(), options, err.print)
    try:
        running.start()
        at = bootstrap.connections(settings())
        mapping = bootstrap.mapping(settings())
        observer = Observer(at.kafka_bootstrap, mapping, running.url, running.token, scoring)
        observer.start()
        running.replay(rates[0], WARM_S, lambda: False, observer.sent)
        observer.drain(DRAIN_S)
        figures = [each for rate in rates for each in _held(running, observer, rate, for_s)]
        observer.stop()
    finally:
        running.stop()
    done = report("latency", figures)
    if as_json:
        sys.stdout.write(done.json() + "\n")
    return done.status


def _held(running: OnStack, observer: Observer, rate: float, for_s: float) -> list[Figure]:
    observer.reset()
    running.prepare(int(rate * for_s))
    started = time.monotonic()
    given = running.replay(rate, for_s, lambda: False, observer.sent)
    reached = given / (time.monotonic() - started)
    lost = observer.drain(DRAIN_S)
    running.watch()
    figures = [
        figure(f"committed_per_s@{rate:g}", reached, "changes/s", 0.95 * rate, "higher"),
        figure(f"lost@{rate:g}", sum(lost.values()), "events", 0),
    ]
    bar = next((p99 for upto, p99 in GRAPH_P99_MS.items() if rate <= upto), None)
    for stage in STAGES if "score" in lost and rate <= ALL_STAGES_UP_TO else lost:
        figures += observer.stages[stage].figures(stage, rate, bar if stage == "graph" else None)
        figures.append(figure(f"samples_{stage}@{rate:g}", observer.stages[stage].count, "events", None, "higher"))
    p99 = observer.stages["graph"].percentile(99)
    err.print(f"{rate:g} changes/s: reached {reached:,.0f}/s, graph p99 {p99 or float('nan'):,.0f} ms, lost {lost}")
    return figures
