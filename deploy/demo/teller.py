"""The demo bank at work in a MariaDB of its own: its history once, then its day, transaction by transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any

import pymysql

from deploy.demo.bank import Bank
from deploy.demo.change import RowChange
from deploy.demo.settings import DAY_MS, BankSettings
from deploy.demo.sql import Writer
from deploy.demo.tables import COLUMNS, history
from ingest.events import Op

COMPARED = 50  # customers looked at to tell one simulated bank from another
POLL_S = 0.5

Transaction = list[RowChange]


class AnotherBank(Exception):
    """MariaDB holds a bank, but not the one to go on with."""


class Teller:
    """Same settings and history, same bank: what is stopped goes on where MariaDB says it was."""

    def __init__(self, connection: pymysql.Connection, settings: BankSettings, history_days: int) -> None:
        """The connection stays the caller's to close; nothing is written yet."""
        self._connection, self._writer = connection, Writer(connection)
        self._tables, self._rest = history(Bank(settings), settings.start_ms + history_days * DAY_MS)

    def load(self, anew: bool = False) -> int:
        """Make the tables and insert the history; returns how many rows (0: they were there already).

        Raises:
            AnotherBank: the tables hold other customers; `anew` would have dropped them.
        """
        if not anew and self._ask("SHOW TABLES LIKE 'users'") and self._ask("SELECT 1 FROM users LIMIT 1"):
            self._recognise()
            return 0
        self._writer.create()
        self._connection.begin()  # half a history would be taken for one
        total = self._writer.load(self._tables)
        self._connection.commit()
        return total

    def _recognise(self) -> None:
        held = self._ask(f"SELECT id, name FROM users ORDER BY id LIMIT {COMPARED}")
        users = self._tables.rows["users"]
        if held != [(key, users[key]["name"]) for key in sorted(users)[:COMPARED]]:
            raise AnotherBank(
                "MariaDB holds another bank's customers: give the seed, users and days it was made with, "
                "or begin anew with --create, which drops its tables"
            )

    def await_reader(self, limit_s: float) -> bool:
        """Wait until someone reads the binlog, so that what comes next is a change and no row of a snapshot.

        Returns whether it happened in time. The account needs the PROCESS privilege.
        """
        deadline = time.monotonic() + limit_s
        question = "SELECT id FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'"
        while not self._ask(question):
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)
        return True

    def follow(self, per_s: float, for_s: float, stop: Callable[[], bool]) -> int:
        """Commit at a steady rate of changes, from where MariaDB is; returns how many were committed."""
        given = 0
        for changes in paced(unfinished(transactions(self._rest), self._last_ids()), per_s, for_s, stop):
            self._writer.commit(changes)
            given += len(changes)
        return given

    def _last_ids(self) -> dict[str, int]:
        return {table: self._ask(f"SELECT COALESCE(MAX(id), 0) FROM `{table}`")[0][0] for table in COLUMNS}

    def _ask(self, question: str) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(question)
            return list(cursor.fetchall())


def transactions(changes: Iterable[RowChange]) -> Iterator[Transaction]:
    """The changes, commit by commit."""
    return (list(group) for _, group in groupby(changes, key=lambda change: change.commit))


def paced(
    stream: Iterator[Transaction], per_s: float, for_s: float, stop: Callable[[], bool]
) -> Iterator[Transaction]:
    """Transactions at a steady rate of changes; what is not due within `for_s` stays in the stream."""
    started, given = time.monotonic(), 0
    while not stop() and (elapsed := time.monotonic() - started) < for_s:
        if given >= elapsed * per_s:
            time.sleep(min(0.5 / per_s, 0.005))
        elif (changes := next(stream, None)) is None:
            return
        else:
            given += len(changes)
            yield changes


def unfinished(stream: Iterable[Transaction], last_ids: dict[str, int]) -> Iterator[Transaction]:
    """What comes after the last transaction that inserted a row MariaDB has.

    Ids count up, so a row was inserted when its id is not above its table's last one. What only updates or
    deletes leaves no such trace: behind that transaction it is given (again, if need be), which changes nothing.
    """
    held: list[Transaction] = []
    stream = iter(stream)
    for changes in stream:
        created = [change for change in changes if change.op is Op.CREATE]
        if any(change.row_id <= last_ids.get(change.table, 0) for change in created):
            held.clear()
            continue
        held.append(changes)
        if created:
            break
    yield from held
    yield from stream
