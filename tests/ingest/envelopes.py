"""Records as Debezium's MariaDB connector sends them (JsonConverter without schemas)."""

from __future__ import annotations

from typing import Any

import msgspec

from ingest.records import Record

EPOCH = (("epoch", b"1"),)


def source(table: str = "transfers", **changes: Any) -> dict[str, Any]:
    """The source block, as 3.5 sends it."""
    return {
        "version": "3.5.0.Final", "connector": "mariadb", "name": "bank", "ts_ms": 1_700_000_000_000,
        "snapshot": "false", "db": "bank", "sequence": None, "ts_us": 1_700_000_000_000_000,
        "ts_ns": 1_700_000_000_000_000_000, "table": table, "server_id": 1, "gtid": None,
        "file": "binlog.000003", "pos": 4_217, "row": 0, "thread": None, "query": None,
    } | changes  # fmt: skip


def body(op: str, before: Any = None, after: Any = None, **changes: Any) -> dict[str, Any]:
    """An envelope; `changes` go into its source."""
    return {
        "before": before, "after": after, "source": source(**changes), "op": op, "transaction": None,
        "ts_ms": 1_700_000_000_123, "ts_us": 1_700_000_000_123_456, "ts_ns": 1_700_000_000_123_456_789,
    }  # fmt: skip


def record(value: Any, key: Any = None, offset: int = 0, headers: Any = EPOCH, **at: Any) -> Record:
    """A record of a value and a key; both encoded unless they are bytes or None."""
    value = value if value is None or isinstance(value, bytes) else msgspec.json.encode(value)
    key = key if key is None or isinstance(key, bytes) else msgspec.json.encode(key)
    place: dict[str, Any] = {"topic": "bank.bank.transfers", "partition": 0} | at
    return Record(offset=offset, key=key, value=value, headers=headers, timestamp_ms=1_700_000_000_500, **place)


def transfer(id: int = 1, **changes: Any) -> dict[str, Any]:
    """A row of the demo bank."""
    return {
        "id": id, "src_account": 1, "dst_account": 2, "amount": "12.50", "currency": "EUR",
        "channel": "app", "status": "booked", "at": 1_699_999_999_000,
    } | changes  # fmt: skip
