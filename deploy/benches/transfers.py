"""Transfers as Debezium sends them, in any number: the load of the ingest benches. Simulated, seeded."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import neo4j

from ingest.records import Message

SOURCE = "bank"
START_MS = 1_767_225_600_000  # 1 January 2026
DATABASES = ("mariadb", "postgres")
_encode = msgspec.json.Encoder().encode
_EDGES = (
    "UNWIND range($from, $to - 1) AS n WITH n, toString(n % $accounts) AS s, toString((n * 7919) % $accounts) AS d "
    "MERGE (a:Account {id: s}) MERGE (b:Account {id: d}) CREATE (a)-[:TRANSFER {id: $owner + n + "
    "':transfer@bank/0001.1.00000001.0000000000000001.000000', time: $at + n, _known: $at + n, _src: 'Account:' + s, "
    "_dst: 'Account:' + d, amount: n, currency: 'EUR', channel: $channel}]->(b)"
)


@dataclass(frozen=True, slots=True)
class Shape:
    """Whose log it is, and among how many accounts money moves; `hub` sends all of it to one account."""

    database: str = "mariadb"
    accounts: int = 20_000
    hub: bool = False


def unused() -> int:
    """A number from which on no run before had any; as times they stay this side of 2060."""
    return int(time.time() - START_MS / 1000) * 10_000  # nobody fills in more a second


def row(number: int, shape: Shape) -> dict[str, object]:
    """The row of one transfer, the same for the same number."""
    rng = random.Random(number)
    target = 0 if shape.hub else rng.randrange(shape.accounts)
    at_ms = START_MS + number
    return {
        "id": number, "src_account": rng.randrange(shape.accounts), "dst_account": target,
        "amount": f"{rng.randrange(100_000) / 100:.2f}", "currency": "EUR", "channel": "app", "status": "booked",
        "at": at_ms,
    }  # fmt: skip


def _source(number: int, at_ms: int, database: str) -> dict[str, object]:
    """The `source` block of a streamed change, as Debezium 3.5 fills it."""
    common = {"version": "3.5.0.Final", "name": SOURCE, "ts_ms": at_ms, "snapshot": "false", "db": "bank",
              "table": "transfers", "ts_us": at_ms * 1000, "ts_ns": at_ms * 1_000_000}  # fmt: skip
    if database == "postgres":
        lsn = 24_000_000 + number * 200
        return {**common, "connector": "postgresql", "schema": "public", "txId": number, "lsn": lsn, "xmin": None,
                "sequence": f'["{lsn - 200}","{lsn}"]'}  # fmt: skip
    return {**common, "connector": "mariadb", "server_id": 1, "gtid": f"0-1-{number}", "file": "binlog.000001",
            "pos": 400 + number * 300, "row": 0, "thread": 7, "query": None}  # fmt: skip


def message(number: int, shape: Shape, topic: str) -> Message:
    """The record of one inserted transfer."""
    after = row(number, shape)
    at_ms = START_MS + number
    value = {"before": None, "after": after, "source": _source(number, at_ms, shape.database), "transaction": None,
             "op": "c", "ts_ms": at_ms + 20}  # fmt: skip
    return Message(topic, _encode({"id": number}), _encode(value), (("epoch", b"1"),))


def messages(numbers: range, shape: Shape, topic: str) -> Iterator[Message]:
    """The records of a range of transfers."""
    return (message(number, shape, topic) for number in numbers)


def put_edges(
    driver: neo4j.Driver, numbers: range, accounts: int, at_ms: int, owner: str, channel: str | None = None
) -> None:
    """Edges straight into Neo4j, a ms apart from `at_ms` on, among so many accounts; `owner` begins their ids."""
    given = {"from": numbers.start, "to": numbers.stop, "accounts": accounts, "at": at_ms, "owner": owner}
    driver.execute_query(_EDGES, {**given, "channel": channel})
