"""What analysts decided (`fraud.labels`) as Changes: a decision is a row like any other, of our own table."""

from __future__ import annotations

import msgspec

from ingest.debezium import INT64, LATEST_MS, Captured
from ingest.events import RESERVED_SOURCE, RESERVED_TABLE, Change, Op, Position, Reject
from ingest.records import Record

DECISIONS = RESERVED_TABLE  # the table they count as
SOURCE = RESERVED_SOURCE


class Decision(msgspec.Struct, frozen=True):
    """The part of a `fraud.labels` record that matters here. `decided_at` is in ms since 1970 UTC."""

    event: str
    fraud: bool
    decided_at: int
    alert: int
    decision: int


_decoder = msgspec.json.Decoder(Decision)


def decode_label(record: Record) -> Captured | None:
    """Read one decision. Its position is the decision's number: sent twice, it is one label.

    Raises:
        Reject: it is no decision.
    """
    if record.value is None:
        return None
    try:
        decision = _decoder.decode(record.value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Reject(f"not an analyst's decision: {error}") from error
    if not 0 <= decision.decision < INT64:
        raise Reject(f"decision {decision.decision} is no row's number: expected 0 to 2^63")
    if not 0 <= decision.decided_at < LATEST_MS:
        raise Reject(f"decided_at {decision.decided_at} is no time in ms since 1970 UTC")
    position = Position(SOURCE, 1, True, 0, decision.decision)
    row = msgspec.to_builtins(decision)
    change = Change(DECISIONS, {"alert": decision.alert}, Op.CREATE, None, row, position, decision.decided_at)
    return Captured(change, record.timestamp_ms or decision.decided_at)
