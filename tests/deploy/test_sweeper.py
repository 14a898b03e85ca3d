"""The thread that keeps a graph to its window: one works, what fails is tried again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from deploy.sweeper import Sweeper
from graph.mirror import Mirror
from graph.model import EdgeUpsert, Horizon, Upsert
from graph.retention import DAY_MS, Retention
from graph.store import StoreUnavailable
from graph.wire import unpacked
from ingest.records import Message

NEWEST_MS = 100 * DAY_MS


class Published:
    """A Publisher that keeps what it was given."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def publish(self, messages: Sequence[Message]) -> None:
        """See Publisher.publish."""
        self.messages += messages


class Away(Mirror):
    """A store that is away at first."""

    away = True

    def apply(self, upserts: Sequence[Upsert]) -> None:
        """See GraphStore.apply."""
        if self.away and any(isinstance(upsert, Horizon) for upsert in upserts):
            raise StoreUnavailable("away")
        super().apply(upserts)


def edges(mirror: Mirror, count: int) -> Mirror:
    """One a day, from day 1 on."""
    mirror.apply([
        EdgeUpsert(f"transfers:{n}:transfer", f"bank/{n:03}", n * DAY_MS, "TRANSFER", "A:a", "A:b", n * DAY_MS, {})
        for n in range(1, count + 1)
    ])  # fmt: skip
    return mirror


def sweeper(mirror: Mirror, published: Published, leader: bool = True) -> Sweeper:
    return Sweeper(mirror, published, Retention(60 * DAY_MS), lambda: NEWEST_MS, lambda: leader)


def test_what_is_older_than_the_window_leaves_and_every_mirror_hears_of_it() -> None:
    """The horizon is applied, published to every partition, and swept to the end."""
    mirror, published = edges(Mirror({"transfers"}), 100), Published()
    working = sweeper(mirror, published)
    working.step(0.0)
    assert working.swept == 39 and mirror.owners == 61
    assert [(m.topic, m.everywhere) for m in published.messages] == [("graph.changes", True)]
    assert unpacked(published.messages[0].value or b"") == [Horizon("retention", 40 * DAY_MS)]


def test_the_others_of_the_group_stand_by() -> None:
    """Two would do the same twice."""
    mirror, published = edges(Mirror({"transfers"}), 100), Published()
    sweeper(mirror, published, leader=False).step(0.0)
    assert mirror.owners == 100 and published.messages == []


def test_a_store_that_is_away_is_asked_again() -> None:
    """The horizon is not taken for applied."""
    mirror, published = Away({"transfers"}), Published()
    edges(mirror, 100)
    working = sweeper(mirror, published)
    with pytest.raises(StoreUnavailable):
        working.step(0.0)
    working._retention.undo(0.0)
    mirror.away = False
    working.step(61.0)
    assert mirror.owners == 61 and len(published.messages) == 1


def test_it_stops_between_two_chunks() -> None:
    """A process that is told to end does not wait for the whole sweep."""
    mirror = edges(Mirror({"transfers"}), 100)
    working = sweeper(mirror, Published())
    working._chunk.size = 5
    working.stopping.set()
    working.step(0.0)
    assert mirror.owners == 100 and mirror.horizon("retention") == 40 * DAY_MS
