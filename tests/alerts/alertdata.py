"""Scores to test with: a mule ring made by hand, and small scores around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graph.model import Event, Subgraph, SubgraphEdge
from ingest.events import Position
from scoring.score import Contribution, Score

NOW_MS = 1_792_000_000_000  # 2026-10-14, on the demo bank's clock
MINUTE = 60_000


def pos(offset: int, row: int = 0) -> str:
    """A position token in the demo bank's log."""
    return Position("bank", 0, True, 1, offset, row).token


def event(id: str = "transfers:981:transfer", offset: int = 100, **changed: Any) -> Event:
    """A transfer from account 17 to account 99."""
    facts: dict[str, Any] = {
        "kind": "new", "pos": pos(offset), "known_ms": NOW_MS + 40, "relation": "TRANSFER",
        "src": "Account:17", "dst": "Account:99", "time_ms": NOW_MS,
        "attributes": {"amount": 1_234_567, "currency": "CZK", "channel": "mobile"},
    }  # fmt: skip
    return Event(id=id, **(facts | changed))


def score(probability: float = 0.95, *, revision: int = 1, of: Event | None = None, **changed: Any) -> Score:
    """A score with a reason and no subgraph, unless given."""
    facts: dict[str, Any] = {
        "provisional": False, "model": "rgcn-1", "reasons": ("money came in and left within the hour",),
        "contributions": (), "subgraph": None, "read_at": pos(90),
    }  # fmt: skip
    return Score(event=of or event(), revision=revision, probability=probability, **(facts | changed))


@dataclass
class Ring:
    """A mule ring around the event's source: victims pay in, mules are fed, a device and an IP are shared."""

    edges: list[SubgraphEdge]

    def add(
        self, relation: str, src: str, dst: str, minutes: int, hop: int, label: bool | None = None, **attributes: Any
    ) -> None:
        """One edge, `minutes` before the event."""
        owner = f"{relation.lower()}s:{len(self.edges) + 1}:{relation.lower()}"
        time_ms = NOW_MS - minutes * MINUTE
        self.edges.append(SubgraphEdge(owner, relation, src, dst, time_ms, attributes, label, hop))


def _edges() -> list[SubgraphEdge]:
    ring = Ring([])
    for victim, minutes, amount in ((31, 55, 410_000), (32, 48, 395_000), (33, 41, 288_050), (34, 33, 152_500)):
        ring.add(
            "TRANSFER",
            f"Account:{victim}",
            "Account:17",
            minutes,
            1,
            victim == 31 or None,
            amount=amount,
            currency="CZK",
            channel="mobile",
        )
        ring.add("OWNS", f"User:{victim - 20}", f"Account:{victim}", 400_000 + victim, 2)
    ring.add("OWNS", "User:5", "Account:17", 90_000, 1)
    ring.add("OWNS", "User:8", "Account:99", 2_900, 1)
    ring.add("OWNS", "User:9", "Account:98", 2_800, 2)
    for minutes, amount in ((25, 99_000), (19, 98_500), (12, 97_250)):
        ring.add("TRANSFER", "Account:17", "Account:98", minutes, 1, amount=amount, currency="CZK", channel="mobile")
    ring.add("TRANSFER", "Account:99", "Account:97", 300, 1, True, amount=880_000, currency="CZK", channel="web")
    ring.add("TRANSFER", "Account:98", "Account:97", 8, 2, amount=294_000, currency="CZK", channel="web")
    for user, device, minutes in (
        (5, "d-71c9", 58),
        (8, "d-71c9", 90),
        (9, "d-71c9", 84),
        (5, "d-0a11", 20_000),
        (11, "d-5512", 600),
    ):
        ring.add("LOGIN", f"User:{user}", f"Device:{device}", minutes, 2)
    for device, ip, minutes in (
        ("d-71c9", "203.0.113.7", 58),
        ("d-71c9", "198.51.100.23", 90),
        ("d-0a11", "192.0.2.14", 20_000),
        ("d-5512", "192.0.2.80", 600),
    ):
        ring.add("CONNECT", f"Device:{device}", f"IP:{ip}", minutes, 3)
    ring.add("MODIFY", "User:5", "Contact:9f2c4e71aa03bd5588121c0d77e4f0a9", 57, 2, field="phone")
    ring.add("MODIFY", "User:8", "Contact:9f2c4e71aa03bd5588121c0d77e4f0a9", 2_880, 2, field="phone")
    ring.add("MODIFY", "User:12", "Contact:11d0ee42c96b7f10a0b9c8d7e6f50413", 50_000, 3, field="email")
    return sorted(ring.edges, key=lambda edge: (edge.hop, -edge.time_ms, edge.owner))


def ring_score(
    id: str = "transfers:981:transfer",
    probability: float = 0.968,
    offset: int = 100,
    edges: list[SubgraphEdge] | None = None,
    **changed: Any,
) -> Score:
    """A score with the whole ring around it."""
    edges = edges or _edges()
    about = event(id, offset)
    nodes = tuple(dict.fromkeys([about.src, about.dst, *(key for edge in edges for key in (edge.src, edge.dst))]))
    weights = {"TRANSFER": 0.9, "LOGIN": 0.5, "MODIFY": 0.7, "CONNECT": 0.3, "OWNS": -0.1}
    parts = [
        Contribution(
            "edge",
            edge.owner,
            round(weights[edge.relation] * (2.0 if edge.label else 1.0) / edge.hop * (0.6 + 0.05 * at), 3),
        )
        for at, edge in enumerate(edges)
    ]
    parts += [Contribution("feature", "amount", 0.61), Contribution("feature", "hour_of_day", -0.22)]
    parts.sort(key=lambda part: -abs(part.value))
    reasons = (
        "4 accounts paid in within the hour before, 12,455.50 CZK in all",
        "one device (d-71c9) signed in for 3 users",
        "user 5 changed the phone number 57 minutes before",
        "account 31 and account 97 are on transfers reported as fraud",
    )
    return score(
        probability, of=about, reasons=reasons, contributions=tuple(parts),
        subgraph=Subgraph(about, nodes, tuple(edges)), **changed,
    )  # fmt: skip


def wide_edges(count: int) -> list[SubgraphEdge]:
    """`count` edges around account 17: what a busy account's capped neighbourhood looks like."""
    ring = Ring([])
    for at in range(count):
        if at % 3 == 0:
            ring.add(
                "TRANSFER",
                f"Account:{100 + at}",
                "Account:17",
                10 + at,
                1,
                at % 30 == 0 or None,
                amount=10_000 * (at + 1),
                currency="CZK",
            )
        elif at % 3 == 1:
            ring.add(
                "TRANSFER",
                f"Account:{100 + at - 1}",
                f"Account:{200 + at % 20}",
                20 + at,
                2,
                amount=9_000,
                currency="CZK",
            )
        else:
            ring.add("OWNS", f"User:{at % 40}", f"Account:{100 + at - 2}", 9_000 + at, 2)
    return ring.edges
