"""When ingest has passed a place in the log, and what is said while it has not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from deploy.stack.endpoints import MariaDb
from deploy.verify import progress
from deploy.verify.connector import Connector
from deploy.verify.mariadb import MariaDbSource
from deploy.verify.progress import Ends, Progress, Reach, Topics
from graph.mapping_file import MappingFile, TableRule
from graph.source import Mark
from ingest.events import Position, Transient

MARK = Mark(Position("bank", 1, True, 2, 500), "0-1-27,1-1-4")
HERE = MariaDb("127.0.0.1", 1, "bank", "", "bank")
SOURCE = MariaDbSource(
    HERE, Connector("bank", "mariadb", 1, {}), MappingFile(source="bank", tables={"t": TableRule(key=["id"])})
)


@pytest.mark.parametrize(
    ("offset", "reach"),
    [
        ({}, Reach.BEHIND),
        ({"file": "binlog.000002", "pos": 500, "snapshot": "INITIAL"}, Reach.BEHIND),
        ({"file": "binlog.000002", "pos": 500}, Reach.PAST),
        ({"file": "binlog.000003", "pos": 4}, Reach.PAST),
        ({"file": "binlog.000002", "pos": 300, "gtids": "0-1-26,1-1-4"}, Reach.BEHIND),
        ({"file": "binlog.000002", "pos": 300, "gtids": "1-1-4,0-1-27", "event": 2}, Reach.GIVEN),
        ({"file": "binlog.000002", "pos": 300}, Reach.BEHIND),
    ],
)
def test_a_stored_offset_of_mariadb_is_past_a_mark_by_its_place_or_given_it_by_its_transactions(
    offset: Mapping[str, Any], reach: Reach
) -> None:
    """It names the beginning of a transaction: the last one before the mark may still be under way."""
    assert SOURCE.reach(offset, MARK) is reach


class Servers:
    """Connect, a source and its topics, each with answers to give in turn; the last one stays."""

    group = "ingest"

    def __init__(self, reaches: list[Reach], ends: list[Ends], behind: list[Ends]) -> None:
        self.reaches, self.ends_, self.behind_, self.asked = reaches, ends, behind, 0

    def offset(self) -> dict[str, Any]:
        self.asked += 1
        return {"pos": 1}

    def reach(self, offset: Mapping[str, Any], mark: Mark) -> Reach:
        return self.reaches.pop(0) if len(self.reaches) > 1 else self.reaches[0]

    def ends(self) -> Ends:
        return self.ends_.pop(0) if len(self.ends_) > 1 else self.ends_[0]

    def behind(self, ends: Ends) -> Ends:
        return self.behind_.pop(0) if len(self.behind_) > 1 else self.behind_[0]

    def wait(self, limit_s: float = 5.0) -> Progress:
        waiting = Progress(self, self, self, limit_s, lambda _: None)  # type: ignore[arg-type]
        waiting.wait(MARK)
        return waiting


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short waits."""
    monkeypatch.setattr(progress, "POLL_S", 0.001)
    monkeypatch.setattr(progress, "QUIET_S", 0.02)


def test_the_group_is_waited_for_behind_the_connector() -> None:
    """Its records are waited for, then its commits; the same place is not waited for twice."""
    servers = Servers([Reach.BEHIND, Reach.PAST], [{("t", 0): 5}], [{("t", 0): 2}, {}])
    waiting = servers.wait()
    asked = servers.asked
    waiting.wait(MARK)
    assert asked == servers.asked == 2


def test_an_idle_connector_counts_once_nothing_has_come_out_of_it_for_a_while() -> None:
    """It was given everything, and the topics stand still."""
    servers = Servers([Reach.GIVEN], [{("t", 0): 1}, {("t", 0): 2}, {("t", 0): 3}], [{}])
    servers.wait()
    assert servers.ends_ == [{("t", 0): 3}]


def test_a_connector_that_was_not_given_everything_is_not_idle() -> None:
    """However still the topics stand."""
    with pytest.raises(Transient, match="the connector has not come to"):
        Servers([Reach.BEHIND], [{("t", 0): 1}], [{}]).wait(0.1)


def test_who_is_behind_is_named_with_the_partition() -> None:
    """And what to do about it."""
    behind = {("bank.b.t", 0): 5, ("bank.b.t", 1): 7_000}
    with pytest.raises(Transient, match=r"'ingest'\) is 7,005 records behind .* bank\.b\.t\[1\] \(7,000\)"):
        Servers([Reach.PAST], [behind], [behind]).wait(0.05)


def test_the_topics_of_a_prefix_with_dots_are_ours_and_those_of_a_longer_one_are_not() -> None:
    """Else ingest would seem to have nothing to do, and every row under way to be lost."""
    for prefix, ours in (("bank.eu", "bank.eu.public.t"), ("bank", "bank.public.t")):
        topics = Topics("127.0.0.1:1", prefix, ["t"], "ingest", {})
        others = (f"{prefix}.us.public.t", f"{prefix}.public.u", "t")
        assert [topic for topic in (ours, *others) if topics._ours(topic)] == [ours]
        topics.close()
