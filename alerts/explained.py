"""Why a score is what it is, ready to show: its parts in words, how completely they add up, frauds alike. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from alerts import words
from alerts.views import Detail, Summary
from graph.model import Event, Subgraph, SubgraphEdge
from scoring.words import RULE, phrase

SHOWN = 14


class Part(msgspec.Struct, frozen=True):
    """One part in words; `edge` is the owner of the edge it is about, or empty."""

    text: str
    detail: str
    value: float
    edge: str


class Near(msgspec.Struct, frozen=True):
    """A known fraud that looks alike; `alert` is the number of its alert, where it has one."""

    text: str
    time_ms: int
    amount: str | None
    known_ms: int
    similarity: float
    event_id: str
    alert: int | None


class Why(msgspec.Struct, frozen=True):
    """What the page shows.

    Attributes:
        parts: strongest first, at most `SHOWN`.
        weaker: how many are left out, `rest` what they add together.
        strongest: the largest absolute value among the parts, 1 where there are none.
        mark: how far the parts can be trusted, in two words, `detail` at length.
        complete: whether an explanation is there.
        total: what all parts add up to, in a sentence.
    """

    parts: list[Part]
    weaker: int
    rest: float
    strongest: float
    mark: str
    detail: str
    complete: bool
    total: str
    near: list[Near]


def why(detail: Detail) -> Why:
    """What is known of an alert: the explanation where it is there, else what the scorer said at once."""
    full = detail.explanation
    told = full is not None and full["method"] != "none"
    listed = full["contributions"] if full is not None and told else detail.contributions
    found = parts(detail.subgraph, listed, detail.alert, (full or {}).get("about"))
    left = found[SHOWN:]
    mark, said = _mark(detail.alert, full)
    return Why(
        parts=found[:SHOWN],
        weaker=len(left),
        rest=sum(part.value for part in left) + (float(full["rest"]) if full is not None and told else 0.0),
        strongest=max((abs(part.value) for part in found), default=0.0) or 1.0,
        mark=mark,
        detail=said,
        complete=told,
        total=_total(full) if full is not None and told else "",
        near=[_near(one, detail.near_alerts) for one in full["neighbours"]] if full is not None else [],
    )


def parts(
    subgraph: dict[str, Any] | None,
    contributions: Sequence[dict[str, Any]],
    alert: Summary,
    about: Mapping[str, str] | None = None,
) -> list[Part]:
    """Contributions as an analyst reads them, strongest first; features that say the same are one.

    Args:
        subgraph, contributions: as stored.
        alert: whose they are.
        about: of features that speak of one edge, its owner: it is named.
    """
    edges = {edge.owner: edge for edge in msgspec.convert(subgraph, Subgraph).edges} if subgraph else {}
    event = Event(alert.event_id, "new", "", 0, alert.relation, alert.src, alert.dst, alert.time_ms, {})
    found: list[Part] = []
    same: dict[str, list[dict[str, Any]]] = {}
    for part in contributions:
        if part["kind"] == "edge":
            found.append(_edge(part, edges.get(part["name"])))
        else:
            same.setdefault(_phrase(part["name"], event), []).append(part)
    for text, each in same.items():
        meant = [owner for part in each if (owner := (about or {}).get(part["name"]))]
        found.append(_features(text, each, edges.get(meant[0]) if meant else None))
    return sorted(found, key=lambda part: -abs(part.value))


def _phrase(name: str, event: Event) -> str:
    return f"the rule {name.removeprefix(RULE).replace('_', ' ')}" if name.startswith(RULE) else phrase(name, event)


def _features(text: str, same: Sequence[Mapping[str, Any]], edge: SubgraphEdge | None) -> Part:
    detail = " · ".join(f"{part['name']} {float(part['value']):+.2f}" for part in same)
    named = f": {_said(edge)}" if edge is not None else ""
    value = sum(float(part["value"]) for part in same)
    return Part(text[:1].upper() + text[1:] + named, detail, value, edge.owner if edge is not None else "")


def _said(edge: SubgraphEdge) -> str:
    """What happened, with its day and minute."""
    return f"{words.event(edge.relation, edge.src, edge.dst, edge.attributes)}, {words.utc(edge.time_ms)[5:16]}"


def _edge(part: Mapping[str, Any], edge: SubgraphEdge | None) -> Part:
    if edge is None:
        return Part(str(part["name"]), "an edge", float(part["value"]), str(part["name"]))
    amount = words.amount_of(edge.attributes)
    said = words.event(edge.relation, edge.src, edge.dst, edge.attributes) + (f", {amount}" if amount else "")
    reported = "reported as fraud" if edge.label else ""
    detail = " · ".join(text for text in (words.utc(edge.time_ms), amount, reported, edge.owner) if text)
    return Part(said + (" (reported)" if reported else ""), detail, float(part["value"]), edge.owner)


def _mark(alert: Summary, full: Mapping[str, Any] | None) -> tuple[str, str]:
    if full is not None and full["method"] != "none":
        share = float(full["relative_error"])
        detail = (
            f"{full['method']}, {full['steps']} steps; all parts together are off by "
            f"{full['completeness_error']:.4f} of {abs(full['logit'] - full['reference']):.2f} log-odds"
        )
        return f"complete to {_percent(share)}", detail
    if full is not None:
        return "approximate", str(full["reason"] or "")
    if alert.state == "withdrawn" or (alert.probability < alert.threshold and alert.alert_by is None):
        return "approximate", "what the scorer saw when the alert was raised"
    return "approximate", "the full explanation is being made"


def _percent(share: float) -> str:
    return "0.1 %" if share <= 0.001 else f"{math.ceil(share * 1000) / 10:.1f} %"


def _total(full: Mapping[str, Any]) -> str:
    """What the parts add up to: an average event's probability, and this one's."""
    logit, reference = float(full["logit"]), float(full["reference"])
    return (
        f"Log-odds: {reference:+.2f} for an average event ({_chance(reference)}), "
        f"{logit - reference:+.2f} by all parts, {logit:+.2f} for this one ({_chance(logit)})."
    )


def _chance(odds: float) -> str:
    share = 100 / (1 + math.exp(-max(-40.0, min(40.0, odds))))
    return f"{share:.2f} %" if share < 1 else f"{share:.0f} %"


def _near(one: Mapping[str, Any], alerts: Mapping[str, int]) -> Near:
    said = words.event(one["relation"], one["src"], one["dst"], one["attributes"])
    return Near(
        said, one["time_ms"], words.amount_of(one["attributes"]), one["known_ms"], one["similarity"],
        one["event_id"], alerts.get(one["event_id"]),
    )  # fmt: skip
