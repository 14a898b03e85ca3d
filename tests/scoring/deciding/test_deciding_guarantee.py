"""What a decision promises: the score the stream gives once the transfer is committed, and no look into the future."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from deploy.config import SHIPPED
from deploy.demo.bank import Bank
from deploy.demo.change import RowChange
from deploy.demo.settings import BankSettings
from deploy.demo.training import change_of, demo_mapping
from graph.mirror import Mirror
from graph.model import Caps, Event
from ingest.events import Op
from scoring.deciding.judge import EventJudge, Models
from scoring.deciding.request import Limits, Requests
from scoring.deciding.scoreable import Scoreable
from scoring.engine import Engine, RuleEngine, Scorer
from scoring.online.guard import Guard
from scoring.scorer import EventScorer

CAPS = Caps((16, 8))
ASKED = 800  # the last events of the bank: every kind is among them
KEY = b"ringwatch demo bank, no secret"  # the mapping's of the demo


def body_of(change: RowChange) -> dict[str, Any] | None:
    """What a switch would ask of a row before it commits it; None where the row asks for no score."""
    row = change.after
    if row is None or change.op is not Op.CREATE:
        return None
    common = {"time_ms": row["at"]} if "at" in row else {}
    match change.table:
        case "transfers":
            ends = {"src": f"Account:{row['src_account']}", "dst": f"Account:{row['dst_account']}"}
            attributes = {name: row[name] for name in ("amount", "currency", "channel")}
            own = {"id": f"transfers:{row['id']}:transfer", "relation": "TRANSFER", "attributes": attributes}
        case "logins":
            ends = {"src": f"User:{row['user_id']}", "dst": f"Device:{row['device_id']}"}
            own = {"id": f"logins:{row['id']}:login", "relation": "LOGIN"}
        case "profile_changes":
            ends = {"src": f"User:{row['user_id']}", "dst": {"Contact": {row["field"]: row["new_value"]}}}
            attributes = {"field": row["field"]}
            own = {"id": f"profile_changes:{row['id']}:change", "relation": "MODIFY", "attributes": attributes}
        case _:
            return None
    return common | ends | own


@dataclass
class Asked:
    """An event as it was asked about and as it was committed, and what was thought of each at its moment."""

    asked: Event
    committed: Event
    before: float
    after: float
    reasons: tuple[tuple[str, ...], tuple[str, ...]] | None


@dataclass
class Run:
    """The last events of a bank, and the graph and the judge behind them."""

    events: list[Asked]
    mirror: Mirror
    judge: EventJudge


def run(engine: Scorer, explained: int) -> Run:
    """Ask before each commit, score after it; the reasons of the first so many too."""
    rows = list(Bank(BankSettings(seed=111, users=200, days=5)).changes())
    mapping, mirror = demo_mapping(), Mirror()
    scorer = EventScorer(engine, mirror, mapping.schema.tables, engine.thresholds.attach)  # all that is shown, alerts
    judge = EventJudge(mirror, Models(lambda: engine, lambda: engine, lambda _: scorer))
    requests = Requests(Scoreable(mapping.file, KEY), Limits(), lambda: rows[-1].at_ms)
    from_row = [number for number, row in enumerate(rows) if body_of(row)][-ASKED]
    found = list[Asked]()
    for number, row in enumerate(rows):
        plan = mapping.plan(change_of(row, number + 1))
        body = body_of(row) if number >= from_row else None
        if body is None:
            mirror.apply(plan.upserts)
            continue
        asked = requests.read(msgspec.json.encode(body)).event
        before = judge.scores([asked])[0].probability
        shown = len(found) < explained
        why = judge.reasons(asked) if shown else ()
        mirror.apply(plan.upserts)
        (committed,) = plan.events
        (after,) = scorer.score([committed])
        reasons = (why, after.reasons) if shown and after.subgraph is not None else None
        found.append(Asked(asked, committed, before, after.probability, reasons))
    return Run(found, mirror, judge)


@pytest.fixture(scope="module", params=["the shipped model", "the rules"])
def ran(request: pytest.FixtureRequest) -> Run:
    """Once for each of them."""
    engine: Callable[[], Scorer] = RuleEngine
    if request.param == "the shipped model":
        engine = lambda: Guard(Engine.load(SHIPPED))  # noqa: E731  # a fixture's choice, not a function of its own
    return run(engine(), ASKED)


def test_what_is_asked_is_what_will_be_committed(ran: Run) -> None:
    """But for the position, which is not known before: the same id, ends, time and attributes, hashed contacts too."""
    assert {one.asked.relation for one in ran.events} == {"TRANSFER", "LOGIN", "MODIFY"}
    for one in ran.events:
        assert msgspec.structs.replace(one.committed, pos="", known_ms=one.asked.known_ms) == one.asked


def test_the_score_is_the_one_the_stream_gives_right_after_the_commit(ran: Run) -> None:
    """To a millionth, of every kind of event."""
    assert len(ran.events) == ASKED and len({one.before for one in ran.events}) > 2
    assert max(abs(one.before - one.after) for one in ran.events) <= 1e-6


def test_the_reasons_are_the_stream_s_too(ran: Run) -> None:
    """Word for word, of each that the stream says them of."""
    explained = [one.reasons for one in ran.events if one.reasons is not None]
    assert explained and all(before and before == after for before, after in explained)


def test_a_time_in_the_past_sees_nothing_later(ran: Run) -> None:
    """Asked when the whole bank is there, each event has the score it had when it was the newest; 1e-6."""
    again = [score.probability for score in ran.judge.scores([one.asked for one in ran.events])]
    assert max(abs(now - one.before) for now, one in zip(again, ran.events, strict=True)) <= 1e-6
    for one in ran.events:
        (seen,) = ran.mirror.subgraphs([one.asked], CAPS)
        assert all(edge.time_ms < one.asked.time_ms for edge in seen.edges)


def test_a_later_time_sees_what_came_since(ran: Run) -> None:
    """Its own row among it, once it is committed: a moment makes a difference, or none of this would be tested."""
    later = [msgspec.structs.replace(one.asked, time_ms=one.asked.time_ms + 3_600_000) for one in ran.events]
    found = [score.probability for score in ran.judge.scores(later)]
    assert any(abs(now - one.before) > 1e-3 for now, one in zip(found, ran.events, strict=True))
