"""Words and the drawn ring: pure."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from alertdata import NOW_MS, event, ring_score, wide_edges

from alerts import ring, words


@pytest.mark.parametrize(
    ("amount", "currency", "said"),
    [
        (1_234_567, "CZK", "12,345.67 CZK"), (5, None, "0.05"), (-12_300, "EUR", "-123.00 EUR"), (0, "EUR", "0.00 EUR"),
        ("12.50", "CZK", "12.50 CZK"), (1.5, None, "1.5"), (True, None, "True"),
    ],
)  # fmt: skip
def test_money_is_minor_units(amount: Any, currency: str | None, said: str) -> None:
    assert words.money(amount, currency) == said


@pytest.mark.parametrize(
    ("ms", "said"), [(NOW_MS, "2026-10-14 17:46:40"), (-1, "1969-12-31 23:59:59"), (2**62, f"{2**62} ms")]
)
def test_times_are_utc_and_never_fail(ms: int, said: str) -> None:
    assert words.utc(ms) == said


@pytest.mark.parametrize(
    ("relation", "said"),
    [
        ("LOGIN", "Login of user 5 on device d-1"), ("MODIFY", "User 5 changed phone to device d-1"),
        ("SENT_GIFT", "User 5 sent gift device d-1"), ("{x}", "User 5 {x} device d-1"),
    ],
)  # fmt: skip
def test_an_event_in_words(relation: str, said: str) -> None:
    assert words.event(relation, "User:5", "Device:d-1", {"field": "phone"}) == said


def test_a_long_id_keeps_both_its_ends() -> None:
    assert words.name("Contact:9f2c4e71aa03bd5588121c0d77e4f0a9") == "contact 9f2c4e71a…4f0a9"


def test_ages() -> None:
    assert [words.age(s) for s in (0, 59, 60, 7_200, 200_000)] == ["now", "59 s", "1 min", "2 h", "2 d"]


def drawn(score: Any) -> ring.Ring:
    wire = msgspec.json.decode(msgspec.json.encode(score))
    return ring.draw(wire["subgraph"], score.event, wire["contributions"])


def test_edges_between_two_nodes_are_drawn_as_one_with_their_sum() -> None:
    (bundle,) = [e for e in drawn(ring_score()).edges if (e.source, e.target) == ("Account:17", "Account:98")]
    assert (bundle.count, bundle.short) == (3, "2,947.50 CZK ×3")


def test_the_events_own_edge_comes_first_and_its_ends_are_marked() -> None:
    found = drawn(ring_score())
    assert found.edges[0].event and not any(edge.event for edge in found.edges[1:])
    assert [(node.id, node.role) for node in found.nodes[:2]] == [("Account:17", "source"), ("Account:99", "target")]


def test_neighbours_on_reported_fraud_are_marked() -> None:
    assert {node.id for node in drawn(ring_score()).nodes if node.frauds} == {
        "Account:17", "Account:31", "Account:97", "Account:99",
    }  # fmt: skip


def test_a_large_ring_keeps_the_strongest_contributions_and_says_what_is_left_out() -> None:
    score = ring_score(edges=wide_edges(190))
    found = drawn(score)
    assert (found.omitted, found.total) == (40, 190)
    strongest = max(score.contributions, key=lambda part: abs(part.value)).name
    assert strongest in {edge.id for edge in found.edges}


def test_every_drawn_edge_has_both_its_nodes() -> None:
    found = drawn(ring_score(edges=wide_edges(190)))
    ids = {node.id for node in found.nodes}
    assert all(edge.source in ids and edge.target in ids for edge in found.edges)


def test_without_a_subgraph_the_event_alone_is_drawn() -> None:
    found = ring.draw(None, event(), [])
    assert (len(found.nodes), len(found.edges), found.omitted) == (2, 1, 0)
