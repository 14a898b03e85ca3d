"""Debezium's JSON envelopes (MariaDB, MySQL) to Changes, as debezium.io/documentation describes them."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ingest.events import RESERVED_SOURCE, RESERVED_TABLE, Change, Op, Position, Reject
from ingest.records import Record

EPOCH_HEADER = "epoch"
INT64 = 2**63
LATEST_MS = 253_402_300_800_000  # year 10000: later is a unit mistake, and would not fit a graph's 64 bits for long
_SOURCE = re.compile(r"[A-Za-z0-9._\-]{1,249}")  # what Kafka takes as a topic's prefix


class _Source(msgspec.Struct):
    name: str
    table: str
    ts_ms: int
    connector: str = "mariadb"
    snapshot: str | bool | None = None
    file: str | None = None
    pos: int | None = None
    row: int | None = None


class _Envelope(msgspec.Struct):
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


class Captured(msgspec.Struct, frozen=True):
    """A Change and when the connector saw it (this machine's clock, ms)."""

    change: Change
    captured_ms: int


def decode(record: Record) -> Captured | None:
    """Read one record; None for a tombstone (it follows a delete, for Kafka's compaction) and for a
    row of an incremental snapshot (it has no position of its own, so it is never written).

    Raises:
        Reject: with the reason.
    """
    if record.value is None:
        if record.key is None:
            raise Reject("the record has neither key nor value")
        return None
    envelope = _envelope(record.value)
    source = envelope.source
    if source.snapshot == "incremental":
        return None
    position = _position(source, record)
    op = _op(envelope, position)
    change = Change(
        table=source.table,
        key={} if op is Op.TRUNCATE else read_key(record.key),
        op=op,
        before=envelope.before if op in (Op.UPDATE, Op.DELETE) else None,
        after=_needed(envelope, op),
        position=position,
        committed_ms=_moment(source.ts_ms, "source.ts_ms"),
    )
    captured_ms = _moment(envelope.ts_ms or 0, "ts_ms") or record.timestamp_ms
    return Captured(change, captured_ms or source.ts_ms)


def _op(envelope: _Envelope, position: Position) -> Op:
    try:
        op = Op(envelope.op)
    except ValueError:
        raise Reject(f"op {envelope.op[:40]!r} is not one of Debezium's {', '.join(Op)}: drop it by a filter") from None
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


def _needed(envelope: _Envelope, op: Op) -> dict[str, Any] | None:
    if op in (Op.CREATE, Op.READ, Op.UPDATE) and envelope.after is None:
        raise Reject(f"op {op.value!r} without the row after it: the database must log whole rows (FULL row image)")
    return None if op is Op.DELETE else envelope.after


def _position(source: _Source, record: Record) -> Position:
    if source.table == RESERVED_TABLE or source.name == RESERVED_SOURCE or not _SOURCE.fullmatch(source.name):
        raise Reject(
            f"source {source.name[:60]!r}, table {source.table[:60]!r}: {RESERVED_SOURCE!r} and {RESERVED_TABLE!r} are "
            "Ringwatch's own, a source is named by letters, digits, dots, dashes, underscores; rename it, or filter it"
        )
    stamp = record.header(EPOCH_HEADER)
    if stamp is None:
        raise Reject(
            f"no {EPOCH_HEADER!r} header: add the InsertHeader transform to the connector (deploy/stack/connector.py)"
        )
    try:
        epoch = int(stamp.decode("ascii").strip('"'))
        file = int((source.file or "").rpartition(".")[2])
        offset, row = int(source.pos if source.pos is not None else -1), int(source.row or 0)
    except ValueError as error:
        raise Reject(
            f"no log position in source (file {str(source.file)[:60]!r}, epoch {stamp[:60]!r}): {str(error)[:100]}; "
            "only MariaDB's and MySQL's connectors are understood"
        ) from error
    if min(epoch, file, offset, row) < 0 or epoch > 0xFFFF or file > 0xFFFFFFFF or offset >= INT64 or row > 0xFFFFFF:
        raise Reject(
            f"log position out of range: epoch {epoch}, file {file}, pos {offset}, row {row}; "
            "expected 0 or more, in 16, 32, 63 and 24 bits"
        )
    streamed = source.snapshot in (None, False, "false")
    return Position(source.name, epoch, streamed, file, offset, row)
