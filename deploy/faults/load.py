"""The bank at work: it goes on committing whatever happens, and keeps what it has committed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from itertools import chain

import pymysql
from pymysql.constants import ER

from deploy.demo.change import RowChange
from deploy.demo.sql import Writer
from deploy.demo.teller import Transaction, paced
from graph.mapping import Mapping
from ingest.events import Op

AGAIN_S = 0.2
COMMIT_LIMIT_S = 30.0
FOREVER_S = float("inf")

Event = tuple[str, str]
"""Relation and owner of an edge that asks for a score."""


class Load:
    """Commits transactions at a steady rate from a thread of its own, between `go` and `pause`.

    A commit that was not answered is sent again. If it had gone through, its inserts are refused as
    duplicates and its updates change nothing, which leaves no trace in the log.
    """

    def __init__(
        self, join: Callable[[], pymysql.Connection], stream: Iterator[Transaction], mapping: Mapping, per_s: float
    ) -> None:
        """`join` connects to the bank's database; `per_s` is the rate in changes per second."""
        self._join, self._stream, self._per_s = join, stream, per_s
        self._kinds = {
            t: (e.relation, e.role) for t, rule in mapping.file.tables.items() for e in rule.edges if e.event
        }
        self._connection: pymysql.Connection | None = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._new: list[Event] = []
        self._failure: Exception | None = None
        self.written = 0

    def go(self) -> None:
        """Begin, or go on."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._work, name="load", daemon=True)
        self._thread.start()

    def pause(self) -> None:
        """Returns when nothing more is sent; what was not answered is sent again when it goes on.

        Raises:
            Exception: whatever ended it early (a bank that refuses its own rows is a bug of ours).
        """
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._failure is not None:
            raise self._failure

    def committed(self) -> list[Event]:
        """The events committed since `forget`."""
        return list(self._new)

    def onwards(self) -> list[Event]:
        """The same, once there is one more: the bank can commit (again).

        Raises:
            TimeoutError: it could not for half a minute.
        """
        before, deadline = len(self._new), time.monotonic() + COMMIT_LIMIT_S
        while len(self._new) == before:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the bank has committed nothing for {COMMIT_LIMIT_S:g} s")
            time.sleep(0.05)
        return self.committed()

    def forget(self) -> None:
        """They are known to be in the graph."""
        self._new.clear()

    def _work(self) -> None:
        try:
            self._follow()
        except Exception as error:  # told by `pause`, in the thread that can do something about it
            self._failure = error

    def _follow(self) -> None:
        for changes in paced(self._stream, self._per_s, FOREVER_S, self._stop.is_set):
            while not self._commit(changes):
                if self._stop.wait(AGAIN_S):
                    self._stream = chain([changes], self._stream)
                    return
            self.written += len(changes)
            self._new += [self._event(c) for c in changes if c.op is Op.CREATE and c.table in self._kinds]

    def _commit(self, changes: list[RowChange]) -> bool:
        """Whether it is known to be committed."""
        try:
            if self._connection is None:
                self._connection = self._join()
            Writer(self._connection).commit(changes)
        except pymysql.IntegrityError as error:
            if error.args[0] != ER.DUP_ENTRY or self._connection is None:
                raise
            self._connection.rollback()
        except (pymysql.MySQLError, OSError):  # the server is away
            self._connection = None
            return False
        return True

    def _event(self, change: RowChange) -> Event:
        relation, role = self._kinds[change.table]
        return relation, f"{change.table}:{change.row_id}:{role}"
