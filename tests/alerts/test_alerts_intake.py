"""Intake: the same on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from alertdata import event, pos, ring_score, score
from alertsite import PostgresServer, settings
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import func, select

from alerts.database import Database
from alerts.errors import BadScore, DatabaseAway
from alerts.fanout import Local
from alerts.migrations import upgrade
from alerts.models import Alert, Feed
from alerts.policy import Policy, State
from alerts.queries import Filter
from alerts.service import Intake
from alerts.services import Services, open_services
from scoring.score import Score

pytestmark = pytest.mark.anyio


async def all_of(services: Services) -> list[Any]:
    return await services.queries.page(Filter())


async def kinds(services: Services) -> list[str]:
    return [item.kind for item in await services.queries.feed(0, 100)]


async def test_a_score_above_the_threshold_is_one_alert(services: Services) -> None:
    (id,) = await services.intake.accept([score(0.95), score(0.2, of=event("transfers:5:transfer"))])
    (alert,) = await all_of(services)
    assert (alert.id, alert.event_id, alert.state) == (id, "transfers:981:transfer", "open")


async def test_the_evidence_is_stored_as_scored(services: Services) -> None:
    sent = ring_score()
    (id,) = await services.intake.accept([sent])
    detail = await services.queries.detail(id)
    assert detail.subgraph is not None and sent.subgraph is not None
    assert len(detail.subgraph["edges"]) == len(sent.subgraph.edges)
    assert [part["name"] for part in detail.contributions] == [part.name for part in sent.contributions]
    assert tuple(detail.alert.reasons) == sent.reasons


async def test_a_second_delivery_changes_nothing_and_feeds_nothing(services: Services) -> None:
    await services.intake.accept([score()])
    before = await all_of(services)
    assert await services.intake.accept([score(), score()]) == []
    assert await all_of(services) == before
    assert await kinds(services) == ["created"]


async def test_the_final_score_updates_the_provisional_one(services: Services) -> None:
    await services.intake.accept([score(0.9, provisional=True)])
    await services.intake.accept([score(0.97, revision=2)])
    (alert,) = await all_of(services)
    assert (alert.probability, alert.provisional, alert.revision) == (0.97, False, 2)
    assert await kinds(services) == ["created", "updated"]


async def test_an_older_score_never_overwrites_a_newer_one(services: Services) -> None:
    await services.intake.accept([score(0.9, revision=2, of=event(offset=200))])
    assert await services.intake.accept([score(0.99, revision=7, of=event(offset=100))]) == []
    (alert,) = await all_of(services)
    assert (alert.probability, alert.position) == (0.9, pos(200))


async def test_a_deleted_row_withdraws_the_alert_and_keeps_its_evidence(services: Services) -> None:
    await services.intake.accept([ring_score()])
    await services.intake.accept([score(0.0, of=event(offset=300, kind="withdrawn"), reasons=())])
    (alert,) = await all_of(services)
    detail = await services.queries.detail(alert.id)
    assert alert.state == "withdrawn" and alert.reasons and detail.subgraph is not None
    assert await kinds(services) == ["created", "withdrawn"]


async def test_a_first_score_that_comes_after_its_correction_raises_nothing(services: Services) -> None:
    await services.intake.accept([score(0.1, revision=2)])
    await services.intake.accept([score(0.99, revision=1, provisional=True)])
    assert await all_of(services) == []


async def test_a_batch_is_all_or_nothing(services: Services) -> None:
    bad = score(float("nan"), of=event("transfers:6:transfer"))
    with pytest.raises(BadScore, match="probability") as refused:
        await services.intake.accept([score(), bad])
    assert refused.value.score is bad
    assert await all_of(services) == []


@pytest.mark.parametrize(
    "hostile",
    [
        {"id": "x" * 501}, {"id": ""}, {"id": "a\0b"}, {"src": "Account:\ud800"}, {"time_ms": 2**63},
        {"known_ms": -(2**63) - 1}, {"attributes": {"memo": "\udfff"}},
    ],
)  # fmt: skip
async def test_a_score_no_database_stores_is_refused_with_the_reason(
    services: Services, hostile: dict[str, Any]
) -> None:
    facts = {"id": "transfers:7:transfer"} | hostile
    with pytest.raises(BadScore):
        await services.intake.accept([score(of=event(**facts))])


async def test_a_nul_in_the_text_is_stored_as_a_replacement(services: Services) -> None:
    await services.intake.accept([score(reasons=("a\0b",), of=event(attributes={"memo": "x\0"}))])
    (alert,) = await all_of(services)
    assert alert.reasons == ["a\ufffdb"] and alert.attributes == {"memo": "x\ufffd"}


async def test_many_writers_of_the_same_events_make_one_alert_each(services: Services, url: str) -> None:
    """As replicas would: intakes of their own, the same scores at once."""
    others = [Database(url) for _ in range(3)]
    intakes = [Intake(database, Policy(0.8), Local()) for database in others]
    batch = [score(0.9, of=event(f"transfers:{at}:transfer", at)) for at in range(20)]
    raised = await asyncio.gather(*(intake.accept(batch) for intake in [services.intake, *intakes]))
    assert sum(len(ids) for ids in raised) == 20
    assert await kinds(services) == ["created"] * 20
    for database in others:
        await database.close()


async def test_feed_ids_come_in_commit_order_whatever_the_writers(services: Services, url: str) -> None:
    """A reader that has seen an id never finds a smaller one later."""
    others = [Database(url) for _ in range(4)]
    seen: list[int] = []
    writing = True

    async def read() -> None:
        while writing:
            seen.extend(item.id for item in await services.queries.feed(seen[-1] if seen else 0, 100))

    async def write(database: Database, writer: int) -> None:
        intake = Intake(database, Policy(0.8), Local())
        for at in range(15):
            mine = [score(0.9, of=event(f"transfers:{writer}-{at}:transfer", at))]
            while True:
                try:
                    await intake.accept(mine)
                    break
                except DatabaseAway:  # SQLite's lock is not fair: on a busy machine one of four may starve
                    await asyncio.sleep(0.05)

    reader = asyncio.create_task(read())
    await asyncio.gather(*(write(database, at) for at, database in enumerate(others)))
    await asyncio.sleep(0.05)
    writing = False
    await reader
    async with services.database.read() as session:
        stored = list(await session.scalars(select(Feed.id).order_by(Feed.id)))
    assert seen == stored and len(seen) == 60
    for database in others:
        await database.close()


async def test_a_database_that_is_away_is_told_as_transient(postgres: PostgresServer) -> None:
    """And the same batch goes in when it is back."""
    async with await open_services(settings(postgres.new_database())) as services:
        await services.intake.accept([score(of=event("transfers:1:transfer"))])
        postgres.stop()
        with pytest.raises(DatabaseAway, match="try again"):
            await services.intake.accept([score()])
        postgres.start()
        assert len(await services.intake.accept([score()])) == 1


@pytest.fixture(scope="module")
def shared_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("intake") / "alerts.db"
    upgrade(f"sqlite:///{path}")
    return f"sqlite:///{path}"


tenants = itertools.count()
one_score = st.builds(
    lambda name, offset, revision, kind: score(
        # A score's name decides its value: the same name is the same score again.
        0.0 if kind == "withdrawn" else 0.55 + 0.4 * (hash((name, offset, revision)) % 2),
        revision=revision, of=event(f"transfers:{name}:transfer", offset, kind=kind if offset else "new"),
        provisional=revision == 1,
    ),
    st.integers(0, 2), st.integers(0, 3), st.integers(1, 2), st.sampled_from(["revised", "withdrawn"]),
)  # fmt: skip


@given(st.lists(one_score, max_size=14, unique_by=lambda each: each.id), st.data())
@examples(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_duplication_and_batching_ends_with_the_newest_score(
    shared_url: str, scores: list[Score], data: st.DataObject
) -> None:
    """At most one alert per event, open exactly where the newest score says so, with that score's facts."""
    deliveries = data.draw(st.permutations(scores * 2))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(deliveries)), max_size=6)))
    batches = [deliveries[start:end] for start, end in itertools.pairwise([0, *cuts, len(deliveries)])]
    stored = asyncio.run(_accept_all(shared_url, batches))
    names = [alert.event_id for alert in stored]
    assert len(names) == len(set(names))
    newest: dict[str, Score] = {}
    for each in scores:
        held = newest.get(each.event.id)
        if held is None or (held.event.pos, held.revision) < (each.event.pos, each.revision):
            newest[each.event.id] = each
    expected = {
        (name, each.event.pos, each.revision, each.probability)
        for name, each in newest.items()
        if each.probability >= 0.8 and each.event.kind != "withdrawn"
    }
    is_open = [alert for alert in stored if alert.state == State.OPEN]
    assert {(alert.event_id, alert.position, alert.revision, alert.probability) for alert in is_open} == expected


async def _accept_all(url: str, batches: Sequence[Sequence[Score]]) -> list[Alert]:
    database = Database(url)
    intake = Intake(database, Policy(0.8), Local(), tenant=f"tenant {next(tenants)}")
    for batch in batches:
        await intake.accept(batch)
    async with database.read() as session:
        stored = list(await session.scalars(select(Alert).where(Alert.tenant == intake.tenant)))
        created = select(func.count()).where(Feed.tenant == intake.tenant, Feed.kind == "created")
        assert await session.scalar(created) == len(stored)
    await database.close()
    return stored
