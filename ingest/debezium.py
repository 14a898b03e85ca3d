"""Debezium's JSON envelopes (MariaDB, MySQL) to Changes, as debezium.io/documentation describes them."""

from __future__ import annotations

from typing import Any

import msgspec

from ingest.events import Change, Op, Position, Reject
from ingest.records import Record

EPOCH_HEADER = "epoch"


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

    payload: _Envelope


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
    try:
        op = Op(envelope.op)
    except ValueError:
        raise Reject(f"op {envelope.op!r} is not one of Debezium's {', '.join(Op)}") from None
    change = Change(
        table=source.table,
        key={} if op is Op.TRUNCATE else _read_key(record.key),
        op=op,
        before=envelope.before,
        after=_needed(envelope, op),
        position=_position(source, record),
        committed_ms=source.ts_ms,
    )
    return Captured(change, envelope.ts_ms or record.timestamp_ms or source.ts_ms)


def _envelope(value: bytes) -> _Envelope:
    try:
        try:
            return _plain.decode(value)
        except msgspec.ValidationError:
            if b'"payload"' not in value[:100_000]:
                raise
            return _wrapped.decode(value).payload
    except msgspec.ValidationError as error:
        raise Reject(f"not a Debezium envelope: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Reject(f"not JSON: {error}") from error


def _read_key(key: bytes | None) -> dict[str, Any]:
    if key is None:
        raise Reject("the record has no key: give the table a primary key, or set message.key.columns")
    try:
        read = _key.decode(key)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Reject(f"the key is not a JSON object: {error}") from error
    payload = read.get("payload")
    return payload if isinstance(payload, dict) and "schema" in read else read


def _needed(envelope: _Envelope, op: Op) -> dict[str, Any] | None:
    if op in (Op.CREATE, Op.READ, Op.UPDATE) and envelope.after is None:
        raise Reject(f"op {op.value!r} without the row after it")
    return None if op is Op.DELETE else envelope.after


def _position(source: _Source, record: Record) -> Position:
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
        raise Reject(f"no log position in source (file {source.file!r}, epoch {stamp!r}): {error}") from error
    if min(epoch, file, offset, row) < 0 or max(epoch, row) > 0xFFFF or file > 0xFFFFFFFF or offset >= 1 << 63:
        raise Reject(f"log position out of range: epoch {epoch}, file {file}, pos {offset}, row {row}")
    streamed = source.snapshot in (None, False, "false")
    return Position(source.name, epoch, streamed, file, offset, row)
