"""The rules an analyst would write down, over the same subgraph the network reads.

They stand beside the network in every report, say in a sentence what is odd about an event, and are
the fall-back where no model is promoted. Each rule is a function from a `View` to a `Finding` or None.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from graph.model import Subgraph, SubgraphEdge, split_key

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
BUSY = 16  # edges in view: a capped read that is full (a shop, an employer) shows no change of pace


@dataclass(frozen=True, slots=True)
class Names:
    """What the bank's relations are called, and the attribute that holds a transfer's amount (minor units)."""

    transfer: str = "TRANSFER"
    login: str = "LOGIN"
    connect: str = "CONNECT"
    modify: str = "MODIFY"
    owns: str = "OWNS"
    amount: str = "amount"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found: its name, how strongly (0 to 1), and why, in a sentence."""

    rule: str
    strength: float
    sentence: str


class View:
    """A subgraph with the look-ups rules need. `now_ms` is the event's time."""

    def __init__(self, subgraph: Subgraph, names: Names) -> None:
        """Index the subgraph's edges by relation."""
        self.event, self.names, self.now_ms = subgraph.event, names, subgraph.event.time_ms
        self.edges = subgraph.edges
        self._by: dict[str, list[SubgraphEdge]] = defaultdict(list)
        for edge in subgraph.edges:
            self._by[edge.relation].append(edge)

    def within(self, relation: str, window_ms: int | None = None) -> list[SubgraphEdge]:
        """Edges of a relation, newest window only if one is given."""
        edges = self._by.get(relation, [])
        return edges if window_ms is None else [e for e in edges if self.now_ms - e.time_ms <= window_ms]

    @property
    def user(self) -> str | None:
        """Who acts: the event's source, or the owner of the account it leaves from."""
        if self.event.relation != self.names.transfer:
            return self.event.src
        owners = [edge.src for edge in self.within(self.names.owns) if edge.dst == self.event.src]
        return min(owners, default=None)

    def amount(self, edge: SubgraphEdge) -> int:
        """A transfer's amount, minor units; 0 where it has none."""
        return _number(edge.attributes.get(self.names.amount))


def _number(value: object) -> int:
    return int(abs(value)) if isinstance(value, int | float) and value == value else 0


def _ramp(value: float, low: float, high: float) -> float:
    """0 at `low` and below, 1 at `high` and above."""
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _ago(age_ms: int) -> str:
    minutes = age_ms // 60_000
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 72 * 60 else f"{minutes // 1440} days"


def _money(minor: int) -> str:
    return f"{minor / 100:,.2f}"


def _kind(node: str) -> str:
    return split_key(node)[0].lower()


def velocity(view: View) -> Finding | None:
    """More of the same from one source in an hour than people do."""
    same = [e for e in view.within(view.event.relation, HOUR_MS) if e.src == view.event.src]
    strength = _ramp(len(same) + 1, 4, 12)
    if not strength or len(same) >= BUSY:
        return None
    what = view.event.relation.lower()
    return Finding(
        "velocity", 0.6 * strength, f"{len(same) + 1} {what} events from this {_kind(view.event.src)} in 1 h"
    )


def shared_device(view: View) -> Finding | None:
    """One device, several people in a day: more than a family's tablet."""
    users: dict[str, set[str]] = defaultdict(set)
    for edge in view.within(view.names.login, DAY_MS):
        users[edge.dst].add(edge.src)
    if view.event.relation == view.names.login:
        users[view.event.dst].add(view.event.src)
    user = view.user
    mine = {device: others - {user} for device, others in users.items() if user in others} if user else {}
    others = max(mine.values(), key=lambda found: (len(found), sorted(found)), default=set())
    reported = others & _reported(view.edges)
    strength = max(_ramp(len(others), 1, 6), _ramp(len(reported), 0, 3))
    if not strength:
        return None
    tail = f", {len(reported)} of them reported" if reported else ""
    return Finding(
        "shared_device", 0.8 * strength, f"this device was used by {_count(len(others), 'other user')} in 24 h{tail}"
    )


