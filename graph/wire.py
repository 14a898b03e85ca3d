"""What travels on `graph.changes`: upserts in wire form, many to a record, or one watermark.

A record costs its writer, Kafka and its reader more than the upsert in it (DECISIONS.md, 29), and upserts may
come in any order, so those of a batch share records. A batch of one is a record of one: nobody waits for company.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from graph.model import Floor, Horizon, Incomplete, NodeUpsert, Upsert, Watermark
from ingest.records import CHANGES, Message
from ingest.sink import Item

PACK = 200  # changes of a record at most
PACK_BYTES = 500_000  # of a record; a single change may be larger

encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(list[Upsert] | Upsert | Watermark)


def packed(items: Sequence[Item]) -> Iterator[Message]:
    """The upserts of these changes, in their order, but those that go everywhere. A record has the key of its first
    upsert and the trace of its first change.
    """
    given = [item for item in items if item.plan.upserts]
    for at in range(0, len(given), PACK):
        yield from _small(given[at : at + PACK])


def _small(items: Sequence[Item]) -> Iterator[Message]:
    upserts = [upsert for item in items for upsert in item.plan.upserts if not isinstance(upsert, Floor | Horizon)]
    if not upserts:
        return
    value = encode(upserts)
    if len(value) > PACK_BYTES and len(items) > 1:
        half = len(items) // 2
        yield from _small(items[:half])
        yield from _small(items[half:])
    else:
        yield Message(CHANGES, _key_of(upserts[0]), value, (items[0].trace.header(),))


def marked(marks: Sequence[Incomplete]) -> Iterator[Message]:
    """Marks are of no change's trace."""
    for at in range(0, len(marks), PACK):
        some = marks[at : at + PACK]
        yield Message(CHANGES, _key_of(some[0]), encode(some))


def everywhere(upsert: Floor | Horizon | Watermark) -> Message:
    """What speaks of all partitions, for each of them."""
    alone = upsert if isinstance(upsert, Watermark) else [upsert]
    key = b"" if isinstance(upsert, Watermark) else _key_of(upsert)
    return Message(CHANGES, key, encode(alone), everywhere=True)


def unpacked(value: bytes) -> list[Upsert] | Watermark:
    """Read a record. One upsert that stands alone, as earlier versions wrote it, is a list of one.

    Raises:
        msgspec.DecodeError, UnicodeDecodeError: it is neither.
    """
    read = _decoder.decode(value)
    return read if isinstance(read, list | Watermark) else [read]


def _key_of(upsert: Upsert) -> bytes:
    """Entity or event id."""
    match upsert:
        case NodeUpsert():
            return upsert.key.encode()
        case Floor():
            return upsert.table.encode()
        case Incomplete():
            return upsert.row.encode()
        case Horizon():
            return upsert.kind.encode()
        case _:
            return upsert.owner.encode()
