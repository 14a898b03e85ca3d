"""What a mirror makes of the records of graph.changes. No broker: the records are handed over."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from confluent_kafka import Message

from graph.mirror import Mirror
from graph.model import EdgeUpsert, Floor, Gone, Horizon, Incomplete, LabelUpsert, NodeUpsert, Upsert, Watermark
from scoring.feed import MirrorFeed
from scoring.watermarks import Watermarks

UPSERTS: list[Upsert] = [
    NodeUpsert("Account", "1", "accounts", "bank/1", 5, {"kind": "current"}),
    NodeUpsert("Account", "2", "accounts", "bank/2", 5, None),
    EdgeUpsert("transfers:1:transfer", "bank/3", 5, "TRANSFER", "Account:1", "Account:2", 4, {"amount": 1, "x": 0.5}),
    LabelUpsert("fraud_reports:1:label", "bank/4", 5, "transfers:1:transfer", True),
    Gone("transfers:2:transfer", "bank/5", 6, "TRANSFER"), Gone("fraud_reports:2:label", "bank/5", 6, None),
    Floor("logins", "bank/6", 7), Incomplete("users:1", 4, True), Horizon("retention", 1), Horizon("purge", 2),
]  # fmt: skip


@pytest.fixture
def mirror() -> Mirror:
    return Mirror()


@pytest.fixture
def feed(mirror: Mirror) -> Iterator[MirrorFeed]:
    """Not started, so it asks no broker."""
    made = MirrorFeed("127.0.0.1:1", mirror, mirror, {"log_level": "0"})
    made._marks = Watermarks(1)
    yield made
    made._consumer.close()


def message(value: object) -> Message:
    raw = value if isinstance(value, bytes) else msgspec.json.encode(value)
    return Message(topic="graph.changes", value=raw, partition=0, offset=0)


def test_every_upsert_that_is_published_is_applied(feed: MirrorFeed, mirror: Mirror) -> None:
    """Value for value, through the wire form."""
    feed._apply([message(upsert) for upsert in UPSERTS])
    assert sorted(map(str, mirror.dump())) == sorted(map(str, UPSERTS)) and feed.applied == len(UPSERTS)


def test_upserts_that_share_a_record_are_applied_one_by_one(feed: MirrorFeed, mirror: Mirror) -> None:
    """As ingest writes them under load; more than go under one lock."""
    edges: list[Upsert] = [msgspec.structs.replace(UPSERTS[2], owner=f"transfers:{n}:transfer") for n in range(5_000)]
    feed._apply([message(UPSERTS), message(edges), message(Watermark("w1", "bank/9"))])
    assert feed.applied == len(UPSERTS) + 5_000 and mirror.holds("transfers:4999:transfer", "bank/3")
    assert feed.through == "bank/9"


def test_a_repetition_changes_nothing(feed: MirrorFeed, mirror: Mirror) -> None:
    """What was hydrated comes once more."""
    mirror.apply(UPSERTS)
    feed._apply([message(upsert) for upsert in UPSERTS])
    assert len(list(mirror.dump())) == len(UPSERTS)


def test_a_watermark_counts_behind_the_upserts_it_speaks_of(feed: MirrorFeed, mirror: Mirror) -> None:
    """Both of one batch: when the mark shows, the mirror has them."""
    feed._apply([message(UPSERTS[2]), message(Watermark("w1", "bank/3"))])
    assert feed.through == "bank/3" and mirror.holds("transfers:1:transfer", "bank/3")


@pytest.mark.parametrize(
    "bad", [b"", b"{}", b'{"type":"edge"}', b"\xff", b'{"type":"what"}', b"[1]", b'[{"type":"edge"}]']
)
def test_what_is_no_upsert_is_passed_over(feed: MirrorFeed, mirror: Mirror, bad: bytes) -> None:
    """Somebody else wrote it: it is no part of the graph, and the rest of the batch goes on."""
    feed._apply([message(bad), message(UPSERTS[2])])
    assert mirror.holds("transfers:1:transfer", "bank/3")
