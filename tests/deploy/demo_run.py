"""60 days of a demo bank of 1,000 customers, and its fraud by kind and episode."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from deploy.demo.bank import Bank
from deploy.demo.change import RowChange
from deploy.demo.settings import BankSettings
from deploy.demo.tables import EVENT_TABLES
from deploy.demo.truth import Truth
from ingest.events import Op

Key = tuple[str, int]


class Run:
    """60 days of a bank of 1,000 customers, read once."""

    def __init__(self) -> None:
        bank = Bank(BankSettings(seed=8, users=1_000, days=60))
        self.stream = list(bank.changes())
        self.truth = bank.truth
        self.gone = {person.id for person in bank.world.people if person.gone}
        self.fraud: dict[Key, Truth] = {(t.event_table, t.event_id): t for t in bank.truth}
        self.events: dict[Key, RowChange] = {
            (c.table, c.row_id): c for c in self.stream if c.table in EVENT_TABLES and c.op is Op.CREATE
        }
        reports = [c for c in self.stream if c.table == "fraud_reports" and c.op is Op.CREATE]
        self.reports: list[tuple[Key, int, int]] = [
            ((c.after["event_table"], c.after["event_id"]), c.after["is_fraud"], c.after["reported_at"])
            for c in reports
            if c.after is not None
        ]


Row = dict[str, Any]
OLD, NEW = ("account_takeover", "mule_ring"), ("bust_out", "structuring", "synthetic_identity")


def episodes(run: Run, kind: str, table: str) -> dict[str, list[Row]]:
    """Fraud rows of one kind and table by episode, in the order of time."""
    found = defaultdict(list)
    for t in run.truth:
        if (t.typology, t.event_table) == (kind, table):
            row = run.events[t.event_table, t.event_id].after
            assert row is not None
            found[t.episode].append(row)
    return {name: sorted(rows, key=lambda row: row["at"]) for name, rows in found.items()}


def of_kind(run: Run, kind: str) -> list[Row]:
    return [row for rows in episodes(run, kind, "transfers").values() for row in rows]


def users_of_devices(run: Run) -> dict[int, set[int]]:
    used = defaultdict(set)
    for (table, _), change in run.events.items():
        if table == "logins" and change.after is not None:
            used[change.after["device_id"]].add(change.after["user_id"])
    return used


def rows_of(run: Run, table: str, fraud: bool) -> list[Row]:
    events = run.events.items()
    return [c.after for key, c in events if key[0] == table and (key in run.fraud) is fraud and c.after is not None]


def owners(run: Run) -> dict[int, int]:
    """Whose account it is, by its last row."""
    return {c.row_id: c.after["user_id"] for c in run.stream if c.table == "accounts" and c.after is not None}
