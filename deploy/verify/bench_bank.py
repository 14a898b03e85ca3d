"""The large table of `ringwatch bench verify`: made, lost in part, written to while it is compared."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Collection, Sequence

import neo4j
import pymysql
from confluent_kafka.admin import AdminClient

from deploy.stack.connector import reset
from deploy.stack.connector_settings import Source
from deploy.stack.endpoints import Endpoints

TABLE, RELATION, NODE = "verify_transfers", "VERIFY_TRANSFER", "VerifyAccount"
SOURCE = Source(name="verify", server_id=5403, database="verify")
ACCOUNTS = 50_000
LOAD = 100_000  # rows of one statement: a transaction of 6 MB in the binlog
CREATE = f"""\
CREATE OR REPLACE TABLE {TABLE} (
  id BIGINT NOT NULL PRIMARY KEY, src BIGINT NOT NULL, dst BIGINT NOT NULL,
  amount DECIMAL(14,2) NOT NULL, currency CHAR(3) NOT NULL, at DATETIME(3) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"""
ROWS = f"""\
INSERT INTO {TABLE}
SELECT seq, 1 + seq * 7919 MOD {ACCOUNTS}, 1 + seq * 104729 MOD {ACCOUNTS}, (seq MOD 99991) / 100,
  'EUR', '2024-01-01' + INTERVAL seq SECOND FROM seq_%s_to_%s"""


def open_bank(ends: Endpoints) -> pymysql.Connection:
    """A connection to the bench's database."""
    at = ends.mariadb
    return pymysql.connect(
        host=at.host, port=at.port, user=at.user, password=at.password, database="verify", autocommit=True
    )


def fill(bank: pymysql.Connection, rows: int) -> None:
    """The table anew, with keys from 1 to `rows`."""
    with bank.cursor() as cursor:
        cursor.execute(CREATE)
        for start in range(1, rows + 1, LOAD):
            cursor.execute(ROWS % (start, min(start + LOAD - 1, rows)))


def forget(ends: Endpoints, bolt: neo4j.Driver, database: str) -> None:
    """No trace of an earlier run in Kafka, Kafka Connect and Neo4j."""
    reset(ends, SOURCE)
    admin = AdminClient({"bootstrap.servers": ends.kafka_bootstrap, "log_level": 0})
    names = ("verify.", "schema-changes.verify", "__debezium-heartbeat.verify")
    if ours := [name for name in admin.list_topics(timeout=30).topics if name.startswith(names)]:
        for deleted in admin.delete_topics(ours).values():
            deleted.result(timeout=30)
    with bolt.session(database=database) as session:
        for match in (f"()-[x:{RELATION}]->()", f"(x:{NODE})"):
            session.run(f"MATCH {match} CALL {{ WITH x DELETE x }} IN TRANSACTIONS OF 20000 ROWS").consume()


def lose(bolt: neo4j.Driver, keys: Collection[int], database: str) -> int:
    """Take these rows' edges out of the graph; returns how many there were."""
    text = f"UNWIND $owners AS o MATCH ()-[x:{RELATION}]->() WHERE x.id STARTS WITH o DELETE x RETURN count(*) AS n"
    owners = [f"{TABLE}:{key}:transfer@" for key in keys]
    return int(bolt.execute_query(text, owners=owners, database_=database).records[0]["n"])


class Customers(threading.Thread):
    """Commits changes to random rows at a steady rate: half updates, a quarter each inserts and deletes."""

    def __init__(self, bank: pymysql.Connection, rows: int, per_s: float, spared: Sequence[int]) -> None:
        """`spared` keys are left alone: a change of a lost row would bring it back by itself."""
        super().__init__(name="customers", daemon=True)
        self.stopping, self.committed = threading.Event(), 0
        self._bank, self._rows, self._per_s, self._spared = bank, rows, per_s, set(spared)
        self._chance, self._next = random.Random(7), rows

    def run(self) -> None:
        """Until `stopping` is set."""
        started = time.monotonic()
        with self._bank.cursor() as cursor:
            while not self.stopping.is_set():
                wait_s = started + self.committed / self._per_s - time.monotonic()
                if wait_s > 0:
                    self.stopping.wait(wait_s)
                self._change(cursor)
                self.committed += 1

    def _change(self, cursor: pymysql.cursors.Cursor) -> None:
        key = self._chance.randint(1, self._rows)
        kind = self._chance.random()
        if kind < 0.25 or key in self._spared:
            self._next += 1
            cursor.execute(f"INSERT INTO {TABLE} VALUES (%s, %s, %s, 1, 'EUR', NOW(3))", (self._next, key, key % 97))
        elif kind < 0.5:
            cursor.execute(f"DELETE FROM {TABLE} WHERE id = %s", (key,))
        else:
            cursor.execute(f"UPDATE {TABLE} SET amount = amount + 1 WHERE id = %s", (key,))
