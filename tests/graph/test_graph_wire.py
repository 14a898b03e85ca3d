"""How upserts share records of graph.changes."""

from __future__ import annotations

import msgspec
import pytest

from graph.mapping import Plan
from graph.model import EdgeUpsert, Floor, Upsert
from graph.wire import PACK, PACK_BYTES, packed, unpacked
from ingest.events import Change, Op, Position
from ingest.records import Record, Trace
from ingest.sink import Item


def edge(number: int, text: str = "") -> EdgeUpsert:
    return EdgeUpsert(f"t:{number}:e", "b/1", 5, "PAID", "A:1", "A:2", 4, {"text": text} if text else {})


def items(*upserts: Upsert) -> list[Item]:
    """Each of a change of its own."""
    pos = Position("b", 1, True, 1, 1)
    change = Change("t", {"id": 1}, Op.CREATE, None, {}, pos, 5)
    return [
        Item(Record("t", 0, n, None, None), change, Plan((upsert,)), Trace.of(f"b/{n}", n, n))
        for n, upsert in enumerate(upserts)
    ]


def sizes(*upserts: Upsert) -> list[int]:
    """How many each record holds; all of them are there, in their order."""
    read = [unpacked(message.value or b"") for message in packed(items(*upserts))]
    assert [upsert for group in read if isinstance(group, list) for upsert in group] == [*upserts]
    return [len(group) for group in read if isinstance(group, list)]


def test_one_is_a_record_of_one() -> None:
    """An idle bank's change waits for nobody."""
    assert sizes(edge(1)) == [1]


def test_a_batch_shares_records_up_to_a_number() -> None:
    """So a reader that takes a record has little in hand."""
    assert sizes(*map(edge, range(2 * PACK + 1))) == [PACK, PACK, 1]


def test_large_ones_share_less() -> None:
    """Kafka refuses a record of 10 MB; one upsert alone may be as large as it is."""
    third = "x" * (PACK_BYTES // 3)
    assert sizes(*(edge(n, third) for n in range(4))) == [2, 2]
    assert sizes(edge(0, third * 5), edge(1)) == [1, 1]


def test_a_record_has_the_key_of_its_first_upsert_and_the_trace_of_its_first_change() -> None:
    """The oldest: no latency read from it is too short."""
    (message,) = packed(items(edge(7), edge(8)))
    assert message.key == b"t:7:e"
    assert msgspec.json.decode(message.headers[0][1], type=Trace).committed_ms == 0


def test_what_goes_everywhere_is_not_among_them() -> None:
    """It has records of its own."""
    assert list(packed(items(Floor("t", "b/1", 5)))) == []


def test_one_upsert_alone_is_read_as_a_list_of_one() -> None:
    """As earlier versions wrote it, which the topic may still hold."""
    assert unpacked(msgspec.json.encode(edge(1))) == [edge(1)]


@pytest.mark.parametrize("bad", [b"", b"[1]", b'{"type":"what"}', b"\xff"])
def test_what_is_neither_is_refused(bad: bytes) -> None:
    """Its reader says where it stands."""
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        unpacked(bad)
