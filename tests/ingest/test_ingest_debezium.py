"""The decoder: what Debezium sends, and what it never should."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from envelopes import EPOCH, body, record, source, transfer
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.debezium import Captured, decode
from ingest.events import Op, Position, Reject, Reread
from ingest.records import Record

KEY = {"id": 1}


def read(*args: Any, **kwargs: Any) -> Captured:
    captured = decode(record(*args, **kwargs))
    assert isinstance(captured, Captured)
    return captured


def reason(*args: Any, **kwargs: Any) -> str:
    with pytest.raises(Reject) as refused:
        decode(record(*args, **kwargs))
    return str(refused.value)


@pytest.mark.parametrize(
    ("op", "before", "after"),
    [("c", None, transfer()), ("u", transfer(), transfer(status="done")), ("d", transfer(), None)],
)
def test_a_row_change_is_read(op: str, before: Any, after: Any) -> None:
    """Op, images, key, position and both clocks."""
    captured = read(body(op, before, after), KEY)
    change = captured.change
    assert (change.op, change.before, change.after, change.key) == (op, before, after, KEY)
    assert change.position == Position("bank", 1, True, 3, 4_217, 0) and change.table == "transfers"
    assert (change.committed_ms, captured.captured_ms) == (1_700_000_000_000, 1_700_000_000_123)


@pytest.mark.parametrize("mark", ["true", "first", "last", "first_in_data_collection", True])
def test_a_snapshot_row_stands_before_the_stream(mark: object) -> None:
    """Whichever of the snapshot's rows it is, and at the log position it was read at."""
    change = read(body("r", None, transfer(), snapshot=mark), KEY).change
    assert change.op is Op.READ and change.position == Position("bank", 1, False, 3, 4_217, 0)


def test_a_snapshot_row_sent_as_an_insert_is_still_a_snapshot_row() -> None:
    """Some connectors do; it must not be scored as if it happened now."""
    assert read(body("c", None, transfer(), snapshot="true"), KEY).change.op is Op.READ


@pytest.mark.parametrize("mark", ["false", None, False])
def test_a_streamed_row_says_so(mark: object) -> None:
    """All spellings of no snapshot."""
    assert read(body("c", None, transfer(), snapshot=mark), KEY).change.position.stream


def test_rows_of_an_incremental_snapshot_only_name_a_key() -> None:
    """They have no place in the log."""
    assert decode(record(body("r", None, transfer(), snapshot="incremental"), KEY)) == Reread("transfers", {"id": 1})


def test_a_tombstone_is_passed_over() -> None:
    """It follows a delete, for compaction."""
    assert decode(record(None, KEY)) is None


def test_a_truncate_needs_no_key() -> None:
    """It is about the table."""
    change = read(body("t"), None).change
    assert (change.op, change.key, change.after) == (Op.TRUNCATE, {}, None)


def test_schemas_may_come_along() -> None:
    """JsonConverter's default wraps both key and value, however long the schema is."""
    schema = {"type": "struct", "fields": ["x" * 200_000]}
    wrapped = {"schema": schema, "payload": body("c", None, transfer())}
    change = read(wrapped, {"schema": schema, "payload": KEY}).change
    assert change.after == transfer() and change.key == KEY


def test_a_row_that_speaks_of_a_payload_is_no_wrapper() -> None:
    """The reason names the field that is wrong, not the wrapper that is not there."""
    bad = body("c", None, transfer(channel='"payload"')) | {"op": 7}
    assert "$.op" in reason(bad, KEY)


def test_a_create_has_no_before() -> None:
    """Else a row equal to its before would be taken for no change at all."""
    assert read(body("c", transfer(), transfer()), KEY).change.before is None


def test_the_capture_time_falls_back_to_the_logs() -> None:
    """Old connectors leave ts_ms out."""
    assert read(body("c", None, transfer()) | {"ts_ms": None}, KEY).captured_ms == 1_700_000_000_500




def with_number(digits: bytes, **changes: Any) -> bytes:
    """An envelope with these bytes as a number: as the amount, or where `changes` put a tilde."""
    amount = "1" if changes else "~"
    return msgspec.json.encode(body("c", None, transfer(amount=amount), **changes)).replace(b'"~"', digits)


