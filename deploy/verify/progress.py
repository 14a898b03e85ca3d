"""Whether ingest has passed a place in the source's log: first the connector, then the consumer group.

The connector has passed it when its stored offset is at or past it. On a bank where nothing is committed
that may never come, since the offset names the last transaction's beginning (MariaDB) or the last one of
a captured table (Postgres). Then this counts: it has been given everything up to the place, and nothing
has come out of it for a while, as long as it runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from typing import Any, Protocol

from confluent_kafka import Consumer, KafkaException, TopicPartition

from deploy.verify.connector import Connect
from graph.source import Mark
from ingest.events import Transient

QUIET_S = 3.0  # a connector that runs hands over what it was given within poll.interval.ms (10 ms here)
POLL_S = 0.2
ASK_S = 10.0

Ends = dict[tuple[str, int], int]


class Reach(StrEnum):
    """How far a connector is, against a mark."""

    PAST = "past"
    GIVEN = "given"  # the database has sent it everything up to the mark
    BEHIND = "behind"


class Reaching(Protocol):
    """The source's side of it: only the database can read its own offsets."""

    def reach(self, offset: Mapping[str, Any], mark: Mark) -> Reach:
        """How far a stored offset is, against a mark."""
        ...


class Topics:
    """The source's topics: where they end, and how far a consumer group has come."""

    def __init__(self, bootstrap: str, prefix: str, tables: Collection[str], group: str, extra: Mapping[str, str]):
        self._consumer = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False, "log_level": 0, **extra}
        )
        self._prefix, self._tables, self.group = prefix, frozenset(tables), group

    def ends(self) -> Ends:
        """The end offset of each partition that holds or held something."""
        try:
            known = self._consumer.list_topics(timeout=ASK_S).topics
            names = [name for name in known if self._ours(name)]
            parts = [TopicPartition(name, part) for name in names for part in known[name].partitions]
            found = [(at, self._consumer.get_watermark_offsets(at, timeout=ASK_S)) for at in parts]
        except KafkaException as error:
            raise Transient(f"Kafka did not tell where the source's topics end: {error}") from error
        return {(at.topic, at.partition): high for at, (low, high) in found if high > low}

    def behind(self, ends: Ends) -> Ends:
        """The partitions in which the group has not committed up to these ends, with what is open."""
        if not ends:
            return {}
        try:
            found = self._consumer.committed([TopicPartition(*at) for at in ends], timeout=ASK_S)
        except KafkaException as error:
            raise Transient(f"Kafka did not tell how far group {self.group!r} is: {error}") from error
        done = {(at.topic, at.partition): max(at.offset, 0) for at in found}
        return {at: end - done[at] for at, end in ends.items() if done[at] < end}

    def close(self) -> None:
        """Leave Kafka."""
        self._consumer.close()

    def _ours(self, topic: str) -> bool:
        rest = topic.removeprefix(f"{self._prefix}.")  # a prefix may hold dots
        return rest != topic and rest.count(".") == 1 and rest.rpartition(".")[2] in self._tables


class Progress:
    """See `graph.reconcile.Ingest`."""

    def __init__(
        self, connect: Connect, source: Reaching, topics: Topics, limit_s: float, tell: Callable[[str], None]
    ) -> None:
        """`limit_s`: how long one wait may take. `tell` is told what is waited for."""
        self._connect, self._source, self._topics = connect, source, topics
        self._limit_s, self._tell = limit_s, tell
        self._passed: Mark | None = None

    def wait(self, mark: Mark) -> None:
        """See Ingest.wait."""
        if self._passed is not None and not self._passed.position < mark.position:
            return  # nothing was committed since
        deadline = time.monotonic() + self._limit_s
        self._tell("waiting for the connector")
        self._await_connector(mark, deadline)
        ends = self._topics.ends()
        self._tell("waiting for ingest")
        while behind := self._topics.behind(ends):
            if time.monotonic() > deadline:
                (topic, part), open_ = max(behind.items(), key=lambda each: each[1])
                raise Transient(
                    f"ingest (group {self._topics.group!r}) is {sum(behind.values()):,} records behind after "
                    f"{self._limit_s:g} s, most in {topic}[{part}] ({open_:,}); start `ringwatch ingest`, or give "
                    "it longer with --patience"
                )
            time.sleep(POLL_S)
        self._passed = mark

    def _await_connector(self, mark: Mark, deadline: float) -> None:
        seen, since = None, time.monotonic()
        while True:
            offset = self._connect.offset()
            reach = self._source.reach(offset, mark)
            if reach is Reach.PAST:
                return
            now = (offset, self._topics.ends())
            if now != seen or reach is Reach.BEHIND:
                seen, since = now, time.monotonic()
            elif time.monotonic() - since >= QUIET_S:
                return
            if time.monotonic() > deadline:
                raise Transient(
                    f"the connector has not come to {mark.position.token} within {self._limit_s:g} s, its offset is "
                    f"{offset}; see that it runs and keeps up, or give it longer with --patience"
                )
            time.sleep(POLL_S)
