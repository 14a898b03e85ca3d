"""From events to scores: withdrawn ones, the evidence, and what a score says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from rulefiles import rules_of

from graph.mirror import Mirror
from graph.model import Caps, EdgeUpsert, Event, Incomplete, Subgraph
from scoring.engine import RuleEngine, Scored
from scoring.registry import Thresholds
from scoring.rules import RuleSet, shipped
from scoring.score import Contribution
from scoring.scorer import Asked, EventScorer


class ByAmount:
    """A Scorer whose probability is the event's amount in per cent; notes what it was asked to explain."""

    model, caps, thresholds = "by-amount@1", Caps((4, 2)), Thresholds(alert=0.9, attach=0.5)

    def __init__(self, rules: RuleSet | None = None) -> None:
        self.rules = rules or shipped()
        self.explained: list[str] = []
        self.batches: list[int] = []

    def read_from(self, mirror: Mirror) -> None:
        pass

    def score(self, subgraphs: Sequence[Subgraph]) -> list[Scored]:
        self.batches.append(len(subgraphs))
        return [Scored(float(s.event.attributes["amount"] or 0) / 100, self.model) for s in subgraphs]

    def score_events(self, events: Sequence[Event], caps: Caps | None = None) -> list[Scored] | None:
        return None

    def explain(self, subgraphs: Sequence[Subgraph], top: int = 8) -> list[tuple[Contribution, ...]]:
        self.explained += [subgraph.event.id for subgraph in subgraphs]
        return [(Contribution("feature", "event.value_0_log", 1.0),)] * len(subgraphs)

    def reasons(self, subgraph: Subgraph) -> tuple[str, ...]:
        return (f"amount {subgraph.event.attributes['amount']}",)


def pos(n: int) -> str:
    return f"bank/0001.1.00000001.{n:016x}.000000"


def event(n: int, amount: int, kind: str = "new") -> Event:
    return Event(f"transfers:{n}:transfer", kind, pos(n), 100 + n, "TRANSFER",  # type: ignore[arg-type]
                 "Account:1", "Account:2", 100 + n, {"amount": amount})  # fmt: skip


@pytest.fixture
def mirror() -> Mirror:
    """One earlier payment between the two."""
    found = Mirror()
    edge = EdgeUpsert("transfers:0:transfer", pos(0), 50, "TRANSFER", "Account:1", "Account:2", 50, {"amount": 3})
    found.apply([edge])
    return found


def test_one_score_per_event_in_their_order(mirror: Mirror) -> None:
    """Withdrawn ones in between do not shift the others."""
    engine = ByAmount()
    events = [event(1, 90, "withdrawn"), event(2, 20), event(3, 30, "withdrawn"), event(4, 70), event(5, 10)]
    scores = EventScorer(engine, mirror).score(events)
    assert [score.event for score in scores] == events
    assert [score.probability for score in scores] == [0.0, 0.2, 0.0, 0.7, 0.1] and engine.batches == [3]


def test_a_withdrawn_event_has_no_probability_and_no_subgraph(mirror: Mirror) -> None:
    """Its row is gone; nothing is read, and the engine is not asked."""
    engine = ByAmount()
    score = EventScorer(engine, mirror).score([event(1, 99, "withdrawn")])[0]
    assert (score.probability, score.subgraph, score.reasons, score.contributions) == (0.0, None, (), ())
    assert score.model == "by-amount@1" and engine.batches == []


def test_evidence_is_gathered_for_alerts_alone(mirror: Mirror) -> None:
    engine = ByAmount()
    below, alert = EventScorer(engine, mirror).score([event(1, 89), event(2, 90)])
    assert (below.subgraph, below.reasons, below.contributions) == (None, (), ())
    assert alert.subgraph is not None and alert.reasons and alert.contributions


def test_near_misses_have_subgraph_and_reasons_where_they_are_wanted(mirror: Mirror) -> None:
    """From the model's attach threshold on, itself included; what the model weighed is worked out for alerts alone."""
    engine = ByAmount()
    below, at, alert = EventScorer(engine, mirror, near=True).score([event(1, 49), event(2, 50), event(3, 90)])
    assert (below.subgraph, below.reasons, below.contributions) == (None, (), ())
    assert at.subgraph is not None and [e.owner for e in at.subgraph.edges] == ["transfers:0:transfer"]
    assert (at.reasons, at.contributions) == (("amount 50",), ())
    assert alert.reasons == ("amount 90", "the model weighs the amount") and alert.contributions
    assert engine.explained == ["transfers:3:transfer"]


def test_a_score_says_how_it_came_about(mirror: Mirror) -> None:
    """Revision, provisional or not, and how far the graph was read."""
    asked = Asked(2, True, pos(7), ("unseen",))
    for score in EventScorer(ByAmount(), mirror).score([event(1, 1), event(2, 99)], asked):
        assert (score.revision, score.provisional, score.read_at) == (2, True, pos(7))
        assert score.remarks == ("unseen",)
        assert score.id == f"{score.event.id}@{score.event.pos}#2"


