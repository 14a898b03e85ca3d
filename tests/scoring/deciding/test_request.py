"""Requests are read strictly: what does not fit is told with where and the mend."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.config import ROOT
from graph.columns import hashed
from graph.mapping_file import read_mapping
from scoring.deciding.problem import Problem
from scoring.deciding.request import Limits, Question, Requests
from scoring.deciding.scoreable import Scoreable

NOW_MS = 1_770_000_000_000
KEY = b"of the tests, thirty-two letters"
GOOD = {
    "id": "transfers:981:transfer", "relation": "TRANSFER", "src": "Account:17", "dst": "Account:18",
    "attributes": {"amount": "250.00", "currency": "EUR", "channel": "app"},
}  # fmt: skip
MAPPING: Path = ROOT / "demo" / "mapping.toml"


def requests(limits: Limits | None = None, key: bytes | None = KEY) -> Requests:
    return Requests(Scoreable(read_mapping(MAPPING), key), limits or Limits(), lambda: NOW_MS)


def read(**changed: Any) -> Question:
    body = {name: value for name, value in (GOOD | changed).items() if value is not None}
    return requests().read(json.dumps(body).encode())


def refused(**changed: Any) -> Problem:
    with pytest.raises(Problem) as found:
        read(**changed)
    return found.value


def test_a_request_is_the_event_its_row_will_be() -> None:
    """Attributes as the graph holds them, no position yet, the time it was asked."""
    event = read().event
    assert (event.id, event.pos, event.kind) == ("transfers:981:transfer", "", "new")
    assert (event.relation, event.src, event.dst, event.time_ms) == ("TRANSFER", "Account:17", "Account:18", NOW_MS)
    assert event.attributes == {"amount": 25_000, "currency": "EUR", "channel": "app"}


@pytest.mark.parametrize("amount", ["250", 250, 250.0, "250.00"])
def test_an_amount_is_read_as_the_column_is(amount: object) -> None:
    """In the column's unit, exactly: 250 is 250.00, 25,000 cents."""
    assert read(attributes={"amount": amount}).event.attributes == {"amount": 25_000}


@pytest.mark.parametrize(
    ("changed", "kind", "where"),
    [
        ({"sum": 3}, "field", "/sum"),
        ({"id": ""}, "field", "/id"),
        ({"id": 17}, "field", "/id"),
        ({"id": "a\nb"}, "field", "/id"),
        ({"id": "x" * 501}, "field", "/id"),
        ({"src": None}, "field", "/src"),
        ({"src": "17"}, "field", "/src"),
        ({"src": "Account:"}, "field", "/src"),
        ({"src": ["Account:17"]}, "field", "/src"),
        ({"src": {"A": {}, "B": {}}}, "field", "/src"),
        ({"src": "User:17"}, "relation", "/src"),
        ({"src": {"Account": {"phone": "1"}}}, "contact", "/src"),
        ({"relation": "OWNS"}, "relation", "/relation"),
        ({"relation": "PAYMENT"}, "relation", "/relation"),
        ({"time_ms": 1.5}, "field", "/time_ms"),
        ({"time_ms": True}, "field", "/time_ms"),
        ({"time_ms": 10**20}, "time", "/time_ms"),
        ({"time_ms": NOW_MS + 300_001}, "time", "/time_ms"),
        ({"deadline_ms": 0}, "field", "/deadline_ms"),
        ({"deadline_ms": 1001}, "field", "/deadline_ms"),
        ({"attributes": {"amuont": "1"}}, "attribute", "/attributes/amuont"),
        ({"attributes": {"amount": "a lot"}}, "attribute", "/attributes/amount"),
        ({"attributes": {"amount": "1.234"}}, "attribute", "/attributes/amount"),
        ({"attributes": {"amount": True}}, "attribute", "/attributes/amount"),
        ({"attributes": {"amount": [1]}}, "field", "/attributes/..."),
    ],
)
def test_what_does_not_fit_is_refused_where_it_stands(changed: dict[str, Any], kind: str, where: str) -> None:
    """Status 422, and what to do about it."""
    found = refused(**changed)
    assert (found.kind, found.where, found.status) == (kind, where, 422) and found.mend


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"{", b'{"id":"\\ud800"}', b"[" * 50_000, b'{"time_ms":NaN}'])
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    """Whatever it is."""
    with pytest.raises(Problem):
        requests().read(body)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "-1e999"])
def test_a_number_that_is_none_is_refused(number: str) -> None:
    """JSON has no NaN, and what overflows is none either."""
    body = json.dumps(GOOD).replace('"250.00"', number).encode()
    with pytest.raises(Problem):
        requests().read(body)


def test_a_clock_may_run_ahead_a_little() -> None:
    """Five minutes, or as set; back it may be set as far as one likes."""
    assert read(time_ms=NOW_MS + 300_000).event.time_ms == NOW_MS + 300_000
    assert read(time_ms=0).event.time_ms == 0
    far = json.dumps(GOOD | {"time_ms": NOW_MS + 3_600_000}).encode()
    assert requests(Limits(ahead_ms=3_600_000)).read(far).event.time_ms == NOW_MS + 3_600_000


def test_a_raw_contact_is_hashed_as_the_mapping_hashes_it() -> None:
    """Spellings of one phone meet, and nothing raw is left."""
    change = {"relation": "MODIFY", "src": "User:3", "attributes": {"field": "phone"}}
    event = read(**change, dst={"Contact": {"phone": "+49 170 1234567"}}).event
    assert event.dst == f"Contact:{hashed('+491701234567', 'phone', KEY)}"
    assert read(**change, dst=event.dst).event.dst == event.dst


@pytest.mark.parametrize("dst", ["Contact:+49 170 1234567", {"Contact": {"phone": "n/a"}}, {"Contact": {"iban": "x1"}}])
def test_a_contact_that_is_none_is_refused_without_repeating_it(dst: object) -> None:
    """Refusals are logged by whoever is refused."""
    found = refused(relation="MODIFY", src="User:3", dst=dst, attributes={"field": "phone"})
    assert found.kind == "contact" and b"1234567" not in found.json() and b"x1" not in found.json()


def test_without_the_key_raw_contacts_are_refused() -> None:
    """Another key would be another graph."""
    body = GOOD | {"relation": "MODIFY", "src": "User:3", "dst": {"Contact": {"phone": "1"}}, "attributes": {}}
    with pytest.raises(Problem, match="no key of contacts"):
        requests(key=None).read(json.dumps(body).encode())


def test_deadlines_are_capped_by_the_setting() -> None:
    """The default where none is asked for."""
    body = json.dumps(GOOD | {"deadline_ms": 900}).encode()
    assert requests(Limits(40, 200)).read(body).deadline_ms == 200
    assert requests(Limits(40, 200)).read(json.dumps(GOOD).encode()).deadline_ms == 40


def test_a_number_that_is_not_given_is_remarked_on() -> None:
    """It counts as nothing, which nobody may mean."""
    assert [(one.code, "amount" in one.text) for one in read(attributes={}).remarks] == [("missing", True)]
    assert read().remarks == ()
