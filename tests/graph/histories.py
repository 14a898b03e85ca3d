"""Histories of a small bank for property tests: valid logs of all that a source can bring."""

from __future__ import annotations

from pathlib import Path

import msgspec
from hypothesis import strategies as st

from graph.mapping import Mapping
from graph.model import Caps, Event, Horizon, Incomplete, Subgraph, Upsert
from graph.store import GraphStore
from ingest.events import Change, Op, Position, Row
from ingest.labels import DECISIONS

MAPPING = Path(__file__).parents[2] / "deploy/demo/mapping.toml"
KEY = b"0123456789abcdef"
TABLES = ("users", "accounts", "transfers", "logins", "fraud_reports")


def demo_mapping() -> Mapping:
    return Mapping.load(MAPPING, KEY)


def _row(table: str, key: int, pick: list[int], now_ms: int) -> dict[str, object]:
    a, b, c = pick
    return {
        "users": {"id": key, "name": f"n{a}", "country": "DE" if b else None, "phone": f"+49{c}" if c else None,
                  "email": f"e{a}@x", "address": None, "created_at": 1_000 + a},
        "accounts": {"id": key, "user_id": a, "kind": f"k{b}", "opened_at": 1_000 + c},
        "transfers": {"id": key, "src_account": a, "dst_account": b, "amount": f"{c}.50", "currency": "EUR",
                      "channel": "app", "status": f"s{c}", "at": now_ms - 500 - 10 * c},
        "logins": {"id": key, "user_id": a, "device_id": b, "ip": f"10.0.0.{c}", "at": now_ms - 400},
        "fraud_reports": {"id": key, "event_table": "transfers", "event_id": a, "is_fraud": b % 2,
                          "reported_at": now_ms - 300},
    }[table]  # fmt: skip


class Bank:
    """A bank's tables and its log in order: each before is the last after, commit times rise."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, int], Row] = {}
        self.log: list[Change] = []
        self.now_ms, self._epoch, self._at = 10_000, 1, Position("bank", 1, True, 1, 100)

    def tick(self) -> None:
        """The next commit; it stands at a place of its own in the log."""
        self.now_ms += 1_000
        self._at = Position("bank", self._epoch, True, 1, self._at.offset + 100)

    def write(self, table: str, key: int, pick: list[int]) -> None:
        """Insert, or update what is there. A row keeps its event time."""
        before, after = self.rows.get((table, key)), _row(table, key, pick, self.now_ms)
        if before is not None and table in ("transfers", "logins"):
            after["at"] = before["at"]
        if table == "fraud_reports":
            after["reported_at"] = self.now_ms  # dated back, a snapshot's is known earlier (README, Limits)
        self.rows[table, key] = after
        self._say(table, key, Op.CREATE if before is None else Op.UPDATE, before, after)

    def delete(self, table: str, key: int, known: bool) -> None:
        """Where the row before is not known, the log brings the key alone."""
        before = self.rows.pop((table, key), None)
        if before is not None:
            self._say(table, key, Op.DELETE, before if known else None, None)

    def rename(self, table: str, key: int, other: int) -> None:
        """A key change: a deletion and an insert at one place of the log (PostgreSQL)."""
        if (table, key) in self.rows and (table, other) not in self.rows:
            row = self.rows[table, key]
            self.delete(table, key, known=True)
            self.rows[table, other] = moved = {**row, "id": other}
            self._say(table, other, Op.CREATE, None, moved)

    def truncate(self, table: str) -> None:
        """All rows of a table at once."""
        self.rows = {at: row for at, row in self.rows.items() if at[0] != table}
        self.log.append(Change(table, {}, Op.TRUNCATE, None, None, self._at, self.now_ms))

    def restore(self, lost: list[int]) -> None:
        """Another server under a new epoch, where some rows never were; all that is there is read again."""
        self._epoch += 1
        self._at = Position("bank", self._epoch, False, 1, self._at.offset)
        self.rows = {at: row for n, (at, row) in enumerate(self.rows.items()) if n not in lost}
        for (table, key), row in self.rows.items():
            self._say(table, key, Op.READ, None, row)
        last = self.log.pop() if self.rows else Change("users", {}, Op.READ, None, None, self._at, self.now_ms)
        self.log.append(msgspec.structs.replace(last, completes=True))

    def decide(self, alert: int, transfer: int, fraud: bool) -> None:
        """An analyst's decision, from a source of its own."""
        row = {"event": f"transfers:{transfer}:transfer", "fraud": fraud, "alert": alert}
        at = Position("analysts", 1, True, 0, len(self.log))
        self.log.append(Change(DECISIONS, {"alert": alert}, Op.CREATE, None, row, at, self.now_ms))

    def _say(self, table: str, key: int, op: Op, before: Row | None, after: Row | None) -> None:
        self.log.append(Change(table, {"id": key}, op, before, after, self._at, self.now_ms))


@st.composite
def changes(draw: st.DrawFn, most: int = 30) -> list[Change]:
    """A log in order: writes, deletions with and without the row before, key changes, truncates, whole snapshots
    under a new epoch, analysts' decisions.
    """
    bank, keys = Bank(), st.integers(1, 3)
    for _ in range(draw(st.integers(1, most))):
        bank.tick()
        table, key = draw(st.sampled_from(TABLES)), draw(keys)
        match draw(st.sampled_from("wwwwwwwwdddkttsa")):
            case "d":
                bank.delete(table, key, draw(st.booleans()))
            case "k":
                bank.rename(table, key, draw(st.integers(1, 4)))
            case "t":
                bank.truncate(table)
            case "s":
                bank.restore(draw(st.lists(st.integers(0, 9), max_size=3)))
            case "a":
                bank.decide(key, draw(keys), draw(st.booleans()))
            case _:
                bank.write(table, key, draw(st.lists(st.integers(0, 3), min_size=3, max_size=3)))
    if not bank.log:
        bank.write("users", 1, [0, 0, 0])
    return bank.log


@st.composite
def horizons(draw: st.DrawFn, most: int = 30) -> list[Upsert]:
    """Retention horizons among a log's event times, and marks of a few rows, in no order."""
    times = draw(st.lists(st.integers(9_000, 9_500 + 1_000 * most), max_size=3))
    seqs = st.tuples(st.sampled_from(["transfers:1", "users:2"]), st.integers(0, 4), st.booleans())
    marks = draw(st.lists(seqs, max_size=6))
    return [*(Horizon("retention", ms) for ms in times), *(Incomplete(row, seq, on) for row, seq, on in marks)]


def upserts(mapping: Mapping, log: list[Change]) -> list[list[Upsert]]:
    return [list(mapping.plan(change).upserts) for change in log]


def views(store: GraphStore, log: list[Change]) -> list[Subgraph]:
    """The whole neighbourhoods of some nodes as of each place in the log, and at its end. They show what a dump does
    not: what closed each version, when, and which floor it lies below.
    """
    looks = dict.fromkeys((change.position.token, change.committed_ms) for change in log)
    events = [
        Event("views:1:view", "new", pos, ms, "TRANSFER", src, dst, ms, {})
        for pos, ms in (*looks, ("bank/ffff", log[-1].committed_ms + 1_000))
        for src, dst in (("User:1", "Account:0"), ("User:2", "Account:1"), ("User:3", "Account:2"), ("Device:1", "x"))
    ]
    return store.subgraphs(events, Caps((50,)))


def canonical(dump: object) -> list[str]:
    """A dump as sorted text, so that two graphs can be compared property for property."""
    return sorted(msgspec.json.encode(upsert, order="sorted").decode() for upsert in dump)  # type: ignore[attr-defined]
