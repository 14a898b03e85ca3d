"""Debezium's JSON envelopes (MariaDB, MySQL, PostgreSQL) to Changes, as debezium.io/documentation describes them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import msgspec

from ingest.events import RESERVED_SOURCE, RESERVED_TABLE, Change, Op, Position, Reject, Reread, Row
from ingest.records import Record
from ingest.unavailable import completed

EPOCH_HEADER = "epoch"
POSTGRES, BINLOG = "postgresql", ("mariadb", "mysql")  # source.connector
INT64 = 2**63
LATEST_MS = 253_402_300_800_000  # year 10000: later is a unit mistake, and would not fit a graph's 64 bits for long
_SOURCE = re.compile(r"[A-Za-z0-9._\-]{1,249}")  # what Kafka takes as a topic's prefix


class _Source(msgspec.Struct, gc=False):
    name: str
    table: str
    ts_ms: int
    connector: str = "mariadb"
    snapshot: str | bool | None = None
    file: str | None = None
    pos: int | None = None
    row: int | None = None
    lsn: int | None = None


class _Envelope(msgspec.Struct, gc=False):
    source: _Source
    op: str
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    ts_ms: int | None = None


class _Wrapped(msgspec.Struct):
    """JsonConverter with schemas.enable=true."""

    payload: _Envelope | None = None


_plain = msgspec.json.Decoder(_Envelope)
_wrapped = msgspec.json.Decoder(_Wrapped)
_key = msgspec.json.Decoder(dict[str, Any])
_OPS = {op.value: op for op in Op}


class Captured(msgspec.Struct, frozen=True, gc=False):
    """A Change and when the connector saw it (this machine's clock, ms)."""

    change: Change
    captured_ms: int


def decode(record: Record) -> Captured | Reread | None:
    """Read one record; None for a tombstone (it follows a delete, for Kafka's compaction).

    A row of an incremental snapshot only names its key. The row that ends a whole snapshot says so
    (`Change.completes`). A large value PostgreSQL left out is taken from the row before.

    Raises:
        Reject: with the reason.
    """
    if record.value is None:
        if record.key is None:
            raise Reject("the record has neither key nor value")
        return None
    envelope = _envelope(record.value)
    source = envelope.source
    _named(source.name, source.table)
    if source.snapshot == "incremental":
        return Reread(source.table, read_key(record.key))
    position = _position(source, record)
    op = _op(envelope, position)
    change = Change(
        table=source.table,
        key={} if op is Op.TRUNCATE else read_key(record.key),
        op=op,
        before=envelope.before if op in (Op.UPDATE, Op.DELETE) else None,
        after=_after(envelope, op),
        position=position,
        committed_ms=_moment(source.ts_ms, "source.ts_ms"),
        completes=source.snapshot == "last",
    )
    captured_ms = _moment(envelope.ts_ms or 0, "ts_ms") or record.timestamp_ms
    return Captured(change, captured_ms or source.ts_ms)


def _op(envelope: _Envelope, position: Position) -> Op:
    op = _OPS.get(envelope.op)
    if op is None:
        raise Reject(f"op {envelope.op[:40]!r} is not one of Debezium's {', '.join(Op)}: drop it by a filter")
    # Some connectors send a snapshot's rows as inserts; they are rows that were there, never to be scored.
    return Op.READ if op is Op.CREATE and not position.stream else op


def _moment(ms: int, name: str) -> int:
    if not 0 <= ms < LATEST_MS:
        raise Reject(f"{name} {ms} is no time in ms since 1970 UTC: look at the connector's clock and settings")
    return ms


def _envelope(value: bytes) -> _Envelope:
    try:
        try:
            return _plain.decode(value)
        except msgspec.ValidationError:
            if (wrapped := _wrapped.decode(value).payload) is None:
                raise
            return wrapped
    except msgspec.ValidationError as error:
        raise Reject(f"not a Debezium envelope: {error}; subscribe to a connector's table topics only") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Reject(f"not JSON: {error}; set the connector's value.converter to JsonConverter") from error


def read_key(key: bytes | None) -> dict[str, Any]:
    """A record's key: the columns of the primary key.

    Raises:
        Reject: it is no JSON object.
    """
    if key is None:
        raise Reject("the record has no key: give the table a primary key, or set message.key.columns")
    try:
        read = _key.decode(key)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Reject(f"the key is not a JSON object: {error}; set key.converter to JsonConverter") from error
    payload = read.get("payload")
    return payload if isinstance(payload, dict) and "schema" in read else read


def _after(envelope: _Envelope, op: Op) -> Row | None:
    if op in (Op.DELETE, Op.TRUNCATE):
        return None
    if envelope.after is None:
        raise Reject(f"op {op.value!r} without the row after it: the database must log whole rows (FULL row image)")
    return completed(envelope.after, envelope.before) if envelope.source.connector == POSTGRES else envelope.after


@lru_cache(maxsize=256)  # what is good is remembered, what is raised is not
def _named(name: str, table: str) -> None:
    if table == RESERVED_TABLE or name == RESERVED_SOURCE or not _SOURCE.fullmatch(name):
        raise Reject(
            f"source {name[:60]!r}, table {table[:60]!r}: {RESERVED_SOURCE!r} and {RESERVED_TABLE!r} are "
            "Ringwatch's own, a source is named by letters, digits, dots, dashes, underscores; rename it, or filter it"
        )


def _position(source: _Source, record: Record) -> Position:
    stamp = record.header(EPOCH_HEADER)
    if stamp is None:
        raise Reject(
            f"no {EPOCH_HEADER!r} header: add the InsertHeader transform to the connector (deploy/stack/connector.py)"
        )
    try:
        epoch = _epoch(stamp)
        file, offset, row = _place(source)
    except ValueError as error:
        raise Reject(
            f"no log position in source (file {str(source.file)[:60]!r}, lsn {source.lsn!r}, epoch {stamp[:60]!r}): "
            f"{str(error)[:100]}; only MariaDB's, MySQL's and PostgreSQL's connectors are understood"
        ) from error
    if min(epoch, file, offset, row) < 0 or epoch > 0xFFFF or file > 0xFFFFFFFF or offset >= INT64 or row > 0xFFFFFF:
        raise Reject(
            f"log position out of range: epoch {epoch}, file {file}, pos {offset}, row {row}; "
            "expected 0 or more, in 16, 32, 63 and 24 bits"
        )
    streamed = source.snapshot in (None, False, "false")
    return Position(source.name, epoch, streamed, file, offset, row)


def _place(source: _Source) -> tuple[int, int, int]:
    """File, offset and row in the log; ValueError where it is another kind of log."""
    if source.connector == POSTGRES:
        return 0, source.lsn if source.lsn is not None else -1, 0
    if source.connector not in BINLOG:
        raise ValueError(f"connector {source.connector[:60]!r}")
    return _file(source.file or ""), source.pos if source.pos is not None else -1, source.row or 0


@lru_cache(maxsize=16)
def _epoch(stamp: bytes) -> int:
    return int(stamp.decode("ascii").strip('"'))


@lru_cache(maxsize=16)
def _file(name: str) -> int:
    return int(name.rpartition(".")[2])
