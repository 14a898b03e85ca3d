"""What `ringwatch rules` prints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import msgspec

from deploy.figures import Figure, figure, head
from graph.mapping import Mapping
from scoring.rules import Names, RuleSet, RulesFile
from scoring.rules.rule import Rule
from scoring.rules.words import counted

if TYPE_CHECKING:  # they bring torch, which checking a file has no use for
    from deploy.rule_trial import Tally, Trial


def sentence(rule: Rule, names: Names) -> str:
    """What a rule asks, and what comes of it."""
    alert = "; an alert by itself" if rule.alert else ""
    return f"{rule.name} ({rule.kind}, strength {rule.strength:g}{alert}): {rule.told(names)}"


def hints(rules: RuleSet, mapping: Mapping) -> Iterator[str]:
    """Rules that are never asked: the mapping scores no events of theirs."""
    scored = {edge.relation for table in mapping.file.tables.values() for edge in table.edges if edge.event}
    for rule in rules.rules:
        if rule.events and scored.isdisjoint(rule.events):
            yield (
                f"{rule.name} is asked of {', '.join(rule.events)} alone, which the mapping does not score "
                f"(event = true: {', '.join(sorted(scored))}), so it never fires"
            )


def summary(name: str, file: RulesFile) -> str:
    """How many there are, once they fit."""
    number, alerts = counted(len(file.rule), "rule"), sum(rule.alert for rule in file.rule)
    return f"{name}: {number}, {alerts or 'none'} of them an alert by itself; it fits the mapping"


def table(found: Trial) -> Iterator[str]:
    """A line for each rule, and one of its sentences."""
    bank = found.bank
    yield (
        f"bank {bank.seed}: {bank.users:,} customers, {bank.days} days behind {bank.warm} to warm up: {found.events:,} "
        f"events, {found.frauds:,} of them fraud, in {found.episodes:,} episodes"
    )
    width = max(len(tally.name) for tally in found.tallies)
    yield f"{'rule':<{width}}  alert  fired  a day  precision  recall  episodes"
    for tally in found.tallies:
        yield (
            f"{tally.name:<{width}}  {'yes' if tally.alert else '':<5}  {tally.fired:>5,}  "
            f"{tally.fired / bank.days:>5.1f}  {_share(tally.precision):>9}  {_share(found.recall(tally)):>6}  "
            f"{len(tally.episodes):>8,}"
        )
    for tally in found.tallies:
        if tally.example:
            yield f"{tally.name}: {tally.example}"
    whole, asking = found.us_per_event
    yield f"{whole:.0f} µs an event, {asking:.0f} of them to ask the rules"
    for size, took_us in found.alert_us.items():
        yield f"rules that are alerts: {took_us:.0f} µs an event, {size} asked together"
    yield "simulated data promise nothing of yours"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def trial_json(found: Trial, command: str) -> str:
    """One JSON object, with figures in the one form."""
    told = head("rules", command) | {
        "bank": asdict(found.bank),
        "figures": [_row(each) for each in figures(found)],
        "rules": [_fields(found, tally) for tally in found.tallies],
    }
    return msgspec.json.format(msgspec.json.encode(told), indent=2).decode()


def figures(found: Trial) -> Iterator[Figure]:
    """Of the bank, and of each rule."""
    yield figure("events", found.events, "events")
    yield figure("frauds", found.frauds, "events")
    yield figure("us_per_event", found.us_per_event[0], "us")
    yield figure("us_per_event_asking", found.us_per_event[1], "us")
    for size, took_us in found.alert_us.items():
        yield figure(f"us_per_event_alerting@{size}", took_us, "us")
    for tally in found.tallies:
        name = tally.name.replace(" ", "_")
        yield figure(f"fired@{name}", tally.fired, "events")
        for what, value in (("precision", tally.precision), ("recall", found.recall(tally))):
            if value is not None:
                yield figure(f"{what}@{name}", value, "share", better="higher")


def _row(each: Figure) -> dict[str, object]:
    row: dict[str, object] = msgspec.to_builtins(each)
    return row | {"bar": each.bar, "better": each.better, "ok": each.ok}


def _fields(found: Trial, tally: Tally) -> dict[str, object]:
    return {
        "name": tally.name, "alert": tally.alert, "fired": tally.fired, "right": tally.right,
        "precision": tally.precision, "recall": found.recall(tally), "episodes": len(tally.episodes),
        "example": tally.example,
    }  # fmt: skip
