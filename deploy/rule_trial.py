"""A rules file on a simulated bank: how often each rule fires, and how often it is right by the bank's truth.

The bank goes through mapping and mirror as the demo's does, and each event is asked about the moment its change
arrives, so that nothing later exists yet.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.demo import bank as demo
from deploy.demo.settings import DAY_MS, BankSettings
from deploy.demo.training import change_of, demo_mapping
from deploy.rule_cost import cost_us
from graph.mapping import Mapping
from graph.mirror import Mirror
from graph.model import Caps, Event
from scoring.rules import Finding, Names, RuleSet, demanded, read, total

WARM = 21  # days before the rules are asked: devices are known, and frauds are reported late
ALERT_FROM = 0.6  # as of `RuleEngine`: the rules' total from which they alert where no model scores


@dataclass(frozen=True, slots=True)
class Bank:
    """Which bank is simulated, and for how many days the rules are asked, behind how many to warm up."""

    seed: int
    users: int
    days: int
    warm: int = WARM


@dataclass(slots=True)
class Tally:
    """What one rule did: on which events it fired, which of them were fraud, and one of its sentences."""

    name: str
    alert: bool
    fired: int = 0
    right: int = 0
    episodes: set[str] = field(default_factory=set)
    example: str = ""

    def count(self, episode: str | None, sentence: str = "") -> None:
        """It fired on an event, which was part of an episode of fraud, or of none."""
        self.fired += 1
        if episode is not None:
            self.right += 1
            self.episodes.add(episode)
        if sentence and (not self.example or self.right == 1):  # of a fraud, where it found one
            self.example = sentence

    @property
    def precision(self) -> float | None:
        """Of the events it fired on, the share that was fraud; None where it never did."""
        return self.right / self.fired if self.fired else None


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it.

    Attributes:
        us_per_event: processor time of asking all rules of one event, reading its subgraph included, and without.
        alert_us: of asking only those that raise alerts by themselves, by how many are asked together.
    """

    bank: Bank
    events: int
    frauds: int
    episodes: int
    tallies: tuple[Tally, ...]
    us_per_event: tuple[float, float]
    alert_us: dict[int, float]

    def recall(self, tally: Tally) -> float | None:
        """Of the events that were fraud, the share a rule fired on; None where none was."""
        return tally.right / self.frauds if self.frauds else None


def tried(path: Path, bank: Bank) -> Trial:
    """Try a file. The demo bank's names stand in for the bank's own.

    Raises:
        RulesError: the file can't be used, or a rule names a relation that the demo bank has not.
    """
    mapping = demo_mapping()
    rules = read(path, mapping.relations, Names()).rules
    simulated = demo.Bank(BankSettings(seed=bank.seed, users=bank.users, days=bank.warm + bank.days))
    mirror, clock = Mirror(), _Clock()
    since_ms = simulated.settings.start_ms + bank.warm * DAY_MS
    asked = list(_asked(simulated, mapping, since_ms, _Asking(rules, mirror, clock)))
    tallies, frauds = _counted(rules, asked, _truth(simulated, mapping))
    each = 1e6 / max(1, len(asked))
    took = ((clock.reading_s + clock.asking_s) * each, clock.asking_s * each)
    alerting = cost_us(rules, mirror, [event for event, _ in asked])
    return Trial(bank, len(asked), frauds.total(), len(frauds), tallies, took, alerting)


@dataclass(slots=True)
class _Clock:
    """Processor seconds of this thread."""

    reading_s: float = 0.0
    asking_s: float = 0.0


@dataclass(frozen=True, slots=True)
class _Asking:
    """The rules, where they read, and the clock that is kept."""

    rules: RuleSet
    mirror: Mirror
    clock: _Clock

    def findings(self, event: Event) -> tuple[Finding, ...]:
        """What they find of an event."""
        if not self.rules.asks(event):
            return ()
        started = time.thread_time()
        subgraph = self.mirror.subgraphs([event], self.rules.caps(Caps()))[0]
        read_s = time.thread_time()
        found = self.rules.findings(subgraph)
        self.clock.reading_s += read_s - started
        self.clock.asking_s += time.thread_time() - read_s
        return found


Asked = tuple[Event, tuple[Finding, ...]]


def _asked(simulated: demo.Bank, mapping: Mapping, since_ms: int, asking: _Asking) -> Iterator[Asked]:
    """Each new event from a time on, and what the rules found."""
    for number, row in enumerate(simulated.changes(), 1):
        plan = mapping.plan(change_of(row, number))
        asking.mirror.apply(plan.upserts)
        for event in plan.events:
            if event.kind == "new" and event.time_ms >= since_ms:
                yield event, asking.findings(event)


def _truth(simulated: demo.Bank, mapping: Mapping) -> dict[str, str]:
    """The episode of each event that was fraud."""
    roles = {table: edge.role for table, rule in mapping.file.tables.items() for edge in rule.edges if edge.event}
    return {f"{row.event_table}:{row.event_id}:{roles[row.event_table]}": row.episode for row in simulated.truth}


def _counted(rules: RuleSet, asked: Sequence[Asked], truth: dict[str, str]) -> tuple[tuple[Tally, ...], Counter[str]]:
    """What each rule did, and what they come to together; and the frauds there were, by episode."""
    tallies = {rule.name: Tally(rule.name, rule.alert) for rule in rules.rules}
    together = [Tally("any of them", False), Tally(f"together from {ALERT_FROM:g}", False), Tally("alerts", True)]
    for event, found in asked:
        episode = truth.get(event.id)
        for finding in found:
            tallies[finding.rule].count(episode, finding.sentence)
        holds = (bool(found), total(found) >= ALERT_FROM, demanded(found) is not None)
        for tally, held in zip(together, holds, strict=True):
            if held:
                tally.count(episode)
    shown = together if rules.demanding else together[:-1]
    return (*tallies.values(), *shown), Counter(truth[event.id] for event, _ in asked if event.id in truth)
