"""`ringwatch bench explain`: what an explanation takes, how complete it is, and what it takes from the scorer.

A simulated bank no model has seen fills the mirror; the demo bank's model scores it, and up to 200 of its alerts are
explained. Times of explanations are this thread's own processor time. The scorer's rates are by the clock, since what
is asked is who waits for whom: rounds with and without an explaining thread that always has work take turns, and the
median of each counts.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

import numpy as np

from deploy.benches.scorer import TOGETHER, bank
from deploy.config import SHIPPED
from deploy.figures import Figure, figure, report
from graph.mirror import Mirror
from graph.model import Event
from scoring.engine import Engine
from scoring.explaining.explainer import Explainer
from scoring.explaining.explanation import Explanation, wanted
from scoring.explaining.local import LocalExplanations
from scoring.explaining.neighbours import KnownFrauds
from scoring.score import Score
from scoring.scorer import EventScorer

ALERTS = 200
ERROR = 0.01  # of the difference, at most
ROUNDS, EVENTS = 6, 2_560


def run_explaining_bench(users: int, days: int, as_json: bool) -> int:
    """Explain alerts of a bank of so many customers and days; returns the exit status."""
    mirror, events = bank(users, days)
    engine = Engine.load(SHIPPED)
    scorer = EventScorer(engine, mirror)
    explainer = Explainer(engine, mirror, KnownFrauds(mirror))
    started, views = time.thread_time(), sum(1 for _ in explainer.learn())
    figures = [figure("view_of_a_known_fraud", 1e3 * (time.thread_time() - started) / max(views, 1), "ms")]
    alerts = _alerts(scorer, events)
    figures += [figure("alerts", len(alerts), "alerts"), *_explained(explainer, alerts)]
    figures += _beside(scorer, events[-EVENTS:], lambda: _busy(engine, mirror, alerts))
    done = report("explain", figures)
    if as_json:
        sys.stdout.write(done.json() + "\n")
    return done.status


def _alerts(scorer: EventScorer, events: Sequence[Event]) -> list[Score]:
    """The newest, of the bank's later half: before it little is known."""
    later = events[len(events) // 2 :]
    batches = (scorer.score(later[at : at + TOGETHER]) for at in range(0, len(later), TOGETHER))
    return [score for batch in batches for score in batch if wanted(score)][-ALERTS:]


def _explained(explainer: Explainer, alerts: Sequence[Score]) -> list[Figure]:
    found, took_ms = list[Explanation](), list[float]()
    for score in alerts:
        started = time.thread_time()
        found.append(explainer.explain(score))
        took_ms.append(1e3 * (time.thread_time() - started))
    told = [one for one in found if one.reason is None]
    errors = [one.relative_error for one in told]
    return [
        figure("unexplained", len(found) - len(told), "alerts", 0),
        figure("p50", float(np.median(took_ms)), "ms"),
        figure("p99", float(np.percentile(took_ms, 99)), "ms"),
        figure("steps_p50", float(np.median([one.steps for one in told])), "steps"),
        figure("steps_max", max(one.steps for one in told), "steps"),
        figure("relative_error_p50", float(np.median(errors)), "share"),
        figure("relative_error_max", max(errors), "share", ERROR),
        figure("completeness_error_p50", float(np.median([one.completeness_error for one in told])), "log-odds"),
        figure("completeness_error_max", max(one.completeness_error for one in told), "log-odds"),
        figure("with_known_frauds", float(np.mean([bool(one.neighbours) for one in told])), "share"),
    ]


def _busy(engine: Engine, mirror: Mirror, alerts: Sequence[Score]) -> LocalExplanations:
    """A thread that has more to explain than it can."""
    worker = LocalExplanations(Explainer(engine, mirror), lambda made: None)
    worker.offer(alerts)
    worker.start()
    return worker


def _beside(scorer: EventScorer, events: Sequence[Event], busy: Callable[[], LocalExplanations]) -> list[Figure]:
    rates: dict[bool, list[float]] = {False: [], True: []}
    for at in range(2 * ROUNDS):
        worker = busy() if at % 2 else None
        rates[worker is not None].append(_rate(scorer, events))
        if worker is not None:
            worker.stopping.set()
            worker.join()
    alone, beside = (float(np.median(rates[with_it])) for with_it in (False, True))
    return [
        figure("events_per_s_alone", alone, "events/s", better="higher"),
        figure("events_per_s_beside_explaining", beside, "events/s", better="higher"),
        figure("events_per_s_ratio", beside / alone, "share", better="higher"),
    ]


def _rate(scorer: EventScorer, events: Sequence[Event]) -> float:
    started = time.perf_counter()
    for at in range(0, len(events), TOGETHER):
        scorer.score(events[at : at + TOGETHER])
    return len(events) / (time.perf_counter() - started)
