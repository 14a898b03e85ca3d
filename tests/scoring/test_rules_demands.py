"""Rules that are an alert by themselves: asked of every event, with as little read as they need."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from rulefiles import EVERY, REPORTED, VELOCITY, rules_of
from test_rules_time import START_MS, edges_of, event_of, history_of, position

from graph.mirror import Mirror
from graph.model import Caps, EdgeUpsert, Event, LabelUpsert, Subgraph
from scoring.rules import RuleSet, demanded
from scoring.rules.demands import Demands
from scoring.rules.glimpse import Glimpses

CAPS = Caps((16, 8))


class Watched:
    """A reader that counts what it is asked for."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self.asked: list[tuple[int, Caps]] = []

    def subgraphs(self, events: Sequence[Event], caps: Caps) -> list[Subgraph]:
        self.asked.append((len(events), caps))
        return self._mirror.subgraphs(events, caps)


def alerts(folder: Path, text: str) -> RuleSet:
    """The rules of a text, each an alert by itself."""
    return rules_of(folder, text.replace("[[rule]]", "[[rule]]\nalert = true"))


@pytest.mark.parametrize("kind", ["velocity", "shared", "sequence", "fan", "gathering", "reported", ""])
def test_what_is_demanded_is_what_the_whole_subgraph_says(tmp_path: Path, kind: str) -> None:
    """Each kind alone, and all of them: reading less changes no alert. Some edges come after the reader is made."""
    rules = alerts(tmp_path, EVERY.replace("at_least = 3", "at_least = 2"))
    rules = RuleSet(rules.names, tuple(rule for rule in rules.rules if kind in ("", rule.kind)))
    fired = 0
    for seed in range(25):
        history, mirror = history_of(seed), Mirror()
        mirror.apply(history[:10])
        demands = Demands(rules, mirror, CAPS)
        mirror.apply(history[10:])
        events = [event_of(edge) for edge in edges_of(history)]
        wanted = [demanded(rules.findings(subgraph)) for subgraph in mirror.subgraphs(events, CAPS)]
        assert demands.of(events) == wanted
        fired += sum(rule is not None for rule in wanted)
    assert fired


def test_another_reader_is_asked_once(tmp_path: Path) -> None:
    """Neo4j has no arrays: the subgraph is read, as far as the rules look."""
    history, mirror = history_of(1), Mirror()
    mirror.apply(history)
    reader = Watched(mirror)
    events = [event_of(edge) for edge in edges_of(history)]
    Demands(alerts(tmp_path, VELOCITY), reader, CAPS).of(events)
    assert reader.asked == [(len(events), Caps((16,)))]


def test_nothing_is_read_of_events_no_rule_is_asked_of(tmp_path: Path) -> None:
    """A rule of transfers reads transfers, one hop far; a withdrawn event has no neighbourhood."""
    history, mirror = history_of(1), Mirror()
    mirror.apply(history)
    reader = Watched(mirror)
    demands = Demands(alerts(tmp_path, VELOCITY + 'relation = "transfer"\n'), reader, CAPS)
    events = [event_of(edge) for edge in edges_of(history)]
    transfers = [event for event in events if event.relation == "TRANSFER"]
    demands.of([*events, msgspec.structs.replace(transfers[0], kind="withdrawn")])
    assert reader.asked == [(len(transfers), Caps((16,)))]
    assert demands.of([event for event in events if event not in transfers]) == [None] * (len(events) - len(transfers))
    assert len(reader.asked) == 1


def test_rules_that_are_no_alert_are_not_asked(tmp_path: Path) -> None:
    """They wait until somebody may look."""
    mirror, history = Mirror(), history_of(1)
    mirror.apply(history)
    reader = Watched(mirror)
    events = [event_of(edge) for edge in edges_of(history)]
    assert Demands(rules_of(tmp_path, EVERY), reader, CAPS).of(events) == [None] * len(events)
    assert reader.asked == []


def test_a_shop_with_a_reported_customer_is_no_alert(tmp_path: Path) -> None:
    """Known frauds alone would say so; who is busy shows in everything, which is read before an alert is asked for."""
    mirror = Mirror()
    paid = [
        EdgeUpsert(owner, position(n), START_MS + n, "TRANSFER", f"Account:{n}", "Account:shop", START_MS + n, {})
        for n, owner in enumerate(f"rows:{n}:x" for n in range(18))
    ]
    mirror.apply([*paid[:17], LabelUpsert("told:3:label", position(3), START_MS + 3, "rows:3:x", True)])
    demands = Demands(alerts(tmp_path, REPORTED), mirror, CAPS)
    assert demands.of([event_of(paid[17])]) == [None]
    assert demands.of([event_of(paid[9])]) == ["r"]  # nine customers make no shop


def test_subgraphs_that_were_read_are_not_read_again(tmp_path: Path) -> None:
    """Where rows wait for a refused record, the scorer has them."""
    history, mirror = history_of(1), Mirror()
    mirror.apply(history)
    reader = Watched(mirror)
    events = [event_of(edge) for edge in edges_of(history)]
    demands = Demands(alerts(tmp_path, VELOCITY), reader, CAPS)
    assert demands.of(events, mirror.subgraphs(events, CAPS)) == demands.of(events)
    assert len(reader.asked) == 1


def test_a_mirror_keeps_one_lane_however_often_models_change(tmp_path: Path) -> None:
    """Each model that comes on duty asks anew."""
    mirror, rules = Mirror(), alerts(tmp_path, VELOCITY + 'relation = "transfer"\n')
    first, second = (Demands(rules, mirror, CAPS) for _ in range(2))
    assert isinstance(first._first, Glimpses) and isinstance(second._first, Glimpses)
    assert first._first._lane is second._first._lane
