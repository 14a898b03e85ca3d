"""What a follower of watermarks makes of the records of graph.changes. No broker: the records are handed over."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from confluent_kafka import Message

from graph.model import EdgeUpsert, Watermark
from scoring.watermark_feed import WatermarkFeed
from scoring.watermarks import Watermarks

EDGE = EdgeUpsert("transfers:1:transfer", "bank/3", 5, "TRANSFER", "Account:1", "Account:2", 4, {"amount": 1})


@pytest.fixture
def feed() -> Iterator[WatermarkFeed]:
    """Not started, so it asks no broker."""
    made = WatermarkFeed("127.0.0.1:1", {"log_level": "0"})
    made._marks = Watermarks(2)
    yield made
    made._consumer.close()


def message(value: object, partition: int = 0) -> Message:
    raw = value if isinstance(value, bytes) else msgspec.json.encode(value)
    return Message(topic="graph.changes", value=raw, partition=partition, offset=0)


def test_it_is_as_far_as_the_slowest_partition(feed: WatermarkFeed) -> None:
    """As a mirror's feed is; what stands between is passed over, also alone, as earlier versions wrote it."""
    feed._take([message([EDGE]), message(Watermark("w1", "bank/9")), message(EDGE)])
    assert feed.through == ""
    feed._take([message(Watermark("w1", "bank/7"), 1), message([EDGE], 1)])
    assert feed.through == "bank/7"


@pytest.mark.parametrize("bad", [b"", b"{}", b"\xff", b'{"type":"what"}', b"[1]", b'{"type":"watermark"}'])
def test_what_is_no_watermark_is_passed_over(feed: WatermarkFeed, bad: bytes) -> None:
    """Somebody else wrote it; what follows counts."""
    feed._take([message(bad), *(message(Watermark("w1", "bank/9"), part) for part in (0, 1))])
    assert feed.through == "bank/9"
