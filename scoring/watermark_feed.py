"""Follows `graph.changes` for its watermarks alone: how far the graph is, for whoever keeps no mirror of it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import structlog
from confluent_kafka import Message

from graph.model import Watermark
from graph.wire import unpacked
from scoring.follower import Follower

log = structlog.get_logger("watermarks")

PACKED = b"["  # what begins so is a list of upserts; it is not even decoded


class WatermarkFeed(Follower):
    """Reads every partition; ready once it has passed what was there at the start. Ingest writes to Neo4j before it
    publishes, so what a watermark speaks of is in the graph.
    """

    def __init__(self, bootstrap: str, extra: Mapping[str, str] | None = None) -> None:
        """`extra` are librdkafka settings (TLS, credentials). What the topic no longer holds is no loss here."""
        super().__init__("watermark-feed", bootstrap, {"auto.offset.reset": "earliest", **(extra or {})})

    def _follow(self) -> None:
        noted = self._begin()
        while not self.stopping.is_set():
            self._take(self._next(0.2))
            if not self.ready.is_set() and not self._behind(noted):
                self.ready.set()

    def _take(self, messages: list[Message]) -> None:
        for message in messages:
            value = message.value() or b""
            if value.startswith(PACKED):
                continue
            try:
                read = unpacked(value)
            except (msgspec.DecodeError, UnicodeDecodeError) as bad:
                log.warning("ignored", at=f"{message.topic()}[{message.partition()}]", reason=str(bad))
                continue
            if isinstance(read, Watermark):
                self._put(read.worker, message.partition() or 0, read.pos)
