"""Whichever reader, the same score: a mirror beside the real Neo4j, by the demo bank's model with its long past."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Sequence

import neo4j
import pytest
from bankhistory import EMPTY, MAPPING, asked, bank, crowd, revised

from deploy.config import SHIPPED
from graph.mirror import Mirror
from graph.model import Event, Floor, Incomplete, Upsert
from graph.neo4j_driver import query
from graph.neo4j_store import Neo4jStore
from scoring.engine import Engine, RuleEngine, Scorer
from scoring.score import Score
from scoring.scorer import EventScorer

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
TOLERANCE = 1e-6  # of a probability
BATCH = 64


@pytest.fixture
def store(neo4j_driver: neo4j.Driver) -> Iterator[Neo4jStore]:
    """Empty, before and behind."""
    neo4j_driver.session().run(query(EMPTY)).consume()
    made = Neo4jStore(neo4j_driver, MAPPING.schema)
    made.init()
    made.check()
    yield made
    neo4j_driver.session().run(query(EMPTY)).consume()


def written(store: Neo4jStore, upserts: Sequence[Upsert], mirror: Mirror) -> None:
    mirror.apply(upserts)
    for at in range(0, len(upserts), 1_000):
        store.apply(upserts[at : at + 1_000])


def scores(scorer: EventScorer, events: Sequence[Event]) -> list[Score]:
    return [score for at in range(0, len(events), BATCH) for score in scorer.score(events[at : at + BATCH])]


def apart(found: Sequence[Score], wanted: Sequence[Score]) -> float:
    """The largest difference; evidence is the same, value for value."""
    assert [score.event for score in found] == [score.event for score in wanted]
    for mine, theirs in zip(found, wanted, strict=True):
        assert (mine.incomplete, mine.subgraph, mine.reasons) == (theirs.incomplete, theirs.subgraph, theirs.reasons)
    return max(abs(a.probability - b.probability) for a, b in zip(found, wanted, strict=True))


def by(engine: Scorer, graph: Neo4jStore | Mirror) -> EventScorer:
    return EventScorer(engine, graph, MAPPING.schema.tables)


@pytest.mark.parametrize("seed", range(3))
def test_both_readers_give_one_probability(store: Neo4jStore, seed: int) -> None:
    """Deletions, moved ends, corrected labels, late changes, rows that wait, a truncated table, whatever the order."""
    rng, history, mirror = random.Random(seed), bank(), Mirror(MAPPING.schema.windowed)
    busy = crowd(history, rng)
    history.upserts += revised(history, rng, 0.2)
    history.upserts += revised(history, rng, 0.1)
    history.upserts += [Incomplete("accounts:7", 1, True), Incomplete("users:3", 1, True)]
    if seed == 2:
        history.upserts.append(Floor("logins", history.pos(), history.now_ms))
    rng.shuffle(history.upserts)
    written(store, history.upserts, mirror)
    events = asked(history, rng, 200, busy)
    for make in (lambda: Engine.load(SHIPPED), RuleEngine):
        wanted = scores(by(make(), mirror), events)
        assert apart(scores(by(make(), store), events), wanted) < TOLERANCE
    assert any(score.incomplete for score in wanted) and not all(score.incomplete for score in wanted)


def test_what_is_written_meanwhile_moves_no_score(store: Neo4jStore) -> None:
    """A writer goes on deleting, moving, correcting and adding at the very nodes that are read."""
    rng, history, mirror = random.Random(9), bank(), Mirror(MAPPING.schema.windowed)
    busy = crowd(history, rng)
    history.upserts += revised(history, rng, 0.2)
    written(store, history.upserts, mirror)
    events = asked(history, rng, 100, busy)
    wanted = scores(by(Engine.load(SHIPPED), mirror), events)
    later, stop, done = [revised(history, rng, 0.05) for _ in range(40)], threading.Event(), list[int]()

    def write() -> None:
        for batch in later:
            if stop.is_set():
                return
            store_too.apply(batch)
            done.append(len(batch))

    store_too = Neo4jStore(store._driver, MAPPING.schema)
    writer, scorer = threading.Thread(target=write), by(Engine.load(SHIPPED), store)
    writer.start()
    try:
        rounds = 0
        while rounds < 2 or (writer.is_alive() and rounds < 8):
            assert apart(scores(scorer, events), wanted) < TOLERANCE
            rounds += 1
    finally:
        stop.set()
        writer.join()
    assert len(done) > 5  # or nobody wrote
