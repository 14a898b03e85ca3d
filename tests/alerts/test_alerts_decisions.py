"""Decisions and the outbox: the same on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from alertdata import event, score
from alertsite import settings
from sqlalchemy import select

from alerts.decisions import Ruling, Verdict
from alerts.errors import NoSuchAlert
from alerts.models import Audit, Outbox
from alerts.outbox import Relay
from alerts.policy import State
from alerts.queries import Filter
from alerts.services import Services, open_services
from ingest.records import LABELS

pytestmark = pytest.mark.anyio


class Receiver:
    """Takes messages; fails as often as it is told to first."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.got: list[tuple[str, str, dict[str, Any]]] = []

    async def publish(self, topic: str, key: str, value: bytes) -> None:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the broker is away")
        self.got.append((topic, key, msgspec.json.decode(value)))


async def raised(services: Services, count: int = 1) -> list[int]:
    return await services.intake.accept([score(of=event(f"transfers:{at}:transfer", at)) for at in range(1, count + 1)])


def ruling(id: int, verdict: Verdict = Verdict.FRAUD, key: str = "key-0001") -> Ruling:
    return Ruling(id, verdict, "Eva", "seen before", key)


async def rows(services: Services, table: Any) -> list[Any]:
    async with services.database.read() as session:
        return list(await session.scalars(select(table).order_by(table.id)))


async def test_a_decision_changes_state_and_leaves_audit_feed_and_one_label(services: Services) -> None:
    (id,) = await raised(services)
    made = await services.decisions.decide(ruling(id))
    (alert,) = await services.queries.page(Filter(state=State.CONFIRMED))
    (audit,) = await rows(services, Audit)
    (label,) = await rows(services, Outbox)
    assert (alert.id, audit.actor, audit.action, audit.subject) == (id, "Eva", "decide", f"alert:{id}")
    assert [item.kind for item in await services.queries.feed(0, 9)] == ["created", "decided"]
    assert (label.topic, label.key, label.sent_us) == (LABELS, "transfers:1:transfer", None)
    assert label.payload | {"event_time": 0} == {
        "event": "transfers:1:transfer", "fraud": True, "decided_at": made.at_us // 1000, "analyst": "Eva",
        "alert": id, "decision": made.id, "event_time": 0,
    }  # fmt: skip


async def test_the_same_request_twice_is_one_decision_and_one_label(services: Services) -> None:
    (id,) = await raised(services)
    first, second = await asyncio.gather(*(services.decisions.decide(ruling(id)) for _ in range(2)))
    assert first == second
    assert len(await rows(services, Outbox)) == 1


async def test_a_further_decision_corrects_the_one_before(services: Services) -> None:
    (id,) = await raised(services)
    await services.decisions.decide(ruling(id))
    await services.decisions.decide(ruling(id, Verdict.LEGIT, "key-0002"))
    detail = await services.queries.detail(id)
    assert detail.alert.state == "dismissed"
    assert [decision.verdict for decision in detail.decisions] == ["legit", "fraud"]
    assert [row.payload["fraud"] for row in await rows(services, Outbox)] == [True, False]


async def test_an_alert_that_is_not_there_cannot_be_decided(services: Services) -> None:
    with pytest.raises(NoSuchAlert):
        await services.decisions.decide(ruling(404))


async def test_a_score_that_falls_later_leaves_the_decision(services: Services) -> None:
    (id,) = await services.intake.accept([score()])
    await services.decisions.decide(ruling(id))
    await services.intake.accept([score(0.1, revision=2)])
    assert (await services.queries.detail(id)).alert.state == "confirmed"


def relay(services: Services, receiver: Receiver, **changed: Any) -> Relay:
    return Relay(services.database, receiver.publish, metrics=services.metrics, **changed)


async def test_the_relay_sends_each_label_once_and_marks_it(services: Services) -> None:
    for at, id in enumerate(await raised(services, 3)):
        await services.decisions.decide(ruling(id, key=f"key-000{at}"))
    receiver = Receiver()
    sender = relay(services, receiver)
    assert [await sender.send_once(), await sender.send_once()] == [3, 0]
    assert [key for _, key, _ in receiver.got] == [f"transfers:{at}:transfer" for at in (1, 2, 3)]


async def test_a_relay_that_dies_between_claim_and_send_is_made_good(services: Services) -> None:
    (id,) = await raised(services)
    await services.decisions.decide(ruling(id))
    receiver = Receiver()
    now = [1_000_000_000]
    dying = relay(services, receiver, clock_us=lambda: now[0], claim_s=30)
    assert len(await dying.claim()) == 1  # and no more is heard of it
    heir = relay(services, receiver, clock_us=lambda: now[0], claim_s=30)
    assert await heir.send_once() == 0
    now[0] += 31_000_000
    assert await heir.send_once() == 1 and len(receiver.got) == 1


async def test_a_broker_that_is_away_loses_nothing(services: Services) -> None:
    (id,) = await raised(services)
    await services.decisions.decide(ruling(id))
    receiver = Receiver(failures=1)
    sender = relay(services, receiver)
    with pytest.raises(ConnectionError):
        await sender.send_once()
    assert await sender.send_once() == 1 and len(receiver.got) == 1


async def test_two_relays_at_once_claim_rows_of_their_own(services: Services) -> None:
    for at, id in enumerate(await raised(services, 6)):
        await services.decisions.decide(ruling(id, key=f"key-000{at}"))
    receiver = Receiver()
    await asyncio.gather(*(relay(services, receiver, batch=3).send_once() for _ in range(3)))
    await relay(services, receiver).send_once()
    assert sorted(key for _, key, _ in receiver.got) == [f"transfers:{at}:transfer" for at in range(1, 7)]


async def test_open_services_send_what_is_decided(url: str) -> None:
    receiver = Receiver()
    async with await open_services(settings(url, publish=receiver.publish)) as services:
        (id,) = await raised(services)
        await services.decisions.decide(ruling(id))
        while not receiver.got:
            await asyncio.sleep(0.01)
    assert receiver.got[0][0] == LABELS
