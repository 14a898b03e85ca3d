"""Rules see what the network sees: the subgraph as of the event. What comes later changes no finding."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rulefiles import EVERY

from graph.mirror import Mirror
from graph.model import Caps, EdgeUpsert, Event, Gone, LabelUpsert, Subgraph, SubgraphEdge, Upsert
from ingest.events import Position
from scoring.rules import RuleSet, read, shipped

MINUTE_MS = 60_000
START_MS = 1_770_000_000_000
NODES = {
    "TRANSFER": ("Account", "Account"), "LOGIN": ("User", "Device"), "MODIFY": ("User", "Contact"),
    "OWNS": ("User", "Account"), "CONNECT": ("Device", "IP"),
}  # fmt: skip
CAPS = Caps((16, 8))


@pytest.fixture(scope="module")
def rule_sets(tmp_path_factory: pytest.TempPathFactory) -> list[RuleSet]:
    """The shipped ones, and every kind with hardly a bar to what it finds."""
    path = tmp_path_factory.mktemp("rules") / "rules.toml"
    path.write_text(EVERY.replace("at_least = 3", "at_least = 1").replace("at_least = 2", "at_least = 1"))
    return [shipped(), read(path).rules]


def position(number: int) -> str:
    return Position("bank", 0, True, 1, number).token


def history_of(seed: int) -> list[Upsert]:
    """Forty edges of few nodes within a day or so, in the order they were committed; some are reported as fraud, some
    deleted.
    """
    rng, time_ms = random.Random(seed), START_MS
    found: list[Upsert] = []
    for number in range(40):
        time_ms += rng.randrange(0, 60) * MINUTE_MS
        relation = rng.choice([*NODES, "TRANSFER", "TRANSFER"])
        src, dst = (f"{label}:{rng.randrange(3)}" for label in NODES[relation])
        owner = f"rows:{number}:x"
        amount = {"amount": rng.choice([10_000, 60_000])} if relation == "TRANSFER" else {}
        found.append(EdgeUpsert(owner, position(3 * number), time_ms, relation, src, dst, time_ms, amount))
        if rng.random() < 0.2:
            found.append(LabelUpsert(f"told:{number}:label", position(3 * number + 1), time_ms, owner, True))
        if rng.random() < 0.1:
            gone = rng.choice([each for each in found if isinstance(each, EdgeUpsert)])
            found.append(Gone(gone.owner, position(3 * number + 2), time_ms, gone.relation))
    return found


def edges_of(history: list[Upsert]) -> list[EdgeUpsert]:
    return [each for each in history if isinstance(each, EdgeUpsert)]


HISTORIES = st.integers(0, 2**32).map(history_of)


def event_of(edge: EdgeUpsert) -> Event:
    return Event(
        edge.owner, "new", edge.pos, edge.known_ms, edge.relation, edge.src, edge.dst, edge.time_ms, edge.attributes
    )


@settings(max_examples=60, deadline=None)
@given(history=HISTORIES, cut=st.integers(5, 39))
def test_what_is_appended_later_changes_no_finding(rule_sets: list[RuleSet], history: list[Upsert], cut: int) -> None:
    """Edges, deletions and reports behind the event, as far as the last sentence."""
    edges = edges_of(history)
    event = event_of(edges[cut])
    early, late = Mirror(), Mirror()
    early.apply([each for each in history if each.pos < event.pos])
    late.apply(history)
    for rules in rule_sets:
        before, after = (rules.findings(mirror.subgraphs([event], CAPS)[0]) for mirror in (early, late))
        assert before == after


@settings(max_examples=60, deadline=None)
@given(history=HISTORIES, shift_ms=st.integers(-(10**9), 10**9))
def test_only_the_time_before_the_event_counts(rule_sets: list[RuleSet], history: list[Upsert], shift_ms: int) -> None:
    """The whole moved in time gives the same findings: no rule looks at a clock."""
    mirror = Mirror()
    mirror.apply(history)
    subgraph = mirror.subgraphs([event_of(edges_of(history)[-1])], CAPS)[0]
    for rules in rule_sets:
        assert rules.findings(_moved(subgraph, shift_ms)) == rules.findings(subgraph)


def test_the_histories_make_every_kind_fire(rule_sets: list[RuleSet]) -> None:
    """Or the properties would hold of nothing."""
    fired: set[str] = set()
    for seed in range(30):
        history = history_of(seed)
        mirror = Mirror()
        mirror.apply(history)
        events = [event_of(each) for each in edges_of(history)]
        for subgraph in mirror.subgraphs(events, CAPS):
            fired |= {finding.rule for finding in rule_sets[1].findings(subgraph)}
    assert fired == set("vstfgr")


def test_fewer_hops_change_no_finding_of_a_rule_that_looks_no_further(rule_sets: list[RuleSet]) -> None:
    """As `hops` promises."""
    near = [rule for rule in rule_sets[1].rules if rule.hops == 1]
    assert {rule.kind for rule in near} == {"velocity", "fan", "gathering"}
    rules, found = RuleSet(rule_sets[1].names, tuple(near)), 0
    for seed in range(30):
        history = history_of(seed)
        mirror = Mirror()
        mirror.apply(history)
        events = [event_of(each) for each in edges_of(history)]
        whole, one_hop = (mirror.subgraphs(events, caps) for caps in (Caps((2, 8)), rules.caps(Caps((2, 8)))))
        for left, right in zip(whole, one_hop, strict=True):
            assert rules.findings(left) == rules.findings(right)
            found += len(rules.findings(left))
    assert found


def _moved(subgraph: Subgraph, by_ms: int) -> Subgraph:
    event = msgspec.structs.replace(subgraph.event, time_ms=subgraph.event.time_ms + by_ms)

    def moved(edge: SubgraphEdge) -> SubgraphEdge:
        return msgspec.structs.replace(edge, time_ms=edge.time_ms + by_ms)

    return Subgraph(event, subgraph.nodes, tuple(moved(edge) for edge in subgraph.edges))
