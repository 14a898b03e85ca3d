"""The demo bank as a change stream: what Debezium would send of it, paced by this machine's clock."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec

from deploy.demo.change import RowChange
from deploy.demo.tables import Tables
from ingest.events import Op
from ingest.records import Record

EPOCH = (("epoch", b"1"),)
_encode = msgspec.json.Encoder().encode


def snapshot_records(tables: Tables, at_ms: int) -> Iterator[Record]:
    """The rows as a Debezium snapshot at `at_ms` reads them: op r, the log position they were read at."""
    for offset, (table, row) in enumerate(tables.snapshot()):
        source = _source(table, at_ms, "true", 4, 0)
        yield _record(table, row["id"], offset, {"before": None, "after": row, "source": source, "op": Op.READ})


def stream_records(changes: Iterator[RowChange]) -> Iterator[Record]:
    """Each change at a place of its own in a log: the transaction's number, the row in it."""
    last, row = -1, 0
    for offset, change in enumerate(changes):
        row = row + 1 if change.commit == last else 0
        last = change.commit
        source = _source(change.table, change.at_ms, "false", 1_000 + change.commit, row)
        body: dict[str, Any] = {"before": change.before, "after": change.after, "source": source, "op": change.op}
        yield _record(change.table, change.row_id, offset, body)


def _source(table: str, at_ms: int, snapshot: str, pos: int, row: int) -> dict[str, object]:
    return {
        "connector": "mariadb", "name": "bank", "db": "bank", "table": table, "ts_ms": at_ms,
        "snapshot": snapshot, "file": "binlog.000001", "pos": pos, "row": row,
    }  # fmt: skip


def _record(table: str, key: object, offset: int, body: dict[str, Any]) -> Record:
    now_ms = int(time.time() * 1000)
    body["ts_ms"] = now_ms
    return Record(f"bank.bank.{table}", 0, offset, _encode({"id": key}), _encode(body), EPOCH, now_ms)


class Replay:
    """A Source (see ingest.records) over records: a backlog at once, then the rest at a steady rate."""

    def __init__(self, backlog: Iterator[Record], stream: Iterator[Record], per_s: float) -> None:
        """`per_s` records a second once the backlog is taken."""
        self._backlog, self._stream, self._per_s = backlog, stream, per_s
        self.live_since_s: float | None = None  # monotonic clock: since when the backlog is taken
        self._given = 0

    def poll(self, limit: int, timeout_s: float) -> list[Record]:
        """See Source.poll."""
        if self.live_since_s is None:
            if batch := list(islice(self._backlog, limit)):
                return batch
            self.live_since_s = time.monotonic()
        deadline = time.monotonic() + timeout_s
        while (due := int((time.monotonic() - self.live_since_s) * self._per_s) - self._given) < 1:
            if time.monotonic() > deadline:
                return []
            time.sleep(min(0.5 / self._per_s, 0.01))
        batch = list(islice(self._stream, min(due, limit)))
        self._given += len(batch)
        if not batch:  # the bank has ended
            time.sleep(timeout_s)
        return batch

    def commit(self, offsets: Mapping[tuple[str, int], int]) -> None:
        """Nothing to remember: the replay is made anew at each start."""

    def lag(self) -> dict[tuple[str, int], int]:
        """One stream in log order: what was polled is everything up to there."""
        return {}

    def reassigned(self) -> bool:
        """Never: there is one reader."""
        return False

    def keep_alive(self) -> None:
        """Nobody gives a replay up."""


