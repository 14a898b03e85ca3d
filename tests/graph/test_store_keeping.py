"""What every store keeps and forgets: marks of incomplete rows, the horizons, the sweep."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import neo4j
import pytest
from histories import canonical, demo_mapping

from graph.mirror import Mirror
from graph.model import Caps, EdgeUpsert, Event, Gone, Horizon, Incomplete, LabelUpsert, NodeUpsert, Upsert
from graph.neo4j_store import Neo4jStore
from graph.store import GraphStore

SCHEMA = demo_mapping().schema
MOST = Caps((9,))


@pytest.fixture(params=["mirror", pytest.param("neo4j", marks=pytest.mark.stack)])
def fresh(request: pytest.FixtureRequest) -> Iterator[Callable[[], GraphStore]]:
    """Makes empty stores of one kind."""
    if request.param == "mirror":
        yield lambda: Mirror(SCHEMA.windowed)
        return
    driver: neo4j.Driver = request.getfixturevalue("neo4j_driver")
    Neo4jStore(driver, SCHEMA).init()

    def emptied() -> Neo4jStore:
        driver.execute_query("MATCH (n) DETACH DELETE n")
        return Neo4jStore(driver, SCHEMA)

    yield emptied
    driver.execute_query("MATCH (n) DETACH DELETE n")  # horizons too: they would hide what the next test writes


@pytest.fixture
def store(fresh: Callable[[], GraphStore]) -> GraphStore:
    return fresh()


def pos(n: int) -> str:
    return f"bank/0001.1.00000001.{n:016x}.000000"


def edge(n: int, time_ms: int, at: int | None = None) -> EdgeUpsert:
    return EdgeUpsert(f"transfers:{n}:transfer", pos(at or n), time_ms + 5, "TRANSFER",
                      "Account:a", "Account:b", time_ms, {"amount": n})  # fmt: skip


def owns(n: int, time_ms: int) -> EdgeUpsert:
    return EdgeUpsert(f"accounts:{n}:owner", pos(n), time_ms, "OWNS", "User:1", "Account:a", time_ms, {})


def gone(n: int, at: int, known_ms: int) -> Gone:
    return Gone(f"transfers:{n}:transfer", pos(at), known_ms, "TRANSFER")


def label(n: int, known_ms: int, event: int) -> LabelUpsert:
    return LabelUpsert(f"fraud_reports:{n}:label", pos(n), known_ms, f"transfers:{event}:transfer", True)


def seen(store: GraphStore) -> dict[str, bool | None]:
    """What an event much later sees: the rows of its neighbourhood, with their labels."""
    late = Event("transfers:999:transfer", "new", pos(999), 9_999, "TRANSFER", "Account:a", "User:1", 9_999, {})
    return {e.owner.rpartition(":")[0]: e.label for e in store.subgraphs([late], MOST)[0].edges}


def swept(store: GraphStore, limit: int = 2) -> int:
    """Until nothing is left; how many went."""
    found = 0
    while (count := store.sweep(limit)) > 0:
        found += count
    return found


# -- marks ------------------------------------------------------------------------------------


def test_the_highest_offset_says_whether_a_row_is_incomplete(store: GraphStore) -> None:
    """Whatever order the marks come in, in one batch or in several."""
    store.apply([Incomplete("users:1", 7, True), Incomplete("users:1", 3, False), Incomplete("users:2", 4, True)])
    store.apply([Incomplete("users:2", 9, False), Incomplete("users:1", 5, False)])
    store.apply([Incomplete("users:2", 8, True)])
    assert store.incomplete({"users:1", "users:2", "users:3"}) == {"users:1"}


def test_so_many_marks_as_are_asked_for(store: GraphStore) -> None:
    """With the place in the log that the refused record has, where it is known. A broken mapping leaves millions."""
    store.apply([Incomplete("users:1", 7, True, pos(3)), Incomplete("users:2", 4, True)])
    store.apply([Incomplete("users:3", 4, False)])
    assert store.marked(9) == {"users:1": pos(3), "users:2": ""} and len(store.marked(1)) == 1
    assert Incomplete("users:1", 7, True, pos(3)) in list(store.dump())


def test_a_dump_carries_the_marks(store: GraphStore) -> None:
    """A mirror that hydrates knows which rows are incomplete, and which no longer are."""
    store.apply([Incomplete("users:1", 7, True), Incomplete("users:2", 4, False), Incomplete("users:2", 2, True)])
    assert canonical(store.dump()) == canonical([Incomplete("users:1", 7, True), Incomplete("users:2", 4, False)])


def test_nobody_is_asked_about_no_rows(store: GraphStore) -> None:
    """An event without a neighbourhood."""
    store.apply([Incomplete("users:1", 7, True)])
    assert store.incomplete(set()) == set()


# -- retention --------------------------------------------------------------------------------

HISTORY: list[Upsert] = [edge(1, 100), edge(2, 200), edge(3, 300), owns(4, 50),
                         label(11, 150, 3), label(12, 350, 2)]  # fmt: skip


def test_what_is_behind_the_horizon_is_not_seen_at_once(store: GraphStore) -> None:
    """Before anything is swept. Strictly: what happened at the horizon stays. Labels too, by when they were known."""
    store.apply(HISTORY)
    assert seen(store) == {"transfers:1": None, "transfers:2": True, "transfers:3": True, "accounts:4": None}
    store.apply([Horizon("retention", 200)])
    assert seen(store) == {"transfers:2": True, "transfers:3": None, "accounts:4": None}


def test_sweeping_changes_nothing_that_can_be_seen(store: GraphStore) -> None:
    """Neither for a reader nor in a dump; in chunks of any size."""
    store.apply(HISTORY)
    store.apply([Horizon("retention", 250)])
    dumped, before = canonical(store.dump()), seen(store)
    assert swept(store) == 3
    assert canonical(store.dump()) == dumped and seen(store) == before
    assert swept(store) == 0


def test_what_arrives_behind_the_horizon_is_dropped(store: GraphStore) -> None:
    """In the horizon's own batch and later; tables without events are kept whole."""
    store.apply([Horizon("retention", 250), edge(1, 100), label(11, 150, 3)])
    store.apply([edge(2, 200), edge(3, 300), owns(4, 50), label(12, 400, 3)])
    assert seen(store) == {"transfers:3": True, "accounts:4": None} and swept(store) == 0


