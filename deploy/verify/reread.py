"""Keys that an incremental snapshot named: compared, and mended where the graph differs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from deploy.config import Settings
from deploy.connections import connections
from deploy.verify.run import Outcome, Request, Tell, opened, run
from graph.columns import key_text
from graph.mapping_file import MappingFile
from graph.reconcile import Reconciler
from ingest.events import Reread, Transient
from ingest.records import REREAD

log = structlog.get_logger("reread")

GROUP = "reread"
ASK_S = 10.0
PAGE = 5_000


class Named:
    """What the topic holds that was not dealt with: up to its ends as they are now, then it is through."""

    def __init__(self, bootstrap: str, extra: Mapping[str, str]) -> None:
        self._consumer = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": GROUP, "enable.auto.commit": False, **extra}
        )
        self._ends: dict[int, int] = {}
        self._at: dict[int, int] = {}

    def start(self) -> None:
        """Note the ends, and go to where the last run came."""
        try:
            known = self._consumer.list_topics(REREAD, timeout=ASK_S).topics[REREAD].partitions
            if not known:
                raise Transient(f"Kafka has no topic {REREAD!r}; `ringwatch connect register` makes it")
            for at in self._consumer.committed([TopicPartition(REREAD, part) for part in known], timeout=ASK_S):
                low, high = self._consumer.get_watermark_offsets(at, timeout=ASK_S)
                self._ends[at.partition], self._at[at.partition] = high, max(low, at.offset)
            self._consumer.assign([TopicPartition(REREAD, part, offset) for part, offset in self._at.items()])
        except KafkaException as error:
            raise Transient(f"Kafka did not give topic {REREAD!r}: {error}") from error

    def page(self) -> list[Reread] | None:
        """The next of them; None when it is through."""
        if all(self._at[part] >= end for part, end in self._ends.items()):
            return None
        found = []
        for message in self._consumer.consume(PAGE, 1.0):
            if message.error() is not None:
                continue
            part, offset = message.partition() or 0, message.offset() or 0
            self._at[part] = offset + 1
            try:
                found.append(msgspec.json.decode(message.value() or b"", type=Reread))
            except msgspec.DecodeError as error:
                log.warning("not a key to read again", at=f"{REREAD}[{part}]@{offset}", error=str(error))
        return found

    def done(self) -> None:
        """All that was given is dealt with."""
        offsets = [TopicPartition(REREAD, part, offset) for part, offset in self._at.items()]
        try:
            if offsets:
                self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            raise Transient(f"Kafka did not take the offsets: {error}; the keys come again, harmlessly") from error

    def close(self) -> None:
        """Leave Kafka."""
        self._consumer.close()


def reread(settings: Settings, request: Request, tell: Tell) -> Outcome:
    """Everything named so far. A key that is as it should be is left alone: most are.

    Raises:
        As `deploy.verify.run.verify`.
    """
    named = Named(connections(settings).kafka_bootstrap, settings.kafka_options)
    try:
        named.start()
        with opened(settings, request, tell) as (reconciler, mapping):
            return run(reconciler, lambda: _all(named, reconciler, mapping.file))
    finally:
        named.close()


def _all(named: Named, reconciler: Reconciler, mapping: MappingFile) -> None:
    while (page := named.page()) is not None:
        for table, keys in _keys(page, mapping).items():
            reconciler.reread(table, keys)
        reconciler.settle()
        named.done()


def _keys(page: Iterable[Reread], mapping: MappingFile) -> dict[str, list[str]]:
    """By table, each key once; tables that are not mapped have nothing in the graph."""
    found: dict[str, dict[str, None]] = {}
    for each in page:
        if each.table in mapping.tables:
            cells = [str(each.key.get(name, "")) for name in mapping.tables[each.table].key]
            found.setdefault(each.table, {})[key_text(cells)] = None
    return {table: list(keys) for table, keys in found.items()}
