"""Reads every partition of `graph.changes`: what a mirror's feed and a follower of watermarks have in common."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import structlog
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from ingest.records import CHANGES
from scoring.watermarks import Watermarks

log = structlog.get_logger("follower")

RECORDS = 100  # taken at once: each holds up to graph.wire.PACK changes
LOOK_BACK = 200  # records per partition read again at the start: the watermarks of an idle bank are among them


class Follower(threading.Thread):
    """A thread with a consumer of its own. If it fails, `failed` holds why and it ends."""

    def __init__(
        self, name: str, bootstrap: str, extra: Mapping[str, str] | None = None, look_back: int | None = None
    ) -> None:
        """`extra` are librdkafka settings (TLS, credentials); `look_back` records of each partition are read again
        (None: LOOK_BACK).
        """
        super().__init__(name=name, daemon=True)
        self.ready, self.stopping = threading.Event(), threading.Event()
        self.failed: BaseException | None = None
        self._marks: Watermarks | None = None
        self._look_back = LOOK_BACK if look_back is None else look_back
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "mirror",  # required by librdkafka; nothing is committed under it
                "enable.auto.commit": False,
                "auto.offset.reset": "error",  # fell behind retention: start anew, never skip
                "fetch.wait.max.ms": 15,
                "fetch.min.bytes": 16_384,  # a few larger batches take less of the scorer than many small ones
                "queued.max.messages.kbytes": 16_384,
                **(extra or {}),
            }
        )

    @property
    def through(self) -> str:
        """The position the graph has passed on every partition; empty while unknown."""
        return self._marks.through(time.monotonic()) if self._marks else ""

    @property
    def silent_s(self) -> float | None:
        """Since ingest was last heard; None while it was not. An idle bank is silent too."""
        return self._marks.silent_s(time.monotonic()) if self._marks else None

    def check(self) -> None:
        """Raises RuntimeError: it has ended, and why."""
        if self.failed is not None:
            raise RuntimeError("graph.changes is followed no more") from self.failed

    def run(self) -> None:
        """Follow until `stopping` is set."""
        try:
            self._follow()
        except BaseException as error:
            self.failed = error
            log.error("graph.changes is followed no more", thread=self.name, error=str(error)[:500])
        finally:
            self._consumer.close()

    def _follow(self) -> None:
        raise NotImplementedError

    def _begin(self) -> dict[int, int]:
        """Stand a little before the end of every partition; the ends.

        Raises:
            RuntimeError: there is no such topic.
        """
        parts = sorted(self._consumer.list_topics(CHANGES, timeout=30).topics[CHANGES].partitions)
        if not parts:
            raise RuntimeError(f"topic {CHANGES!r} does not exist: `ringwatch connect register` makes it")
        self._marks = Watermarks(len(parts))
        ends = self._ends(parts)
        starts = {part: max(low, end - self._look_back) for part, (low, end) in ends.items()}
        self._consumer.assign([TopicPartition(CHANGES, part, start) for part, start in starts.items()])
        return {part: end for part, (_, end) in ends.items()}

    def _ends(self, parts: list[int]) -> dict[int, tuple[int, int]]:
        """First and next offset of each partition."""
        return {part: self._consumer.get_watermark_offsets(TopicPartition(CHANGES, part), timeout=30) for part in parts}

    def _behind(self, wanted: dict[int, int]) -> bool:
        """Whether a partition is not read that far; before its first record its assigned offset is the position."""
        assigned = {at.partition: at.offset for at in self._consumer.assignment()}
        positions = self._consumer.position([TopicPartition(CHANGES, part) for part in wanted])
        return any((at.offset if at.offset >= 0 else assigned[at.partition]) < wanted[at.partition] for at in positions)

    def _next(self, wait_s: float) -> list[Message]:
        """What is there, waiting for the first record only (a consume of many waits its whole time-out)."""
        first = self._consumer.poll(wait_s)
        found = [] if first is None else [first, *self._consumer.consume(RECORDS, 0)]
        return [message for message in found if not self._complained(message.error())]

    def _put(self, worker: str, partition: int, pos: str) -> None:
        if self._marks is not None:
            self._marks.put(worker, partition, pos, time.monotonic())

    @staticmethod
    def _complained(error: KafkaError | None) -> bool:
        if error is None:
            return False
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise RuntimeError(f"{CHANGES} no longer holds what comes next ({error}); restart to hydrate anew")
        log.warning("Kafka", error=str(error))
        return True
