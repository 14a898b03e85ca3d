"""What every store promises, run over each implementation."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import permutations

import neo4j
import pytest
from histories import canonical, changes, demo_mapping, horizons, upserts, views
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from graph.mirror import Mirror
from graph.model import Caps, EdgeUpsert, Event, Floor, Gone, Horizon, LabelUpsert, NodeUpsert
from graph.neo4j_store import Neo4jStore
from graph.store import GraphStore

MAPPING = demo_mapping()
CAPS = Caps((4, 2))
FreshStore = Callable[[], GraphStore]


@pytest.fixture(params=["mirror", pytest.param("neo4j", marks=pytest.mark.stack)])
def fresh(request: pytest.FixtureRequest) -> Iterator[FreshStore]:
    """Makes empty stores of one kind."""
    if request.param == "mirror":
        yield lambda: Mirror(MAPPING.schema.windowed)
        return
    driver: neo4j.Driver = request.getfixturevalue("neo4j_driver")

    def emptied() -> Neo4jStore:
        driver.execute_query("MATCH (n) DETACH DELETE n")
        return Neo4jStore(driver, MAPPING.schema)

    Neo4jStore(driver, MAPPING.schema).init()
    yield emptied
    driver.execute_query("MATCH (n) DETACH DELETE n")  # horizons too: they would hide what the next test writes


def pos(n: int, source: str = "bank") -> str:
    return f"{source}/0001.1.00000001.{n:016x}.000000"


def edge(n: int, src: str, dst: str, time_ms: int, *, at: int | None = None, known_ms: int | None = None) -> EdgeUpsert:
    return EdgeUpsert(f"transfers:{n}:transfer", pos(at or n), known_ms or time_ms + 5, "TRANSFER",
                      f"Account:{src}", f"Account:{dst}", time_ms, {"amount": n})  # fmt: skip


def event(n: int, src: str, dst: str, time_ms: int, at: str | None = None) -> Event:
    return Event(f"transfers:{n}:transfer", "new", pos(n) if at is None else at, time_ms + 5, "TRANSFER",
                 f"Account:{src}", f"Account:{dst}", time_ms, {"amount": n})  # fmt: skip


def owners(store: GraphStore, of: Event, caps: Caps = CAPS) -> list[str]:
    return [e.owner.split(":")[1] for e in store.subgraphs([of], caps)[0].edges]


def fed(store: GraphStore, steps: list, rng: random.Random) -> None:
    """In batches of any size, with a sweep now and then."""
    steps = [*steps, *rng.sample(steps, len(steps) // 2)]
    rng.shuffle(steps)
    while steps:
        size = rng.randint(1, 6)
        store.apply([upsert for step in steps[:size] for upsert in step])
        steps = steps[size:]
        if rng.random() < 0.2:
            store.sweep(rng.randint(1, 5))


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
@given(log=changes(), kept=horizons(), purged=st.none() | st.integers(0, 30), seed=st.integers(0, 2**32))
def test_any_shuffle_duplication_and_batching_ends_in_the_same_graph(
    fresh: FreshStore, log: list, kept: list, purged: int | None, seed: int
) -> None:
    """Deletes, revived and changed keys, moved edges, truncates, snapshots under new epochs, labels of two sources,
    marks, horizons and sweeps included. What is older than a purge comes before it: the worker takes no such change
    after it.
    """
    steps = upserts(MAPPING, log)
    at = 0 if purged is None else min(purged, len(log) - 1)
    before, after = [*steps[:at], *([u] for u in kept)], steps[at:]
    purge = [] if purged is None else [[Horizon("purge", log[at].committed_ms)]]
    expected = Mirror(MAPPING.schema.windowed)
    for step in [*before, *purge, *after]:
        expected.apply(step)
    store, rng = fresh(), random.Random(seed)
    fed(store, before, rng)
    fed(store, purge, rng)
    fed(store, [*after, *purge], rng)
    for _ in ("before a whole sweep", "behind it"):
        assert canonical(store.dump()) == canonical(expected.dump())
        assert views(store, log) == views(expected, log)
        while store.sweep(3):
            pass


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(log=changes(40))
def test_a_later_change_changes_no_earlier_subgraph(fresh: FreshStore, log: list) -> None:
    """Each event's subgraph right after its own change is its subgraph at the end."""
    store, then = fresh(), []
    for change in log:
        plan = MAPPING.plan(change)
        store.apply(plan.upserts)
        then += [(e, store.subgraphs([e], CAPS)[0]) for e in plan.events]
    assert [store.subgraphs([e], CAPS)[0] for e, _ in then] == [subgraph for _, subgraph in then]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(log=changes(40), kept=horizons(40))
def test_every_store_gives_the_subgraphs_the_mirror_gives(fresh: FreshStore, log: list, kept: list) -> None:
    """One as-of rule and one horizon, whichever store reads."""
    store, mirror = fresh(), Mirror(MAPPING.schema.windowed)
    plans = [MAPPING.plan(change) for change in log]
    for plan in plans:
        store.apply(plan.upserts)
        mirror.apply(plan.upserts)
    events = [e for plan in plans for e in plan.events]
    assert store.subgraphs(events, CAPS) == mirror.subgraphs(events, CAPS)
    for each in (store, mirror):
        each.apply(kept)
    assert store.subgraphs(events, CAPS) == mirror.subgraphs(events, CAPS)


