"""One fault, once: the bank at work, the fault at a random moment, the mending, the check."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from confluent_kafka import KafkaException
from neo4j.exceptions import DriverError, Neo4jError
from pymysql import MySQLError

from deploy.faults.check import SHOWN, Check
from deploy.faults.faults import Fault
from deploy.faults.ground import READY_S, Ground
from deploy.faults.ledger import Outcome
from deploy.processes import ServiceFailed
from deploy.stack.errors import StackError
from deploy.verify.connector import CannotVerify
from graph.store import StoreError
from ingest.events import IngestError

MOMENT_S = (0.5, 4.0)  # the fault comes that long after the bank began
AFTER_S = 1.0  # and the bank goes on that long behind the recovery
RECOVER_LIMIT_S = 400.0
SETTLE_LIMIT_S = 60.0
PROBLEMS = (
    CannotVerify, StackError, StoreError, ServiceFailed, IngestError, KafkaException, DriverError, Neo4jError,
    MySQLError, OSError,
)  # fmt: skip


def play(ground: Ground, check: Check, fault: Fault, number: int, hold_s: float | None = None) -> Outcome:
    """Play it for the `number`th time; `hold_s` in place of the fault's own.

    What a fault may explain is not raised but told in the outcome.
    """
    draw = Random(f"{fault.name}/{number}")
    try:
        with _workers(ground, fault.workers):
            return _played(ground, check, fault, number, draw, fault.hold_s if hold_s is None else hold_s)
    except PROBLEMS as error:
        return Outcome(fault.name, number, failed=f"{type(error).__name__}: {str(error)[:2000]}")


def _played(ground: Ground, check: Check, fault: Fault, number: int, draw: Random, hold_s: float) -> Outcome:
    ground.load.forget()
    ground.load.go()
    try:
        time.sleep(draw.uniform(*MOMENT_S))
        fault.inject(ground, draw)
        broken = time.monotonic()
        how = ground.disks[fault.server].how if fault.name.endswith("disk-full") else ""
        time.sleep(max(0.0, hold_s - (time.monotonic() - broken)))
        state = ground.state(fault.server) if fault.server else ""
        silent = fault.server == "neo4j" and state != "up"  # nobody to ask
        behind = None if silent else check.behind(ground.load.committed())
        mended = time.monotonic()
        fault.heal(ground, draw)
        recovered = check.await_events(ground.load.onwards(), RECOVER_LIMIT_S)
        recover_s = round(time.monotonic() - mended, 2) if recovered else None
        time.sleep(AFTER_S)
    finally:
        ground.load.pause()
    check.await_events(ground.load.committed(), RECOVER_LIMIT_S)
    found = check.settle(SETTLE_LIMIT_S)
    return Outcome(
        fault.name, number, len(found.lost), len(found.duplicated), recover_s, round(mended - broken, 2), behind,
        state, how, examples=(found.lost + found.duplicated)[:SHOWN],
    )  # fmt: skip


@contextmanager
def _workers(ground: Ground, wanted: int) -> Iterator[None]:
    """As many ingest processes as the fault asks for, each with its share."""
    extra = [ground.work(str(n)) for n in range(len(ground.workers) + 1, wanted + 1)]
    try:
        for worker in extra:
            worker.wait_until(ground.shared, READY_S, "a share of the partitions")
        yield
    finally:
        for worker in extra:
            ground.dismiss(worker)
