"""A live graph as a set to train and test on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path

import neo4j
import numpy as np
import pytest
from flat_payments import MAPPING, write

from graph.mapping import Mapping
from graph.mirror import Mirror
from graph.model import Caps, EdgeUpsert, Floor, Gone, LabelUpsert, Upsert
from graph.neo4j_store import Neo4jStore
from graph.store import GraphStore
from scoring.features import compute
from scoring.flat_set import FlatSet, FlatSetError, read_flat
from scoring.inputs import read
from scoring.live_set import read_live

DAY_MS = 86_400_000
CAPS = Caps((8, 2))
Fresh = Callable[[Mapping], GraphStore]


@pytest.fixture(params=["mirror", pytest.param("neo4j", marks=pytest.mark.stack)])
def fresh(request: pytest.FixtureRequest) -> Iterator[Fresh]:
    """Makes an empty store of one kind."""
    if request.param == "mirror":
        yield lambda mapping: Mirror(mapping.windowed)
        return
    driver: neo4j.Driver = request.getfixturevalue("neo4j_driver")

    def emptied(mapping: Mapping) -> Neo4jStore:
        driver.execute_query("MATCH (n) DETACH DELETE n")
        store = Neo4jStore(driver, mapping.schema)
        store.init()
        return store

    yield emptied
    driver.execute_query("MATCH (n) DETACH DELETE n")


def test_a_dump_gives_the_set_that_the_files_gave(tmp_path: Path, fresh: Fresh) -> None:
    """The same events with their positions, the same labels at each time, the same features."""
    mapping = write(tmp_path)
    flat, store = read_flat(mapping, tmp_path, pytest.fail), fresh(mapping)
    upserts = list(flat.mirror.dump())
    for first in range(0, len(upserts), 1_000):
        store.apply(upserts[first : first + 1_000])
    live = read_live(mapping, store.dump())
    assert live.events == flat.events and live.schema == flat.schema and live.name == flat.name
    assert np.array_equal(live.fraud, flat.fraud) and np.array_equal(live.known, flat.known)
    assert live.silence == flat.silence and live.delay_ms == flat.delay_ms
    for by_ms in (int(flat.time_ms[700]), int(flat.time_ms[-1])):
        assert np.array_equal(live.fraud_by(by_ms), flat.fraud_by(by_ms))
        assert np.array_equal(live.told_by(by_ms), flat.told_by(by_ms))
    assert_same_features(live, flat)


def assert_same_features(live: FlatSet, flat: FlatSet) -> None:
    """Of late events, with the long look back."""
    index = np.arange(1_200, 1_260)
    for (_, mine, past), (_, theirs, other) in zip(read(live, index, CAPS), read(flat, index, CAPS), strict=True):
        own, asked = compute(mine, live.schema), compute(theirs, flat.schema)
        assert all(np.array_equal(getattr(own, f.name), getattr(asked, f.name)) for f in fields(own))
        assert np.array_equal(past, other)


@pytest.fixture
def mapping(tmp_path: Path) -> Mapping:
    """Of the small bank."""
    return write(tmp_path)


def pos(n: int) -> str:
    return f"shop/0001.1.00000001.{n:016x}.000000"


def paid(key: int, at: int, day: int, amount: int = 5, kind: str = "web") -> EdgeUpsert:
    """A payment's version: the position and the day it was made."""
    return EdgeUpsert(f"payments:{key}:payment", pos(at), day * DAY_MS + 1, "PAID", f"Customer:{key % 3}",
                      "Terminal:0", day * DAY_MS, {"amount": amount, "kind": kind})  # fmt: skip


def label(key: int, at: int, day: int, fraud: bool = True) -> LabelUpsert:
    """A report of a payment, known that day."""
    owner = f"payments:{key}:label"
    return LabelUpsert(owner, pos(at), day * DAY_MS, f"payments:{key}:payment", fraud)


def test_the_newest_version_of_a_row_is_its_event(mapping: Mapping) -> None:
    """With its own position and times; what a row was before is none."""
    upserts: list[Upsert] = [paid(1, 30, 3, 9), paid(1, 10, 1), paid(2, 20, 2), label(2, 21, 4)]
    events = read_live(mapping, upserts).events
    assert [(e.id, e.kind, e.pos, e.known_ms, e.attributes["amount"]) for e in events] == [
        ("payments:2:payment", "new", pos(20), 2 * DAY_MS + 1, 5),
        ("payments:1:payment", "revised", pos(30), 3 * DAY_MS + 1, 9),
    ]


def test_a_row_that_is_gone_is_no_event(mapping: Mapping) -> None:
    """Deleted, or below its table's floor: whichever order the dump has."""
    gone = Gone("payments:1:payment", pos(40), 4 * DAY_MS, "PAID")
    upserts: list[Upsert] = [gone, paid(1, 10, 1), paid(2, 20, 2), paid(3, 30, 3), label(3, 31, 4)]
    assert [event.id for event in read_live(mapping, upserts).events] == ["payments:2:payment", "payments:3:payment"]
    floor = Floor("payments", pos(25), 5 * DAY_MS)
    for dumped in ([floor, *upserts], [*upserts, floor]):
        assert [event.id for event in read_live(mapping, dumped).events] == ["payments:3:payment"]


def test_a_label_below_a_floor_is_taken_back_there(mapping: Mapping) -> None:
    """It stood until then."""
    kept: list[Upsert] = [paid(1, 30, 1), paid(2, 31, 2), label(2, 32, 3)]
    data = read_live(mapping, [label(1, 10, 2), Floor("payments", pos(20), 5 * DAY_MS), *kept])
    assert data.fraud.tolist() == [False, True]
    assert data.fraud_by(4 * DAY_MS).tolist() == [True, True] and data.fraud_by(6 * DAY_MS).tolist() == [False, True]


def test_events_are_in_the_order_of_time_then_of_the_log(mapping: Mapping) -> None:
    """Whatever order the dump has: early ones alone say which words are features."""
    upserts: list[Upsert] = [paid(30 - n, n + 1, 1 + n // 2, kind="web" if n < 4 else "later") for n in range(20)]
    data = read_live(mapping, [*upserts[::-1], label(30, 50, 20)])
    assert [event.pos for event in data.events] == [pos(n + 1) for n in range(20)]
    assert data.schema.words == (("PAID", "kind", "web"),)


def test_an_event_sees_what_was_committed_before_it(mapping: Mapping) -> None:
    """Older payments behind it in the log were not known then."""
    data = read_live(mapping, [paid(1, 10, 1), paid(4, 90, 2), paid(7, 30, 3), label(1, 11, 5)])
    seen = data.mirror.subgraphs([data.events[-1]], CAPS)[0].edges
    assert [edge.owner for edge in seen] == ["payments:1:payment"]


def test_an_edge_that_is_not_marked_gives_no_event(tmp_path: Path) -> None:
    """And a graph without any is refused with the mend."""
    text = MAPPING.replace("event = true", "event = false").partition("[[tables.payments.labels]]")[0]
    with pytest.raises(FlatSetError, match="ringwatch ingest"):
        read_live(write(tmp_path, 10, text), [paid(1, 10, 1)])
