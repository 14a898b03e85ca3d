"""What the page says of why."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest
from alertdata import ring_score, score
from alertsite import TOKEN, Site
from test_alerts_explanations import explanation

from alerts import explained
from alerts.explained import Why
from alerts.services import Services
from scoring.explaining.explanation import Explanation, Neighbour
from scoring.score import Contribution, Score

pytestmark = pytest.mark.anyio
LOGIN = "logins:14:login"  # of user 5 on device d-71c9, in the ring


async def why(services: Services, sent: Score, *explanations: Explanation) -> Why:
    """Of an alert of this score."""
    (id,) = await services.intake.accept([sent])
    await services.explanations.accept(explanations)
    return explained.why(await services.queries.detail(id))


def edge_of(sent: Score, relation: str, dst: str) -> str:
    """Its owner."""
    assert sent.subgraph is not None
    return next(edge.owner for edge in sent.subgraph.edges if (edge.relation, edge.dst) == (relation, dst))


async def test_before_the_explanation_it_is_approximate(services: Services) -> None:
    """And says that more is coming; the scorer's own parts are shown."""
    found = await why(services, ring_score())
    assert (found.mark, found.complete) == ("approximate", False)
    assert found.detail == "the full explanation is being made" and len(found.parts) == explained.SHOWN


async def test_the_explanation_says_how_complete_it_is(services: Services) -> None:
    """Rounded up, so that it never says more than it knows; its own parts are shown, and what they add up to."""
    sent = ring_score()
    found = await why(services, sent, explanation(sent, relative_error=0.00312))
    assert (found.mark, found.complete) == ("complete to 0.4 %", True)
    assert [part.value for part in found.parts] == [4.0, 3.52] and found.rest == 0.5
    assert found.total.startswith("Log-odds: -6.00 for an average event (0.25 %), +8.00 by all parts, +2.00 for this")


async def test_why_there_is_none_is_said(services: Services) -> None:
    """And the scorer's own parts stay."""
    sent = ring_score()
    none = Explanation(sent.event.id, sent.event.pos, 1, sent.model, "none", reason="another model gave it")
    found = await why(services, sent, none)
    assert (found.mark, found.detail, len(found.parts)) == ("approximate", "another model gave it", explained.SHOWN)


async def test_features_of_one_meaning_are_one_line_and_name_the_edge_they_speak_of(services: Services) -> None:
    """The new device of an account taken over, and the changed contact, by name."""
    sent = ring_score()
    login, change = edge_of(sent, "LOGIN", "Device:d-71c9"), next(
        edge.owner for edge in sent.subgraph.edges if edge.relation == "MODIFY"  # type: ignore[union-attr]
    )
    parts = (
        Contribution("feature", "event.near_new_since_LOGIN", 2.0), Contribution("feature", "event.hour_sin", 0.4),
        Contribution("feature", "event.hour_cos", 0.3), Contribution("feature", "event.near_24h_MODIFY", 1.0),
    )  # fmt: skip
    about = {"event.near_new_since_LOGIN": login, "event.near_24h_MODIFY": change}
    found = await why(services, sent, explanation(sent, contributions=parts, about=about))
    first, second, third = found.parts
    assert "Login of user 5 on device d-71c9" in first.text and first.edge == login
    assert "User 5 changed phone to contact" in second.text and second.edge == change
    assert (third.text, third.value) == ("The time of day", pytest.approx(0.7))


async def test_known_frauds_are_told_with_their_dates(services: Services) -> None:
    """What, how much, since when it is known, how alike."""
    sent = ring_score()
    near = Neighbour("t:7:x", "TRANSFER", "Account:1", "Account:2", 5, {"amount": 500, "currency": "EUR"}, 9, 0.91)
    (found,) = (await why(services, sent, explanation(sent, neighbours=(near,)))).near
    assert found == explained.Near("Transfer from account 1 to account 2", 5, "5.00 EUR", 9, 0.91, "t:7:x", None)


async def test_a_rule_that_fired_is_named_as_one(services: Services) -> None:
    """Where there is no model."""
    found = await why(services, score(contributions=(Contribution("feature", "rule.shared_device", 0.8),)))
    assert [part.text for part in found.parts] == ["The rule shared device"]


@pytest.fixture
async def page(site: Site) -> Any:
    """Asks for pages."""
    async with httpx.AsyncClient(base_url=site.base, headers={"authorization": f"Bearer {TOKEN}"}) as client:
        yield client


async def test_the_page_shows_it_and_escapes_it(site: Site, page: httpx.AsyncClient) -> None:
    """Whole, and the part an open page asks for."""
    sent = ring_score()
    near = Neighbour("<t:7>", "<b>PAID</b>", "A:1", "A:2", 5, {}, 9, 0.91)
    (id,) = await site.services.intake.accept([sent])
    await site.services.explanations.accept([explanation(sent, neighbours=(near,))])
    for path in (f"/alerts/{id}", f"/alerts/{id}/why"):
        text = (await page.get(path)).text
        assert "complete to 0.3 %" in text and "Known frauds that look alike" in text
        assert "<b>PAID</b>" not in text and "<b>paid</b>" not in text
    detail = msgspec.json.decode((await page.get(f"/api/alerts/{id}")).content)
    assert detail["explanation"]["steps"] == 32


async def test_the_ring_is_weighed_by_the_explanation(site: Site, page: httpx.AsyncClient) -> None:
    """Once it is there."""
    sent = ring_score()
    owner = edge_of(sent, "LOGIN", "Device:d-71c9")
    (id,) = await site.services.intake.accept([sent])
    await site.services.explanations.accept([explanation(sent, contributions=(Contribution("edge", owner, 7.5),))])
    ring = msgspec.json.decode((await page.get(f"/api/alerts/{id}/ring")).content)
    assert max(edge["weight"] for edge in ring["edges"]) == 7.5