KEPT: list[Upsert] = [owns(4, 50), edge(1, 100), label(11, 150, 1),
                      LabelUpsert("fraud_reports:12:label", pos(12), 60, "accounts:4:owner", True)]  # fmt: skip


@pytest.mark.parametrize("order", [[0, 1, 2], [0, 2, 1], [2, 0, 1]], ids=["before", "between", "after"])
def test_the_label_of_what_is_kept_for_ever_stays_with_it(store: GraphStore, order: list[int]) -> None:
    """However long ago it was known, swept or not, and where it arrives behind the horizon: it is the evidence of an
    event that can still be seen. Its neighbour's label goes with the neighbour.
    """
    for at in order:
        store.apply([KEPT[:2], KEPT[2:], [Horizon("retention", 250)]][at])
    assert seen(store) == {"accounts:4": True}
    swept(store)
    assert seen(store) == {"accounts:4": True}
    assert canonical(store.dump()) == canonical([KEPT[0], KEPT[3], Horizon("retention", 250)])


def test_the_label_of_what_is_kept_for_ever_is_no_work_for_a_sweep(store: GraphStore) -> None:
    """Two things go, and nothing is found again."""
    store.apply(KEPT)
    store.apply([Horizon("retention", 250)])
    assert (swept(store), swept(store)) == (2, 0)


def test_a_horizon_never_moves_back(store: GraphStore) -> None:
    """The highest of a kind wins, also when it comes first; kinds are apart."""
    store.apply([Horizon("retention", 250)])
    store.apply([Horizon("retention", 100), Horizon("purge", 50)])
    assert (store.horizon("retention"), store.horizon("purge")) == (250, 50)
    assert list(store.dump()) == [Horizon("retention", 250), Horizon("purge", 50)]