def test_a_dump_rebuilds_the_graph(fresh: FreshStore) -> None:
    """Hydration: versions, deletions, markers, labels and floors survive."""
    store = fresh()
    store.apply([
        NodeUpsert("User", "1", "users", pos(1), 5, {"name": "a"}),
        NodeUpsert("User", "2", "users", pos(2), 5, None),
        edge(3, "1", "2", 100), Gone("transfers:3:transfer", pos(9), 300, "TRANSFER"),
        Gone("transfers:4:transfer", pos(9), 300, "TRANSFER"),
        LabelUpsert("fraud_reports:1:label", pos(7), 250, "transfers:3:transfer", True),
        Floor("logins", pos(8), 280),
    ])  # fmt: skip
    copy = Mirror()
    copy.apply(list(store.dump()))
    assert canonical(copy.dump()) == canonical(store.dump()) and len(canonical(store.dump())) == 7


def test_an_older_change_never_overwrites_a_newer_one(fresh: FreshStore) -> None:
    """The position decides, not the order of arrival."""
    store = fresh()
    store.apply([NodeUpsert("User", "1", "users", pos(20), 5, {"name": "new"})])
    store.apply([NodeUpsert("User", "1", "users", pos(10), 5, {"name": "old", "country": "DE"})])
    assert next(store.dump()).properties == {"name": "new"}  # type: ignore[union-attr]


def test_a_deletion_that_comes_first_still_closes(fresh: FreshStore) -> None:
    """The marker waits for the row it is about."""
    store = fresh()
    store.apply([Gone("transfers:1:transfer", pos(5), 200, "TRANSFER")])
    store.apply([edge(1, "a", "b", 100)])
    assert owners(store, event(9, "a", "c", 150)) == ["1"]
    assert owners(store, event(9, "a", "c", 250)) == []


def test_of_two_versions_that_count_the_newest_is_seen(fresh: FreshStore) -> None:
    """A snapshot's row counts since its event's time, when the streamed one was not deleted yet."""
    store, event_ = fresh(), event(9, "a", "x", 50, at="")
    deleted = Gone("transfers:1:transfer", pos(5), 100, "TRANSFER")
    read = EdgeUpsert("transfers:1:transfer", pos(7).replace("0001.1", "0002.0"), 10, "TRANSFER", "Account:a",
                      "Account:c", 10, {"amount": 7})  # fmt: skip
    store.apply([edge(1, "a", "b", 10), deleted, read])
    assert [(e.owner, e.dst) for e in store.subgraphs([event_], CAPS)[0].edges] == [(read.owner, "Account:c")]


def test_a_revived_key_counts_again(fresh: FreshStore) -> None:
    """Deleted, then inserted anew under the same key."""
    store = fresh()
    store.apply([edge(1, "a", "b", 100), Gone("transfers:1:transfer", pos(5), 200, "TRANSFER")])
    store.apply([edge(1, "a", "b", 300, at=6)])
    assert owners(store, event(9, "a", "c", 400)) == ["1"]


def test_a_moved_edge_leaves_its_old_place(fresh: FreshStore) -> None:
    """An update of a foreign key moves the edge from the moment it was known."""
    store = fresh()
    store.apply([edge(1, "a", "b", 100), edge(1, "a", "z", 100, at=5, known_ms=200)])
    assert store.subgraphs([event(9, "a", "c", 150)], CAPS)[0].edges[0].dst == "Account:b"
    assert [e.dst for e in store.subgraphs([event(9, "a", "c", 250)], CAPS)[0].edges] == ["Account:z"]


def test_an_edge_of_the_same_moment_is_not_seen(fresh: FreshStore) -> None:
    """Strictly before: ties are excluded."""
    store = fresh()
    store.apply([edge(1, "a", "b", 100, known_ms=100), edge(2, "a", "b", 99, known_ms=100)])
    assert owners(store, event(9, "a", "c", 100)) == ["2"]


def test_what_was_committed_later_is_not_seen(fresh: FreshStore) -> None:
    """An edge that happened before but was committed after the event's time is not known."""
    store = fresh()
    store.apply([edge(1, "a", "b", 50, known_ms=101)])
    assert owners(store, event(9, "a", "c", 100)) == []


def test_what_stands_behind_the_event_in_the_log_is_not_seen(fresh: FreshStore) -> None:
    """Whole-second commit times can't tell; the position can."""
    store = fresh()
    store.apply([edge(1, "a", "b", 50, at=50, known_ms=60)])
    assert owners(store, event(9, "a", "c", 100)) == []
    assert owners(store, event(9, "a", "c", 100, at=pos(60))) == ["1"]


def test_positions_of_another_source_are_not_compared(fresh: FreshStore) -> None:
    """Another source's log says nothing of this one's order; the clock has to do."""
    store = fresh()
    store.apply([edge(1, "a", "b", 50, at=50, known_ms=60)])
    assert owners(store, event(9, "a", "c", 100, at=pos(1, "other"))) == ["1"]


