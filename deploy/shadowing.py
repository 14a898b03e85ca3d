"""Reads what two models said of the same live events, and what was reported since."""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec

from deploy import bootstrap
from deploy.config import Settings
from graph.model import LabelUpsert, Watermark
from graph.wire import unpacked
from ingest.kafka import read_all
from ingest.records import CHANGES, SCORES, SHADOW
from scoring.online.comparison import Comparison, compare
from scoring.score import Score

_decoder = msgspec.json.Decoder(Score)


def compared(chosen: Settings, minutes: float) -> Comparison:
    """The promoted model and the shadow on the events of the last minutes.

    Raises:
        NothingToCompare: they have no event in common.
        Transient: the broker did not answer.
    """
    since_ms = int((time.time() - minutes * 60) * 1000)
    labels = dict(_labels(chosen, since_ms))
    return compare(_scores(chosen, SCORES, since_ms), _scores(chosen, SHADOW, since_ms), labels)


def _scores(chosen: Settings, topic: str, since_ms: int) -> Iterator[Score]:
    at = bootstrap.connections(chosen).kafka_bootstrap
    for record in read_all(at, topic, chosen.kafka_options, since_ms):
        if record.value is not None:
            yield msgspec.structs.replace(_decoder.decode(record.value), subgraph=None)


def _labels(chosen: Settings, since_ms: int) -> Iterator[tuple[str, bool]]:
    """In the order of each partition: of several labels of an event the last counts."""
    at = bootstrap.connections(chosen).kafka_bootstrap
    for record in read_all(at, CHANGES, chosen.kafka_options, since_ms):
        read = unpacked(record.value or b"[]")
        if not isinstance(read, Watermark):
            yield from ((upsert.event, upsert.fraud) for upsert in read if isinstance(upsert, LabelUpsert))
