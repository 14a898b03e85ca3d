"""Takes the seeds anew off a running stack: `python tests/fuzz/fuzz_capture.py` (needs MariaDB, Kafka, Connect).

The demo bank's simulated customers only. Run it after a new Debezium, and look at what changed.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from deploy.config import settings
from deploy.demo.bank import Bank
from deploy.demo.settings import DAY_MS, BankSettings
from deploy.demo.sql import Writer, connect
from deploy.demo.tables import COLUMNS, history
from deploy.stack.connector import Source, register_mariadb
from deploy.stack.control import endpoints
from deploy.stack.endpoints import Endpoints
from deploy.stack.topics import create_topics
from ingest.kafka import read_all
from ingest.records import Record

SEEDS = Path(__file__).parent / "seeds" / "mariadb.jsonl"
SETTLE_S = 10.0
EACH = 2  # records kept of a table and operation


def main() -> None:
    """A small bank: its snapshot, then inserts, updates, a changed key, deletes, a TRUNCATE."""
    ends = endpoints(settings().stack_layout())
    create_topics(ends.kafka_bootstrap)
    bank = BankSettings(seed=7, users=50)
    tables, rest = history(Bank(bank), bank.start_ms + DAY_MS)
    at = ends.mariadb
    connection = connect(at.host, at.port, at.user, at.password, at.database)
    writer = Writer(connection)
    writer.create()
    writer.load(tables)
    register_mariadb(ends, Source(name="bank", epoch=1))
    seen: set[tuple[str, str]] = set()
    for change in rest:
        if (kind := (change.table, change.op)) not in seen:
            seen.add(kind)
            writer.commit([change])
        if len(seen) > len(COLUMNS) or change.at_ms > bank.start_ms + 40 * DAY_MS:
            break
    with connection.cursor() as cursor:
        cursor.execute("UPDATE transfers SET status='done' ORDER BY id LIMIT 1")
        cursor.execute("UPDATE transfers SET id=id+1000000 ORDER BY id LIMIT 1")
        cursor.execute("UPDATE users SET name='Zoë \"Ö\" O\\'Hara \U0001f600' ORDER BY id LIMIT 1")
        cursor.execute("DELETE FROM profile_changes ORDER BY id LIMIT 1")
        cursor.execute("SET FOREIGN_KEY_CHECKS=0; TRUNCATE TABLE fraud_reports")
    time.sleep(SETTLE_S)
    lines = [_line(record) for table in COLUMNS for record in _some(ends, f"bank.{at.database}.{table}")]
    SEEDS.write_bytes(b"\n".join(lines) + b"\n")
    sys.stdout.write(f"{SEEDS}: {len(lines)} records, {SEEDS.stat().st_size:,} bytes\n")


def _some(ends: Endpoints, topic: str) -> Iterator[Record]:
    """The first of each operation on a table: c, u, d, r, t, tombstone."""
    kept: Counter[str] = Counter()
    for record in read_all(ends.kafka_bootstrap, topic):
        op = "tombstone" if record.value is None else msgspec.json.decode(record.value)["op"]
        kept[op] += 1
        if kept[op] <= EACH:
            yield record


def _line(record: Record) -> bytes:
    text = [None if part is None else part.decode() for part in (record.key, record.value)]
    headers = [[name, value.decode()] for name, value in record.headers]
    return msgspec.json.encode({"topic": record.topic, "key": text[0], "value": text[1], "headers": headers})


if __name__ == "__main__":
    main()