def test_an_event_without_a_position_sees_by_the_clock(fresh: FreshStore) -> None:
    """A payment asked about before it is committed."""
    store = fresh()
    store.apply([edge(1, "a", "b", 50, known_ms=60), edge(2, "a", "b", 50, known_ms=160)])
    assert owners(store, event(9, "a", "c", 100, at="")) == ["1"]


def test_a_label_counts_once_known_and_its_correction_after(fresh: FreshStore) -> None:
    """The newest label known then."""
    store = fresh()
    store.apply([
        edge(1, "a", "b", 50),
        LabelUpsert("fraud_reports:1:label", pos(2), 200, "transfers:1:transfer", True),
        LabelUpsert("fraud_reports:1:label", pos(3), 300, "transfers:1:transfer", False),
    ])  # fmt: skip
    seen = [store.subgraphs([event(9, "a", "c", t)], CAPS)[0].edges[0].label for t in (150, 250, 350)]
    assert seen == [None, True, False]


def test_caps_keep_the_newest_per_relation_and_direction(fresh: FreshStore) -> None:
    """Newest first, per node, relation, direction and hop."""
    store = fresh()
    store.apply([edge(n, "a", f"b{n}", 100 + n, known_ms=300) for n in range(1, 9)])
    store.apply([edge(20 + n, f"c{n}", "a", 100 + n, known_ms=300) for n in range(1, 9)])
    kept = owners(store, event(99, "a", "x", 400), Caps((3,)))
    assert kept == ["28", "8", "27", "7", "26", "6"]


def test_two_hops_reach_the_neighbours_of_neighbours(fresh: FreshStore) -> None:
    """Hop 2 starts from what hop 1 found; edges name their hop."""
    store = fresh()
    store.apply([edge(1, "a", "b", 100), edge(2, "b", "c", 110), edge(3, "c", "d", 120)])
    found = store.subgraphs([event(9, "a", "x", 400)], Caps((4, 4)))[0]
    assert [(e.owner.split(":")[1], e.hop) for e in found.edges] == [("1", 1), ("2", 2)]
    assert found.nodes == ("Account:a", "Account:x", "Account:b", "Account:c")


def test_below_a_floor_everything_is_gone(fresh: FreshStore) -> None:
    """TRUNCATE: also for what arrives late from below it."""
    store = fresh()
    store.apply([edge(1, "a", "b", 100), Floor("transfers", pos(50), 500)])
    store.apply([edge(2, "a", "b", 110), edge(60, "a", "b", 600)])
    assert owners(store, event(99, "a", "c", 700)) == ["60"]
    assert owners(store, event(40, "a", "c", 200)) == ["2", "1"]


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=lambda order: "".join(map(str, order)))
def test_of_two_floors_the_lower_one_ends_what_lies_below_both(fresh: FreshStore, order: tuple[int, ...]) -> None:
    """Truncated twice: what was there before is gone from the first time on, in whatever order the three come."""
    store = fresh()
    for n in order:
        store.apply([(edge(1, "a", "b", 100), Floor("transfers", pos(50), 500), Floor("transfers", pos(80), 800))[n]])
    seen = [owners(store, event(99, "a", "c", t, at=pos(at))) for t, at in ((400, 40), (600, 60), (900, 90))]
    assert seen == [["1"], [], []]


def test_a_batch_twice_changes_nothing(fresh: FreshStore) -> None:
    """A crash after the write repeats it."""
    store = fresh()
    batch = [edge(1, "a", "b", 100), NodeUpsert("Account", "a", "accounts", pos(1), 5, {"kind": "current"})]
    store.apply(batch)
    before = canonical(store.dump())
    store.apply(batch)
    assert canonical(store.dump()) == before


@pytest.mark.parametrize("together", [True, False])
def test_a_row_that_changed_its_key_keeps_the_node_it_names(fresh: FreshStore, together: bool) -> None:
    """A key change comes as delete and insert at one position; where the node's id is no part of the key, both
    speak of the same node, in either order.
    """
    store = fresh()
    left = NodeUpsert("User", "1", "users", pos(5), 5, None)
    come = NodeUpsert("User", "1", "users", pos(5), 5, {"name": "n"})
    for batch in [[left, come]] if together else [[left], [come]]:
        store.apply(batch)
    assert next(store.dump()).properties == {"name": "n"}  # type: ignore[union-attr]


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=lambda order: "".join(map(str, order)))
def test_a_row_read_again_stands_at_the_floor_its_snapshot_sets(fresh: FreshStore, order: tuple[int, ...]) -> None:
    """The floor takes what is below it, and the row read again at that very position stays; in any order."""
    below = NodeUpsert("User", "1", "users", pos(5), 5, {"name": "old"})
    floor = Floor("users", pos(9), 9)
    again = NodeUpsert("User", "1", "users", pos(9), 9, {"name": "new"})
    store = fresh()
    for n in order:
        store.apply([(below, floor, again)[n]])
    assert [u.properties for u in store.dump() if isinstance(u, NodeUpsert)] == [{"name": "new"}]
