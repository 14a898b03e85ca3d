"""What becomes of a record: the way it goes in ingest, and whether what comes out can be stored and sent."""

from __future__ import annotations

import resource
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from graph.mapping import Mapping, Plan
from graph.model import EdgeUpsert, LabelUpsert, NodeUpsert, Upsert, version_id
from ingest.deadletter import DeadLetter
from ingest.debezium import Captured, decode
from ingest.events import Reject
from ingest.labels import decode_label
from ingest.letterindex import kind_of
from ingest.records import LABELS, Record, Trace

INT64 = 2**63
INDEX_KEY = 8_000  # bytes: Neo4j takes 8,167 of text into an index
KINDS = 60  # kinds of reasons counted by name
KIND_WIDTH = 70


class Unstorable(Exception):
    """A plan that Neo4j or Kafka would choke on."""


class Crash(msgspec.Struct, frozen=True):
    """A record that met something else than a plan or a Reject; `n` names it under the same seed."""

    n: int
    error: str
    value: bytes | None


class Tally(msgspec.Struct):
    """What came of the records. Times are this thread's own: the machine is shared."""

    records: int = 0
    changes: int = 0
    passed: int = 0
    rejects: Counter[str] = msgspec.field(default_factory=Counter)
    crashes: list[Crash] = []
    slowest_ms: float = 0.0
    slowest: int = 0
    longest_reason: int = 0
    elapsed_s: float = 0.0

    @property
    def peak_rss_mb(self) -> float:
        """Of this process, the mutator's share included."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def feed(records: Iterable[Record], mapping: Mapping) -> Tally:
    """All of them, as the worker would."""
    tally, started = Tally(), time.perf_counter()
    for record in records:
        before = time.thread_time()
        _one(record, mapping, tally)
        took_ms = (time.thread_time() - before) * 1000
        if took_ms > tally.slowest_ms:
            tally.slowest_ms, tally.slowest = took_ms, record.offset
        tally.records += 1
    tally.elapsed_s = time.perf_counter() - started
    return tally


def _one(record: Record, mapping: Mapping, tally: Tally) -> None:
    try:
        captured = decode_label(record) if record.topic == LABELS else decode(record)
        if not isinstance(captured, Captured):  # a tombstone, or a key to read again
            tally.passed += 1
            return
        change = captured.change
        check(mapping.plan(change, whole=record.offset % 8 == 0))
        Trace.of(change.position.token, change.committed_ms, captured.captured_ms).header()
        tally.changes += 1
    except Reject as refused:
        _refused(record, str(refused), tally)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        tally.crashes.append(Crash(record.offset, repr(error)[:500], (record.value or b"")[:5_000]))


def _refused(record: Record, reason: str, tally: Tally) -> None:
    message = DeadLetter.of(record, "", reason).message()
    if len(message.value or b"") > 1.4 * len(record.value or b"") + 200_000:
        raise Unstorable("a dead letter is far larger than its record")
    tally.longest_reason = max(tally.longest_reason, len(reason))
    kind = kind_of(reason)[:KIND_WIDTH]
    tally.rejects[kind if kind in tally.rejects or len(tally.rejects) < KINDS else "other"] += 1


def check(plan: Plan) -> None:
    """Whether the upserts and events can be written to Neo4j and to Kafka.

    Raises:
        Unstorable: with what is wrong.
    """
    for upsert in plan.upserts:
        _check_values(msgspec.to_builtins(upsert))
        for text in _indexed(upsert):
            if len(text.encode()) > INDEX_KEY:
                raise Unstorable(f"an index key of {len(text.encode())} bytes: {text[:100]!r}")
    for event in plan.events:
        _check_values(msgspec.to_builtins(event))
    msgspec.json.decode(msgspec.json.encode((plan.upserts, plan.events)))


def _indexed(upsert: Upsert) -> tuple[str, ...]:
    match upsert:
        case NodeUpsert():
            return (upsert.id,)
        case EdgeUpsert():
            return (version_id(upsert.owner, upsert.pos), upsert.src, upsert.dst)
        case LabelUpsert():
            return (version_id(upsert.owner, upsert.pos), upsert.event)
        case _:
            return (version_id(getattr(upsert, "owner", ""), getattr(upsert, "pos", "")),)


def _check_values(value: Any) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            name.encode()
            _check_values(inner)
    elif isinstance(value, str):
        value.encode()  # no lone surrogates: the driver's and Kafka's UTF-8 take none
    elif isinstance(value, int):
        if not -INT64 <= value < INT64:
            raise Unstorable(f"a whole number past 64 bits: {value!r:.40}")
    elif isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise Unstorable("a number that JSON can't hold")
    elif value is not None:
        raise Unstorable(f"a {type(value).__name__} among properties")
