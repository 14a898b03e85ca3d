"""Histories of a small bank for property tests: valid logs of creates, updates, deletes and truncates."""

from __future__ import annotations

from pathlib import Path

import msgspec
from hypothesis import strategies as st

from graph.mapping import Mapping
from graph.model import Horizon, Incomplete, Upsert
from ingest.events import Change, Op, Position

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


@st.composite
def changes(draw: st.DrawFn, most: int = 30) -> list[Change]:
    """A log in order: each before is the last after, commit times rise, some tables are truncated."""
    rows: dict[tuple[str, int], dict[str, object]] = {}
    log: list[Change] = []
    for n in range(draw(st.integers(1, most))):
        table, key = draw(st.sampled_from(TABLES)), draw(st.integers(1, 3))
        now_ms = 10_000 + 1_000 * n
        position = Position("bank", 1, True, 1, 100 * (n + 1), 0)
        before = rows.get((table, key))
        kind = draw(st.sampled_from("wwwwwwddt"))
        if kind == "t" and draw(st.booleans()):
            rows = {at: row for at, row in rows.items() if at[0] != table}
            log.append(Change(table, {}, Op.TRUNCATE, None, None, position, now_ms))
        elif kind == "d" and before is not None:
            del rows[table, key]
            log.append(Change(table, {"id": key}, Op.DELETE, before, None, position, now_ms))
        else:
            after = _row(table, key, draw(st.lists(st.integers(0, 3), min_size=3, max_size=3)), now_ms)
            if before is not None and table in ("transfers", "logins"):
                after["at"] = before["at"]
            rows[table, key] = after
            op = Op.CREATE if before is None else Op.UPDATE
            log.append(Change(table, {"id": key}, op, before, after, position, now_ms))
    return log


@st.composite
def horizons(draw: st.DrawFn, most: int = 30) -> list[Upsert]:
    """Retention horizons among a log's event times, and marks of a few rows, in no order."""
    times = draw(st.lists(st.integers(9_000, 9_500 + 1_000 * most), max_size=3))
    seqs = st.tuples(st.sampled_from(["transfers:1", "users:2"]), st.integers(0, 4), st.booleans())
    marks = draw(st.lists(seqs, max_size=6))
    return [*(Horizon("retention", ms) for ms in times), *(Incomplete(row, seq, on) for row, seq, on in marks)]


def upserts(mapping: Mapping, log: list[Change]) -> list[list[Upsert]]:
    return [list(mapping.plan(change).upserts) for change in log]


def canonical(dump: object) -> list[str]:
    """A dump as sorted text, so that two graphs can be compared property for property."""
    return sorted(msgspec.json.encode(upsert, order="sorted").decode() for upsert in dump)  # type: ignore[attr-defined]