WITHOUT_TABLE = {k: v for k, v in source().items() if k != "table"}
BAD: list[tuple[str, Any, Any, Any, str]] = [
    ("no JSON", b"\x80\x04nonsense", KEY, EPOCH, "not JSON.*JsonConverter"),
    ("empty", b"", KEY, EPOCH, "not JSON"),
    ("cut off", msgspec.json.encode(body("c", None, transfer()))[:-9], KEY, EPOCH, "not JSON"),
    ("invalid UTF-8", msgspec.json.encode(body("c", None, transfer(channel="~~"))).replace(b"~~", b"\xff\xfe"), KEY,
     EPOCH, "not JSON.*utf-8"),
    ("a lone surrogate", msgspec.json.encode(body("c", None, transfer(channel="~"))).replace(b"~", b"\\ud800"), KEY,
     EPOCH, "not JSON"),
    ("NaN", with_number(b"NaN"), KEY, EPOCH, "not JSON"),
    ("deep", b'{"after":{"a":' + b"[" * 100_000, KEY, EPOCH, "not JSON|not a Debezium"),
    ("a number of 5,000 digits", with_number(b"9" * 5_000), KEY, EPOCH, "out of range"),
    ("a list", [1], KEY, EPOCH, "not a Debezium envelope.*topics"),
    ("a text", "x", KEY, EPOCH, "not a Debezium envelope"),
    ("no source", {"op": "c", "after": {}}, KEY, EPOCH, "source"),
    ("no table", body("c", None, {}) | {"source": WITHOUT_TABLE}, KEY, EPOCH, "table"),
    ("a row that is a list", body("c", None, [1]), KEY, EPOCH, r"\$.after"),
    ("an op of another kind", body("m", None, {}), KEY, EPOCH, "op 'm'.*c, u, d, r, t"),
    ("a 1 MB op", body("x" * 1_000_000, None, {}), KEY, EPOCH, "op 'x"),
    ("no row", body("c"), KEY, EPOCH, "without the row.*FULL"),
    ("neither key nor value", None, None, EPOCH, "neither key nor value"),
    ("no key", body("c", None, transfer()), None, EPOCH, "no key.*message.key.columns"),
    ("a key that is no object", body("c", None, transfer()), [1], EPOCH, "key is not a JSON object.*key.converter"),
    ("a key that is no JSON", body("c", None, transfer()), b"\xff", EPOCH, "key is not a JSON object"),
    ("no epoch", body("c", None, transfer()), KEY, (), "InsertHeader"),
    ("a wrong epoch", body("c", None, transfer()), KEY, (("epoch", b"\xff"),), "epoch"),
    ("a huge epoch", body("c", None, transfer()), KEY, (("epoch", b"9" * 4_000),), "out of range"),
    ("a negative pos", body("c", None, transfer(), pos=-1), KEY, EPOCH, "out of range"),
    ("no pos", body("c", None, transfer(), pos=None), KEY, EPOCH, "out of range"),
    ("a huge pos", body("c", None, transfer(), pos=2**63), KEY, EPOCH, "out of range"),
    ("a pos past floats", with_number(b"9" * 400, pos="~"), KEY, EPOCH, "out of range"),
    ("a pos of text", body("c", None, transfer(), pos="9"), KEY, EPOCH, "pos"),
    ("no file", body("c", None, transfer(), file=None), KEY, EPOCH, "no log position.*MariaDB"),
    ("a file of another kind", body("c", None, transfer(), file="0/16B3748" * 100_000), KEY, EPOCH, "no log position"),
    ("a huge row", body("c", None, transfer(), row=1 << 24), KEY, EPOCH, "out of range"),
    ("a commit time no graph holds", body("c", None, transfer(), ts_ms=2**63), KEY, EPOCH, "source.ts_ms.*clock"),
    ("a negative commit time", body("c", None, transfer(), ts_ms=-1), KEY, EPOCH, "source.ts_ms"),
    ("a capture time no trace holds", body("c", None, transfer()) | {"ts_ms": 2**70}, KEY, EPOCH, "ts_ms"),
    ("our own table", body("c", None, {"alert": 1}, table="analyst_decisions"), KEY, EPOCH, "Ringwatch's own"),
    ("our own source", body("c", None, transfer(), name="analysts"), KEY, EPOCH, "Ringwatch's own"),
    ("a source with a slash", body("c", None, transfer(), name="bank/x"), KEY, EPOCH, "source 'bank/x'"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "key", "headers", "says"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_bad_record_is_refused_with_the_reason(value: Any, key: Any, headers: Any, says: str) -> None:
    """It says what was wrong, and where there is one the mend."""
    said = reason(value, key, headers=headers)
    assert msgspec.json.encode(said) and re.search(says, said, re.DOTALL), said[:300]


def test_a_large_row_is_no_bad_row() -> None:
    """1 MB in a column that may not even be mapped is the mapping's to judge."""
    assert len(read(body("c", None, transfer(channel="x" * 1_000_000)), KEY).change.after["channel"]) == 1_000_000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def total(rec: Record) -> Captured | Reread | Reject | None:
    try:
        return decode(rec)
    except Reject as refused:
        return refused


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["c", "u", "d", "r", "t"]), st.data())
def test_an_envelope_mended_wrongly_is_read_or_refused(op: str, data: st.DataObject) -> None:
    """Any field taken out or given any value: never another exception."""
    envelope = body(op, transfer(), transfer())
    for _ in range(data.draw(st.integers(1, 3))):
        part = data.draw(st.sampled_from([envelope, envelope.get("source"), envelope.get("after")]))
        if not isinstance(part, dict) or not part:
            continue
        name = data.draw(st.sampled_from(sorted(part)))
        if data.draw(st.booleans()):
            part[name] = data.draw(JSON)
        else:
            del part[name]
    key = data.draw(st.sampled_from([KEY, None, {}, b"{", b"null"]) | JSON)
    assert isinstance(total(record(envelope, key)), Captured | Reread | Reject | None)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2_000), st.binary(max_size=4), st.integers(0, 40), st.binary(max_size=6) | st.none())
@example(0, b"", 0, None)
def test_an_envelope_of_spoilt_bytes_is_read_or_refused(at: int, put: bytes, cut: int, epoch: bytes | None) -> None:
    """Bytes overwritten, put in or taken out anywhere, in the value, the key and the header."""
    value = msgspec.json.encode(body("u", transfer(), transfer(status="x")))
    key = msgspec.json.encode(KEY)
    at %= len(value)
    headers = EPOCH if epoch is None else (("epoch", epoch),)
    spoilt = record(value[:at] + put + value[at + cut :], key[: at % 5] + put + key[at % 5 + cut :], headers=headers)
    assert isinstance(total(spoilt), Captured | Reread | Reject | None)
