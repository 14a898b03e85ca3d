"""Explanations taken in: beside the score they explain, whatever the order, on each database."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from alertdata import event, pos, ring_score, score
from sqlalchemy import func, select

from alerts.errors import BadScore
from alerts.models import Waiting
from alerts.services import Services
from scoring.explaining.explanation import HYBRID, Explanation, Neighbour
from scoring.score import Contribution, Score

pytestmark = pytest.mark.anyio


def explanation(of: Score, **changed: Any) -> Explanation:
    """Of this score: one edge and one feature."""
    facts: dict[str, Any] = {
        "method": HYBRID, "steps": 32, "rest": 0.5, "logit": 2.0, "reference": -6.0,
        "contributions": (Contribution("edge", "transfers:1:transfer", 4.0), Contribution("feature", "amount", 3.52)),
        "completeness_error": 0.02, "relative_error": 0.0025,
    }  # fmt: skip
    return Explanation(of.event.id, of.event.pos, of.revision, of.model, **(facts | changed))


async def stored(services: Services, id: int = 1) -> dict[str, Any] | None:
    """What the alert has."""
    return (await services.queries.detail(id)).explanation


async def waiting(services: Services) -> int:
    """How many came before their score."""
    async with services.database.read() as session:
        return await session.scalar(select(func.count()).select_from(Waiting)) or 0


async def feed(services: Services) -> list[str]:
    """What an open page was told."""
    return [item.kind for item in await services.queries.feed(0, 100)]


async def test_an_explanation_is_put_on_the_alert_that_shows_its_score(services: Services) -> None:
    """And open pages are told."""
    sent = ring_score()
    (id,) = await services.intake.accept([sent])
    assert await services.explanations.accept([explanation(sent)]) == [id]
    found = await stored(services, id)
    assert found is not None and (found["method"], found["relative_error"]) == (HYBRID, 0.0025)
    assert await feed(services) == ["created", "updated"]


async def test_the_same_again_changes_nothing(services: Services) -> None:
    """A redelivered batch: no second word to open pages."""
    sent = ring_score()
    await services.intake.accept([sent])
    for _ in range(3):
        await services.explanations.accept([explanation(sent), explanation(sent)])
    assert await feed(services) == ["created", "updated"]


async def test_one_that_comes_before_its_alert_waits_for_it(services: Services) -> None:
    """And waits no longer then."""
    sent = ring_score()
    assert await services.explanations.accept([explanation(sent)]) == []
    assert await waiting(services) == 1
    await services.intake.accept([sent])
    assert await stored(services) is not None and await waiting(services) == 0
    assert await feed(services) == ["created"]


async def test_one_that_comes_before_the_correction_it_explains_waits_for_that(services: Services) -> None:
    """Meanwhile the alert keeps the explanation of what it shows."""
    first, second = ring_score(provisional=True), ring_score(revision=2)
    await services.intake.accept([first])
    await services.explanations.accept([explanation(first, logit=1.0)])
    await services.explanations.accept([explanation(second, logit=3.0)])
    held = await stored(services)
    assert held is not None and held["logit"] == 1.0
    await services.intake.accept([second])
    held = await stored(services)
    assert held is not None and held["logit"] == 3.0


async def test_what_waits_for_another_score_is_not_taken(services: Services) -> None:
    """For a correction: not by the first score. For a score that was corrected before it came: not at all."""
    first, second = ring_score(provisional=True), ring_score(revision=2)
    await services.explanations.accept([explanation(second)])
    await services.intake.accept([first])
    assert await stored(services) is None and await waiting(services) == 1
    other = ring_score("transfers:5:transfer", revision=2)
    await services.explanations.accept([explanation(ring_score("transfers:5:transfer"))])
    (id,) = await services.intake.accept([other])
    assert await stored(services, id) is None and await waiting(services) == 1


async def test_an_explanation_goes_with_the_score_it_explains(services: Services) -> None:
    """A newer score with evidence of its own shows none until its own comes; the old one, late, is let go."""
    first, second = ring_score(provisional=True), ring_score(revision=2)
    await services.intake.accept([first])
    await services.explanations.accept([explanation(first)])
    await services.intake.accept([second])
    assert await stored(services) is None
    assert await services.explanations.accept([explanation(first)]) == []
    assert await stored(services) is None and await waiting(services) == 0


async def test_where_the_evidence_stays_the_explanation_stays(services: Services) -> None:
    """A withdrawn alert shows what was seen when it was raised."""
    sent = ring_score()
    await services.intake.accept([sent])
    await services.explanations.accept([explanation(sent)])
    await services.intake.accept([score(0.01, of=event(offset=200, kind="revised"), reasons=())])
    assert await stored(services) is not None


async def test_a_reason_gives_way_to_an_explanation_not_the_other_way_round(services: Services) -> None:
    """Two processes with two models may both have answered."""
    sent = ring_score()
    await services.intake.accept([sent])
    why_not = Explanation(sent.event.id, sent.event.pos, sent.revision, sent.model, "none", reason="another model")
    await services.explanations.accept([why_not])
    await services.explanations.accept([explanation(sent)])
    await services.explanations.accept([why_not])
    held = await stored(services)
    assert held is not None and held["method"] == HYBRID


@pytest.mark.parametrize("seed", range(4))
async def test_any_order_ends_the_same(services: Services, seed: int) -> None:
    """Three scores of one event and their explanations, shuffled and repeated: the newest with its own."""
    scores = [ring_score(offset=100), ring_score(offset=100, revision=2), ring_score(offset=150)]
    steps: list[Score | Explanation] = [*scores, *(explanation(one, steps=at) for at, one in enumerate(scores))] * 2
    random.Random(seed).shuffle(steps)
    for step in steps:
        if isinstance(step, Score):
            await services.intake.accept([step])
        else:
            await services.explanations.accept([step])
    held = await stored(services)
    assert held is not None and (held["pos"], held["steps"]) == (pos(150), 2)
    assert await waiting(services) == 0


async def test_a_score_and_its_explanation_at_once_meet(services: Services) -> None:
    """Two consumers, one database: whoever is first."""
    sent = [ring_score(f"transfers:{at}:transfer") for at in range(8)]
    await asyncio.gather(
        *(services.intake.accept([one]) for one in sent),
        *(services.explanations.accept([explanation(one)]) for one in sent),
    )
    assert [await stored(services, id) is not None for id in range(1, 9)] == [True] * 8
    assert await waiting(services) == 0


async def test_known_frauds_lead_to_their_alerts(services: Services) -> None:
    """Those that have one."""
    earlier, sent = ring_score("transfers:7:transfer", offset=50), ring_score()
    ids = await services.intake.accept([earlier, sent])
    near = [
        Neighbour(id, "TRANSFER", "Account:1", "Account:2", 5, {"amount": 5}, 9, 0.9)
        for id in ("transfers:7:transfer", "transfers:8:transfer")
    ]
    await services.explanations.accept([explanation(sent, neighbours=tuple(near))])
    numbers = {(await services.queries.detail(id)).alert.event_id: id for id in ids}
    detail = await services.queries.detail(numbers[sent.event.id])
    assert detail.near_alerts == {"transfers:7:transfer": numbers["transfers:7:transfer"]}


async def test_what_cannot_be_stored_is_named_and_stops_nothing(services: Services) -> None:
    """The consumer goes on without it."""
    sent = ring_score()
    await services.intake.accept([sent])
    bad = explanation(sent, logit=float("nan"))
    with pytest.raises(BadScore, match="not finite") as raised:
        await services.explanations.accept([bad])
    assert raised.value.score is bad and await stored(services) is None


async def test_those_that_wait_in_vain_are_forgotten(services: Services) -> None:
    """With the superseded scores."""
    await services.explanations.accept([explanation(ring_score())])
    await services.intake.purge(services.explanations.clock_us() + 1)
    assert await waiting(services) == 0
