"""A bank's history to compare graphs by: written, and written again, at what is busier than any look."""

from __future__ import annotations

import random
from dataclasses import dataclass

import msgspec

from deploy.demo.bank import Bank
from deploy.demo.settings import BankSettings
from deploy.demo.training import change_of, demo_mapping
from graph.model import EdgeUpsert, Event, Gone, LabelUpsert, Upsert

MAPPING = demo_mapping()
EMPTY = "MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 2000 ROWS"


@dataclass
class History:
    """What a bank wrote, and wrote again, in no order; its events; and where its log ends."""

    upserts: list[Upsert]
    events: list[Event]
    end: int
    now_ms: int

    def pos(self) -> str:
        """The next place in the log."""
        self.end += 1
        return f"bank/0000.1.00000001.{self.end:016x}.000000"


def bank() -> History:
    """A bank of 200 customers over a week."""
    upserts, events, number, now_ms = list[Upsert](), list[Event](), 0, 0
    for number, row in enumerate(Bank(BankSettings(seed=111, users=200, days=7)).changes(), 1):
        plan, now_ms = MAPPING.plan(change_of(row, number)), row.at_ms
        upserts += plan.upserts
        events += plan.events
    return History(upserts, events, number, now_ms)


def crowd(history: History, rng: random.Random) -> tuple[str, str]:
    """More than any look takes: an account with 5,000 payments in, of which many are reported, and one payment back for
    each ten; a user with 600 logins. Their names.
    """
    edges = [upsert for upsert in history.upserts if isinstance(upsert, EdgeUpsert)]
    paid, login = (next(e for e in edges if e.relation == kind) for kind in ("TRANSFER", "LOGIN"))
    payers = sorted({edge.src for edge in edges if edge.relation == "TRANSFER"} - {paid.dst})
    for n in range(5_000):
        history.now_ms += 1_000
        at = {"pos": history.pos(), "known_ms": history.now_ms, "time_ms": history.now_ms - 500}
        src, dst = (paid.dst, rng.choice(payers)) if n % 10 == 0 else (rng.choice(payers), paid.dst)
        said = {**paid.attributes, "amount": rng.randrange(1, 10**6)}
        owner = f"transfers:c{n}:transfer"
        history.upserts.append(
            msgspec.structs.replace(paid, owner=owner, src=src, dst=dst, attributes=said, **at)
        )
        if n % 8 == 0:
            history.upserts.append(msgspec.structs.replace(login, owner=f"logins:c{n}:login", **at))
        if n % 5 == 0:
            known = (history.pos(), history.now_ms)
            history.upserts.append(LabelUpsert(f"fraud_reports:c{n}:label", *known, owner, rng.random() < 0.3))
    return paid.dst, login.src


def revised(history: History, rng: random.Random, share: float) -> list[Upsert]:
    """Later changes of some rows: deleted, moved to another end, with another amount; reported, and corrected."""
    edges = [upsert for upsert in history.upserts if isinstance(upsert, EdgeUpsert)]
    found = list[Upsert]()
    for edge in rng.sample(edges, int(len(edges) * share)):
        history.now_ms += 1_000
        at, other = (history.pos(), history.now_ms), rng.choice(edges)
        report = f"fraud_reports:r{rng.randrange(50)}:label"  # a few reports, which say now this, now that
        match rng.randrange(5):
            case 0:
                found.append(Gone(edge.owner, *at, edge.relation))
            case 1 if other.relation == edge.relation:
                found.append(msgspec.structs.replace(edge, pos=at[0], known_ms=at[1], src=other.src))
            case 2 if "amount" in edge.attributes:
                said = {**edge.attributes, "amount": rng.randrange(1, 10**6)}
                found.append(msgspec.structs.replace(edge, pos=at[0], known_ms=at[1], attributes=said))
            case 3:
                found.append(Gone(report, *at, None))
            case _:
                found.append(LabelUpsert(report, *at, edge.owner, rng.random() < 0.5))
    return found


def asked(history: History, rng: random.Random, many: int, busy: tuple[str, str]) -> list[Event]:
    """Events of any moment in the log, and as many behind all of it; some of the latter at what is busy."""
    some = rng.sample([event for event in history.events if event.kind != "withdrawn"], many)
    late = list[Event]()
    for n, event in enumerate(some):
        account, user = busy
        ends = {"TRANSFER": {"dst": account}, "LOGIN": {"src": user}}.get(event.relation, {}) if n % 4 == 0 else {}
        at = {"pos": history.pos(), "known_ms": history.now_ms, "time_ms": history.now_ms}
        late.append(msgspec.structs.replace(event, id=f"transfers:late{n}:transfer", **at, **ends))
    return [*some, *late]
