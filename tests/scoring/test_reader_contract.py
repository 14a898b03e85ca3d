"""Whichever reader, the same score: a mirror beside the real Neo4j, by the demo bank's model with its long past."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import neo4j
import pytest

from deploy.config import SHIPPED
from deploy.demo.bank import Bank
from deploy.demo.settings import BankSettings
from deploy.demo.training import change_of, demo_mapping
from graph.mirror import Mirror
from graph.model import EdgeUpsert, Event, Floor, Gone, Incomplete, LabelUpsert, Upsert
from graph.neo4j_driver import query
from graph.neo4j_store import Neo4jStore
from scoring.engine import Engine, RuleEngine, Scorer
from scoring.score import Score
from scoring.scorer import EventScorer

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
MAPPING = demo_mapping()
TOLERANCE = 1e-6  # of a probability
EMPTY = "MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 2000 ROWS"
BATCH = 64


@dataclass
class History:
    """What a bank wrote, and wrote again, in no order; its events; and where its log ends."""

    upserts: list[Upsert]
    events: list[Event]
    end: int
    now_ms: int

    def pos(self) -> str:
        """The next place in the log."""
        self.end += 1
        return f"bank/0000.1.00000001.{self.end:016x}.000000"


def bank() -> History:
    """A bank of 200 customers over a week."""
    upserts, events, number, now_ms = list[Upsert](), list[Event](), 0, 0
    for number, row in enumerate(Bank(BankSettings(seed=111, users=200, days=7)).changes(), 1):
        plan, now_ms = MAPPING.plan(change_of(row, number)), row.at_ms
        upserts += plan.upserts
        events += plan.events
    return History(upserts, events, number, now_ms)


def crowd(history: History, rng: random.Random) -> tuple[str, str]:
    """More than any look takes: an account with 5,000 payments in, of which many are reported, and one payment back for
    each ten; a user with 600 logins. Their names.
    """
    edges = [upsert for upsert in history.upserts if isinstance(upsert, EdgeUpsert)]
    paid, login = (next(e for e in edges if e.relation == kind) for kind in ("TRANSFER", "LOGIN"))
    payers = sorted({edge.src for edge in edges if edge.relation == "TRANSFER"} - {paid.dst})
    for n in range(5_000):
        history.now_ms += 1_000
        at = {"pos": history.pos(), "known_ms": history.now_ms, "time_ms": history.now_ms - 500}
        src, dst = (paid.dst, rng.choice(payers)) if n % 10 == 0 else (rng.choice(payers), paid.dst)
        said = {**paid.attributes, "amount": rng.randrange(1, 10**6)}
        owner = f"transfers:c{n}:transfer"
        history.upserts.append(
            msgspec.structs.replace(paid, owner=owner, src=src, dst=dst, attributes=said, **at)
        )
        if n % 8 == 0:
            history.upserts.append(msgspec.structs.replace(login, owner=f"logins:c{n}:login", **at))
        if n % 5 == 0:
            known = (history.pos(), history.now_ms)
            history.upserts.append(LabelUpsert(f"fraud_reports:c{n}:label", *known, owner, rng.random() < 0.3))
    return paid.dst, login.src


def revised(history: History, rng: random.Random, share: float) -> list[Upsert]:
    """Later changes of some rows: deleted, moved to another end, with another amount; reported, and corrected."""
    edges = [upsert for upsert in history.upserts if isinstance(upsert, EdgeUpsert)]
    found = list[Upsert]()
    for edge in rng.sample(edges, int(len(edges) * share)):
        history.now_ms += 1_000
        at, other = (history.pos(), history.now_ms), rng.choice(edges)
        report = f"fraud_reports:r{rng.randrange(50)}:label"  # a few reports, which say now this, now that
        match rng.randrange(5):
            case 0:
                found.append(Gone(edge.owner, *at, edge.relation))
            case 1 if other.relation == edge.relation:
                found.append(msgspec.structs.replace(edge, pos=at[0], known_ms=at[1], src=other.src))
            case 2 if "amount" in edge.attributes:
                said = {**edge.attributes, "amount": rng.randrange(1, 10**6)}
                found.append(msgspec.structs.replace(edge, pos=at[0], known_ms=at[1], attributes=said))
            case 3:
                found.append(Gone(report, *at, None))
            case _:
                found.append(LabelUpsert(report, *at, edge.owner, rng.random() < 0.5))
    return found


def asked(history: History, rng: random.Random, many: int, busy: tuple[str, str]) -> list[Event]:
    """Events of any moment in the log, and as many behind all of it; some of the latter at what is busy."""
    some = rng.sample([event for event in history.events if event.kind != "withdrawn"], many)
    late = list[Event]()
    for n, event in enumerate(some):
        account, user = busy
        ends = {"TRANSFER": {"dst": account}, "LOGIN": {"src": user}}.get(event.relation, {}) if n % 4 == 0 else {}
        at = {"pos": history.pos(), "known_ms": history.now_ms, "time_ms": history.now_ms}
        late.append(msgspec.structs.replace(event, id=f"transfers:late{n}:transfer", **at, **ends))
    return [*some, *late]


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