def test_no_events_no_work(mirror: Mirror) -> None:
    """An empty batch asks nobody."""
    engine = ByAmount()
    assert EventScorer(engine, mirror).score([]) == [] and engine.batches == []


def test_the_rules_are_a_scorer_too(mirror: Mirror) -> None:
    """Same event, same graph: the same score."""
    scorer = EventScorer(RuleEngine(), mirror)
    first, again = scorer.score([event(1, 50)]), scorer.score([event(1, 50)])
    assert first == again and 0.0 <= first[0].probability <= 1.0 and first[0].model == "rules"


@pytest.mark.parametrize(
    ("row", "said"),
    [("transfers:1", True), ("transfers:0", True), ("accounts:2", True), ("accounts:3", False), ("users:1", False)],
)
def test_a_score_says_that_a_row_around_it_could_not_be_read(mirror: Mirror, row: str, said: bool) -> None:
    """The event's own, one behind an edge, one that says something of a node; not a stranger's."""
    tables = {"Account": ("accounts",), "User": ("users",)}
    mirror.apply([Incomplete(row, 3, True)])
    assert [s.incomplete for s in EventScorer(ByAmount(), mirror, tables).score([event(1, 20)])] == [said]
    mirror.apply([Incomplete(row, 4, False)])
    assert [s.incomplete for s in EventScorer(ByAmount(), mirror, tables).score([event(1, 20)])] == [False]


def test_each_event_of_a_batch_speaks_for_itself(mirror: Mirror) -> None:
    """A mark beside one says nothing of the other; a score with evidence says it as well."""
    mirror.apply([Incomplete("transfers:4", 3, True)])
    scores = EventScorer(ByAmount(), mirror).score([event(1, 20), event(4, 90), event(5, 90)])
    assert [(score.incomplete, score.subgraph is not None) for score in scores] == [
        (False, False), (True, True), (False, True)
    ]  # fmt: skip


def test_marks_change_no_probability_and_no_subgraph(mirror: Mirror) -> None:
    """They are no evidence."""
    before = EventScorer(ByAmount(), mirror).score([event(1, 90)])[0]
    mirror.apply([Incomplete("transfers:1", 3, True)])
    after = EventScorer(ByAmount(), mirror).score([event(1, 90)])[0]
    assert after.incomplete and (after.probability, after.subgraph) == (before.probability, before.subgraph)


def test_a_threshold_that_is_set_has_its_evidence(mirror: Mirror) -> None:
    """Below the engine's own bar for evidence too; the score says the threshold."""
    low, high = EventScorer(ByAmount(), mirror, threshold=0.3).score([event(1, 29), event(2, 30)])
    assert low.subgraph is None and high.subgraph is not None and high.threshold == 0.3
    assert EventScorer(ByAmount(), mirror).score([event(1, 29)])[0].threshold == 0.9


EACH = '[[rule]]\nname = "each"\nkind = "velocity"\nwithin = "1h"\nat_least = 2\nstrength = 0.1\nalert = true\n'


@pytest.mark.parametrize("alert", ["true", "false"])
def test_a_rule_asks_for_an_alert_whatever_the_model_says(mirror: Mirror, tmp_path: Path, alert: str) -> None:
    """With its evidence; a rule that may not ask leaves the model its say."""
    rules = rules_of(tmp_path, EACH.replace("true", alert))
    low, high = EventScorer(ByAmount(rules), mirror).score([event(1, 1), event(2, 99)])
    asks = "each" if alert == "true" else None
    assert (low.alert_by, high.alert_by) == (asks, asks)
    assert (low.subgraph is not None, high.subgraph is not None) == (alert == "true", True)
    assert low.reasons[0] == "amount 1" if asks else low.reasons == ()


def test_a_rule_asks_neither_of_a_shadow_nor_of_what_is_gone(mirror: Mirror, tmp_path: Path) -> None:
    """A model that is only compared raises nothing."""
    scorer = EventScorer(ByAmount(rules_of(tmp_path, EACH)), mirror)
    shadow = scorer.score([event(1, 1)], Asked(evidence=False))[0]
    gone, there = scorer.score([event(1, 1, "withdrawn"), event(2, 1)])
    assert (shadow.alert_by, gone.alert_by, there.alert_by) == (None, None, "each")


def test_a_scorer_that_is_behind_asks_rules_the_same(mirror: Mirror, tmp_path: Path) -> None:
    """Fewer edges for the model, as many for the rules."""
    scorer = EventScorer(ByAmount(rules_of(tmp_path, EACH)), mirror)
    assert scorer.score([event(1, 1)], Asked(caps=Caps((0, 0))))[0].alert_by == "each"
