"""The demo bank in MariaDB goes on where it was stopped."""

from __future__ import annotations

from collections.abc import Iterator

import pymysql
import pytest

from deploy.config import Settings
from deploy.demo.bank import Bank
from deploy.demo.settings import DAY_MS, BankSettings
from deploy.demo.sql import connect
from deploy.demo.tables import Tables, history
from deploy.demo.teller import AnotherBank, Teller, Transaction, transactions, unfinished
from deploy.stack.endpoints import Endpoints
from deploy.stack.mariadb import further_database
from ingest.events import Op

BANK = BankSettings(seed=3, users=60, days=3, fraud_share=0.05)
FOREVER_S = float("inf")


def last_ids(done: list[Transaction]) -> dict[str, int]:
    found: dict[str, int] = {}
    for change in (change for changes in done for change in changes if change.op is Op.CREATE):
        found[change.table] = max(change.row_id, found.get(change.table, 0))
    return found


def test_nothing_is_left_out_and_no_row_inserted_twice_wherever_it_stopped() -> None:
    """At every place of the stream: what follows is the rest, behind at most what left no new row."""
    stream = list(transactions(Bank(BANK).changes()))
    for done in range(0, len(stream), 7):
        rest = list(unfinished(stream, last_ids(stream[:done])))
        again = rest[: len(rest) - len(stream[done:])]
        assert rest[len(again) :] == stream[done:]
        assert not [change for changes in again for change in changes if change.op is Op.CREATE]


@pytest.fixture
def connection(servers: Endpoints, stack_settings: Settings) -> Iterator[pymysql.Connection]:
    further_database(stack_settings.stack_layout(), "teller")
    at = servers.mariadb
    with connect(at.host, at.port, at.user, at.password, "teller") as connected:
        yield connected
        with connected.cursor() as cursor:
            cursor.execute("DROP DATABASE teller")


def names(connection: pymysql.Connection, table: str, column: str) -> dict[int, object]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id, {column} FROM {table}")
        return dict(cursor.fetchall())


@pytest.mark.stack
def test_stopped_and_started_again_it_ends_as_if_it_had_run_through(connection: pymysql.Connection) -> None:
    """Two sittings of a short stream leave the rows of one."""
    assert Teller(connection, BANK, 1).load() > 0
    stops = iter([False] * 60)
    Teller(connection, BANK, 1).follow(1e6, FOREVER_S, lambda: next(stops, True))
    assert Teller(connection, BANK, 1).load() == 0
    Teller(connection, BANK, 1).follow(1e6, FOREVER_S, lambda: False)
    whole = Tables()
    whole.apply_all(Bank(BANK).changes())
    for table, column in (("transfers", "status"), ("users", "phone"), ("logins", "ip"), ("fraud_reports", "is_fraud")):
        assert names(connection, table, column) == {key: row[column] for key, row in whole.rows[table].items()}


@pytest.mark.stack
def test_another_bank_is_not_written_into(connection: pymysql.Connection) -> None:
    """The message says how to go on."""
    Teller(connection, BANK, 1).load()
    with pytest.raises(AnotherBank, match="--create"):
        Teller(connection, BankSettings(seed=4, users=60), 1).load()


def test_the_history_ends_where_the_stream_begins() -> None:
    """The first commit of the replay is of the day after the history."""
    _, rest = history(Bank(BANK), BANK.start_ms + DAY_MS)
    assert next(rest).at_ms >= BANK.start_ms + DAY_MS