def test_there_is_no_horizon_at_first(store: GraphStore) -> None:
    """Everything is kept, and a sweep finds nothing."""
    store.apply([*HISTORY, gone(5, 5, 1)])
    assert store.horizon("retention") is None and store.horizon("purge") is None and store.sweep(10) == 0


def test_the_deletion_of_what_went_stays_as_a_marker(store: GraphStore) -> None:
    """Swept before or after it was deleted, the graph ends the same: only a purge forgets a deletion."""
    store.apply([edge(1, 100), gone(1, 5, 400), edge(2, 100), Horizon("retention", 250)])
    swept(store)
    store.apply([gone(2, 6, 400)])
    assert canonical(store.dump()) == canonical([Horizon("retention", 250), gone(1, 5, 400), gone(2, 6, 400)])


def test_a_revived_row_is_still_closed_by_its_own_deletion(store: GraphStore) -> None:
    """The first life lies behind the horizon, the second does not."""
    store.apply([edge(1, 100), gone(1, 5, 150), edge(1, 300, at=6), Horizon("retention", 250)])
    swept(store)
    assert seen(store) == {"transfers:1": None}
    store.apply([gone(1, 7, 500)])
    assert seen(store) == {}


def test_a_horizon_that_moves_during_a_sweep_is_swept_too(store: GraphStore) -> None:
    """What the sweep has passed already may have become old."""
    store.apply([edge(n, 100 + n) for n in range(1, 9)])
    store.apply([Horizon("retention", 105)])
    store.sweep(1)
    store.apply([Horizon("retention", 1_000)])
    assert swept(store) == 7 and seen(store) == {}


def test_labels_of_what_went_are_no_part_of_a_dump(store: GraphStore) -> None:
    """Once they are old themselves."""
    store.apply([edge(1, 100), label(11, 150, 1), label(12, 450, 1), Horizon("retention", 250)])
    swept(store)
    assert canonical(store.dump()) == canonical([Horizon("retention", 250), label(12, 450, 1)])


# -- purge ------------------------------------------------------------------------------------


def test_a_purge_forgets_markers_and_no_deletion_that_closes_something(store: GraphStore) -> None:
    """Strictly older ones; the closed edge must not come to life again."""
    store.apply([edge(1, 100), gone(1, 5, 150), gone(2, 6, 150), gone(3, 7, 250)])
    store.apply([Horizon("purge", 250)])
    swept(store)
    left = [edge(1, 100), gone(1, 5, 150), gone(3, 7, 250), Horizon("purge", 250)]
    assert canonical(store.dump()) == canonical(left) and seen(store) == {}


def test_a_purged_deletion_goes_with_the_version_it_closed(store: GraphStore) -> None:
    """Retention takes the version: whichever horizon comes first."""
    store.apply([edge(1, 100), gone(1, 5, 150), Horizon("purge", 250)])
    swept(store)
    store.apply([Horizon("retention", 200)])
    swept(store)
    assert canonical(store.dump()) == canonical([Horizon("retention", 200), Horizon("purge", 250)])


def test_a_purge_forgets_marks_that_were_cleared(store: GraphStore) -> None:
    """Those that still hold stay."""
    store.apply([Incomplete("users:1", 7, True), Incomplete("users:2", 4, False), Horizon("purge", 1)])
    swept(store)
    assert canonical(store.dump()) == canonical([Horizon("purge", 1), Incomplete("users:1", 7, True)])
    assert store.incomplete({"users:1", "users:2"}) == {"users:1"}


def test_a_copy_in_any_order_forgets_the_same(store: GraphStore) -> None:
    """Hydration: a closed edge's purged deletion may come before the edge."""
    store.apply([
        edge(1, 100), gone(1, 5, 150), gone(2, 6, 150), Horizon("purge", 250), edge(3, 90), Horizon("retention", 95),
        NodeUpsert("Account", "a", "accounts", pos(1), 5, {"kind": "current"}),
    ])  # fmt: skip
    dumped = list(store.dump())
    for order in (dumped, dumped[::-1]):
        copy = Mirror(SCHEMA.windowed)
        copy.apply(order)
        swept(copy)  # type: ignore[arg-type]
        assert canonical(copy.dump()) == canonical(dumped)
