"""An account taken over: a month of one device, then another, a changed contact, and money to an account of two days.

All of it by hand, in a mirror, with the demo's shipped model over it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from graph.mirror import Mirror
from graph.model import EdgeUpsert, Event, Gone, LabelUpsert, Scalar
from scoring import registry
from scoring.engine import Engine
from scoring.score import Score
from scoring.scorer import EventScorer

HOUR_MS = 3_600_000
NOW_MS = 1_770_000_000_000
DEMO = Path(registry.__file__).parent / "models" / "demo"
LOADED = registry.load(DEMO)
NEW_DEVICE, CHANGED_CONTACT = "logins:77:login", "changes:88:contact"


def pos(number: int) -> str:
    """The bank's log, in order."""
    return f"bank/0001.1.00000001.{number:016x}.000000"


@dataclass
class Taken:
    """The mirror, the model, and where the log is."""

    mirror: Mirror = field(default_factory=Mirror)
    engine: Engine = field(default_factory=lambda: Engine.of(LOADED))
    number: int = 0

    def put(self, relation: str, src: str, dst: str, hours: float, owner: str = "", **attributes: Scalar) -> str:
        """One edge, so many hours before; gives its owner."""
        self.number += 1
        time_ms, owner = NOW_MS - int(hours * HOUR_MS), owner or f"rows:{self.number}:{relation.lower()}"
        self.mirror.apply([EdgeUpsert(owner, pos(self.number), time_ms, relation, src, dst, time_ms, attributes)])
        return owner

    def report(self, event: str, hours: float, fraud: bool = True, owner: str = "") -> LabelUpsert:
        """Somebody says so, so many hours before (or, below zero, after)."""
        self.number += 1
        label = LabelUpsert(
            owner or f"reports:{self.number}:label", pos(self.number), NOW_MS - int(hours * HOUR_MS), event, fraud
        )
        self.mirror.apply([label])
        return label

    def take_back(self, label: LabelUpsert, hours: float) -> None:
        """The report's row is deleted."""
        self.number += 1
        self.mirror.apply([Gone(label.owner, pos(self.number), NOW_MS - int(hours * HOUR_MS), None)])

    def event(self, **changed: object) -> Event:
        """The transfer, right behind what the log holds by now."""
        facts = {
            "id": "transfers:99:transfer", "kind": "new", "pos": pos(self.number + 1), "known_ms": NOW_MS,
            "relation": "TRANSFER", "src": "Account:1", "dst": "Account:3", "time_ms": NOW_MS,
            "attributes": {"amount": 240_000, "currency": "EUR", "channel": "web"},
        }  # fmt: skip
        return Event(**(facts | changed))  # type: ignore[arg-type]

    def score(self, **changed: object) -> Score:
        """What the model says of it, with the evidence, whatever its probability."""
        (score,) = EventScorer(self.engine, self.mirror, threshold=1e-9).score([self.event(**changed)])
        return score


def taken_over() -> Taken:
    """The month, and the last three hours."""
    bank = Taken()
    for user, hours in ((1, 9_000), (2, 8_000), (3, 48)):
        bank.put("OWNS", f"User:{user}", f"Account:{user}", hours)
    bank.put("MODIFY", "User:1", "Contact:first", 9_000, field="phone")
    for day in range(30, 1, -1):
        bank.put("LOGIN", "User:1", "Device:old", 24 * day + 3)
        if day % 4 == 0:
            bank.put("TRANSFER", "Account:1", "Account:2", 24 * day + 2, amount=4_000, currency="EUR", channel="app")
    bank.put("CONNECT", "Device:old", "IP:home", 100)
    bank.put("LOGIN", "User:1", "Device:new", 3, owner=NEW_DEVICE)
    bank.put("CONNECT", "Device:new", "IP:far", 3)
    bank.put("MODIFY", "User:1", "Contact:changed", 2.5, owner=CHANGED_CONTACT, field="phone")
    bank.put("TRANSFER", "Account:1", "Account:3", 0.3, amount=190_000, currency="EUR", channel="web")
    return bank
