"""What Prometheus is told of a scorer, and what its probes say."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, generate_latest

from graph.mirror import Mirror
from graph.model import Event
from ingest.records import Trace
from scoring.engine import RuleEngine
from scoring.online.desk import Desk, DeskSettings, Item, Outlet
from scoring.online.duty import Duty
from scoring.online.metrics import ScorerMetrics
from scoring.online.monitor import Monitor
from scoring.online.settled import Held
from scoring.online.wellness import TURN_S, report
from scoring.score import Score
from scoring.scorer import EventScorer


class Ready:
    """A stream that is always far enough."""

    through = "z"

    def absent(self, events: Sequence[Event]) -> list[Event]:
        return []

    def check(self) -> None:
        pass


def nowhere(scored: object) -> None:
    pass


def duty() -> Duty:
    return Duty(lambda role: RuleEngine() if role == "main" else None)


def desk() -> Desk:
    mirror = Mirror()
    outlet = Outlet(nowhere, lambda held: None)
    return Desk(DeskSettings(), lambda engine: EventScorer(engine, mirror), duty(), (Ready(), Ready()), outlet)


def item(n: int, captured_ms: int = 0) -> Item:
    event = Event(f"transfers:{n}:transfer", "new", f"bank/{n}", n, "TRANSFER", "A:1", "A:2", n, {})
    name, value = Trace.of(event.pos, 0, captured_ms).header()
    return Item(event, {name: value}, Held(event, 0), 0.0)


def text(registry: CollectorRegistry) -> list[str]:
    return [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]


def test_scores_are_counted_by_kind_with_what_is_out_of_the_ordinary() -> None:
    registry = CollectorRegistry()
    metrics = ScorerMetrics(registry, duty(), Monitor(0.0), lambda: 7, clock=lambda: 2.0)
    items = [item(1, 1_700), item(2, 1_000), item(3, 1_000)]
    plain = Score(items[0].event, 1, False, 0.9, "m@1", (), (), None, "", threshold=0.5)
    low = Score(items[1].event, 1, True, 0.1, "m@1", (), (), None, "", threshold=0.5, remarks=("smaller", "unseen"))
    second = Score(items[2].event, 2, False, 0.1, "m@1", (), (), None, "", threshold=0.5, alert_by="mule")
    metrics.tell([plain, low, second], items, 0.004)
    said = text(registry)
    for line in (
        'ringwatch_scorer_scores_total{kind="final"} 1.0', 'ringwatch_scorer_scores_total{kind="provisional"} 1.0',
        'ringwatch_scorer_scores_total{kind="second"} 1.0', 'ringwatch_scorer_remarks_total{remark="smaller"} 1.0',
        "ringwatch_scorer_alerts_due_total 2.0", 'ringwatch_scorer_captured_to_score_seconds_bucket{le="0.4"} 1.0',
        "ringwatch_scorer_captured_to_score_seconds_count 2.0", "ringwatch_scorer_mirror_owners 7.0",
        'ringwatch_scorer_model{model="rules",role="main"} 1.0', "ringwatch_scorer_promotion_refused 0.0",
    ):  # fmt: skip
        assert line in said, line


def test_the_desk_is_shown_once_it_is_there() -> None:
    registry = CollectorRegistry()
    metrics = ScorerMetrics(registry, duty(), Monitor(0.0), lambda: 0)
    assert not any("waiting_events" in line for line in text(registry))
    metrics.desk = desk()
    metrics.desk.waiting.put(item(1))
    assert "ringwatch_scorer_waiting_events 1.0" in text(registry)


def test_a_scorer_is_not_ready_before_its_mirror_is() -> None:
    found = report(None, None, 0.0, clock=lambda: 5.0)
    assert (found.state, found.healthy, found.ready, found.state_s) == ("starting", True, False, 5.0)


def test_it_is_unhealthy_when_the_mirror_stopped_or_no_batch_ends() -> None:
    """Events that wait; a desk with nothing to do may stand still as long as it likes."""
    standing = desk()
    late = lambda: standing.turned_s + TURN_S + 1  # noqa: E731
    assert report(standing, None, 0.0, late).ready
    standing.waiting.put(item(1))
    assert not report(standing, None, 0.0, late).healthy
    assert report(standing, None, 0.0).ready
    stopped = report(standing, "behind retention", 0.0)
    assert not stopped.healthy and "behind retention" in stopped.why
