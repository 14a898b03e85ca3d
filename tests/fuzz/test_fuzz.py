"""Bad input stops nothing: mutated records through decoder and mapping. `make fuzz` does a million."""

from __future__ import annotations

import msgspec
import pytest
from fuzz_feed import Unstorable, check, feed
from fuzz_mutator import Mutator, seeds
from fuzz_run import KEY, MAPPING

from graph.mapping import Mapping, Plan
from graph.model import EdgeUpsert, NodeUpsert
from ingest.records import LABELS, Record

RECORDS = 50_000


@pytest.fixture(scope="module")
def mapping() -> Mapping:
    return Mapping.load(MAPPING, KEY)


def test_no_mutated_record_gets_past_a_plan_or_a_reject(mapping: Mapping) -> None:
    """Each is a Change with a plan that can be stored and sent, passed over, or refused with a reason."""
    tally = feed(Mutator(seed=20_260_101).records(RECORDS), mapping)
    assert not tally.crashes, [(crash.n, crash.error, crash.value) for crash in tally.crashes[:3]]
    assert tally.records == RECORDS == tally.changes + tally.passed + tally.rejects.total()
    assert min(tally.changes, tally.rejects.total()) > RECORDS / 20  # it is no fuzz of one branch
    assert len(tally.rejects) > 40


def test_the_genuine_records_are_no_rejects(mapping: Mapping) -> None:
    """What Debezium's MariaDB connector and our own alert service sent."""
    genuine = [each for each in seeds() if each.topic == LABELS or '"connector":"mariadb"' in (each.value or "")]
    parts = [(each, [None if part is None else part.encode() for part in (each.key, each.value)]) for each in genuine]
    records = [
        Record(each.topic, 0, n, key, value, tuple((name, text.encode()) for name, text in each.headers))
        for n, (each, (key, value)) in enumerate(parts)
    ]
    tally = feed(records, mapping)
    assert not tally.crashes and not tally.rejects and tally.changes == len(records) > 20


def test_the_same_seed_gives_the_same_records() -> None:
    """So that a crash can be met again."""
    one, again, other = (list(Mutator(seed).records(500)) for seed in (1, 1, 2))
    assert one == again != other


EDGE = EdgeUpsert("t:1:r", "p", 0, "R", "A:1", "A:2", 0, {})
UNSTORABLE = [
    NodeUpsert("A", "1", "t", "p", 0, {"n": 2**63}), NodeUpsert("A", "1", "t", "p", 0, {"n": float("nan")}),
    NodeUpsert("A", "\ud800", "t", "p", 0, {}), NodeUpsert("A", "x" * 9_000, "t", "p", 0, {}),
    msgspec.structs.replace(EDGE, time_ms=2**63), msgspec.structs.replace(EDGE, attributes={"a": []}),
    msgspec.structs.replace(EDGE, owner="t:" + "x" * 8_000),
]  # fmt: skip


@pytest.mark.parametrize("upsert", UNSTORABLE)
def test_what_can_not_be_stored_would_be_found(upsert: NodeUpsert | EdgeUpsert) -> None:
    """The check can fail."""
    check(Plan((EDGE,)))
    with pytest.raises((Unstorable, UnicodeEncodeError)):
        check(Plan((upsert,)))