def _reported(edges: Iterable[SubgraphEdge]) -> set[str]:
    """Nodes on an edge that is known to be fraud."""
    return {node for edge in edges if edge.label for node in (edge.src, edge.dst)}


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def takeover(view: View) -> Finding | None:
    """A new device, then a changed contact, then money out (or the change itself)."""
    user = view.user
    if user is None or view.event.relation == view.names.login:
        return None
    fresh = _new_device_ms(view, user)
    changes = [e.time_ms for e in view.within(view.names.modify, 3 * DAY_MS) if e.src == user]
    if view.event.relation == view.names.modify:
        changes = [view.now_ms]
    if fresh is None:
        return None
    after = [time_ms for time_ms in changes if time_ms >= fresh]
    when = f"a device new to this user logged in {_ago(view.now_ms - fresh)} ago"
    if not after:
        return Finding("takeover", 0.3, when)
    if view.event.relation == view.names.modify:
        return Finding("takeover", 0.6, f"{when}, and now a contact is changed")
    ends = "and now money leaves" if view.event.relation == view.names.transfer else "and now the user acts"
    return Finding("takeover", 0.9, f"{when}, a contact was changed {_ago(view.now_ms - max(after))} ago, {ends}")


def _new_device_ms(view: View, user: str) -> int | None:
    """When the newest device of the user was first seen, if that was in the last 3 days and others were before."""
    first: dict[str, int] = {}
    for edge in view.within(view.names.login):
        if edge.src == user:
            first[edge.dst] = min(edge.time_ms, first.get(edge.dst, edge.time_ms))
    newest = max(first.values(), default=None)
    if newest is None or len(first) < 2 or view.now_ms - newest > 3 * DAY_MS:
        return None
    return newest


def fan_in_fan_out(view: View) -> Finding | None:
    """Several accounts pay in, and within hours the money leaves again."""
    if view.event.relation != view.names.transfer:
        return None
    window_ms = 12 * HOUR_MS
    inflow = [e for e in view.within(view.names.transfer, window_ms) if e.dst == view.event.src]
    senders = {edge.src for edge in inflow}
    total = sum(map(view.amount, inflow))
    leaving = _number(view.event.attributes.get(view.names.amount))
    leaving += sum(view.amount(e) for e in view.within(view.names.transfer, window_ms) if e.src == view.event.src)
    if len(senders) < 2 or leaving * 2 < total:
        return None
    return Finding(
        "fan_in_fan_out",
        0.9 * _ramp(len(senders), 1, 6),
        f"{len(senders)} accounts sent {_money(total)} to this account in 12 h, and {_money(leaving)} leaves it again",
    )


def gathering(view: View) -> Finding | None:
    """The account that is paid now is paid by several accounts that never paid it before."""
    if view.event.relation != view.names.transfer:
        return None
    into = [e for e in view.within(view.names.transfer) if e.dst == view.event.dst]
    known = {e.src for e in into if view.now_ms - e.time_ms > DAY_MS}
    fresh = {e.src for e in into if view.now_ms - e.time_ms <= DAY_MS} | {view.event.src}
    strength = _ramp(len(fresh - known), 2, 10) if len(known) < 3 else 0.0
    if not strength or len(into) >= BUSY:
        return None
    return Finding(
        "gathering", 0.6 * strength, f"{len(fresh - known)} accounts pay this one for the first time in 24 h"
    )


def reported_neighbour(view: View) -> Finding | None:
    """The accounts, the device or the person behind the event stand on events known to be fraud.

    A counterpart that deals with everybody (a shop) is left out: some of its customers are always reported.
    """
    ends = {view.user, *(end for end in (view.event.src, view.event.dst) if not _busy(view, end))}
    bad = [edge for edge in view.edges if edge.label and (edge.src in ends or edge.dst in ends)]
    if not bad:
        return None
    newest = _ago(view.now_ms - max(edge.time_ms for edge in bad))
    return Finding(
        "reported_neighbour",
        0.8 * (1 - 0.5 ** len(bad)),
        f"{_count(len(bad), 'reported event')} of the same accounts, device or user, the newest {newest} ago",
    )


def _busy(view: View, node: str) -> bool:
    others = {edge.src if edge.dst == node else edge.dst for edge in view.edges if node in (edge.src, edge.dst)}
    return len(others) >= BUSY


Rule = Callable[[View], Finding | None]
RULES: tuple[Rule, ...] = (velocity, shared_device, takeover, fan_in_fan_out, gathering, reported_neighbour)


def findings(subgraph: Subgraph, names: Names | None = None, rules: Sequence[Rule] = RULES) -> tuple[Finding, ...]:
    """What the rules find, strongest first."""
    view = View(subgraph, names or Names())
    found = [finding for rule in rules if (finding := rule(view)) is not None]
    return tuple(sorted(found, key=lambda finding: (-finding.strength, finding.rule)))


def total(found: Iterable[Finding]) -> float:
    """One score, 0 to 1: the chance that at least one of independent findings is right (noisy or)."""
    silent = 1.0
    for finding in found:
        silent *= 1.0 - finding.strength
    return 1.0 - silent
