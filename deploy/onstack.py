"""The demo on real servers: a bank's commits in MariaDB end as alerts on the page."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice
from math import ceil

import httpx
import neo4j
from confluent_kafka import ConsumerGroupState
from confluent_kafka.admin import AdminClient

from deploy.bootstrap import connections, driver
from deploy.config import Settings
from deploy.demo.bank import Bank
from deploy.demo.change import RowChange
from deploy.demo.settings import DAY_MS, BankSettings
from deploy.demo.sql import Writer
from deploy.demo.sql import connect as connect_bank
from deploy.demo.tables import Tables, history
from deploy.demo.teller import paced, transactions
from deploy.processes import Service, same_stack
from deploy.services import init_graph
from deploy.stack import control
from deploy.stack.connector import register_mariadb
from deploy.stack.endpoints import Endpoints
from deploy.stack.topics import create_topics

Echo = Callable[[str], None]
USED = "demo-was-here"  # a file in the stack's data: a demo has filled these servers
READY_S = 180.0
ROUND_TRIPS_PER_S = 1_000  # what one connection manages beside everything else; above it commits share round trips
INGEST_ALONE = ("mariadb", "kafka", "connect", "neo4j")


@dataclass(frozen=True, slots=True)
class StackOptions:
    """What to replay: `history_days` as the snapshot, then `per_s` committed changes a second. Without `scoring`
    the path ends in the graph.
    """

    seed: int = 7
    users: int = 2_000
    history_days: int = 7
    per_s: float = 100.0
    for_s: float | None = None
    fraud_share: float = 0.005
    scoring: bool = True


class OnStack:
    """A stack with the demo bank in MariaDB, the connector, and our three processes."""

    def __init__(self, settings: Settings, options: StackOptions, echo: Echo) -> None:
        """Nothing is started yet."""
        self.settings, self.options, self.echo = settings, options, echo
        self.token = settings.token()
        self.written = 0
        self.bank_ms = 0
        self._services: list[Service] = []
        self._admin_client: AdminClient | None = None
        self._transactions: Iterator[list[RowChange]] = iter(())

    @property
    def url(self) -> str:
        """The page."""
        return f"http://{self.settings.host}:{self.settings.port}"

    def start(self) -> None:
        """Servers, tables and history, constraints, connector, ingest, scorer, alerts; in this order.

        Raises:
            StackError, ServiceFailed, StoreError: what did not start, with its log's last lines.
        """
        ends = self._fresh_stack()
        tables = self._history()
        self.bank = connect_bank(
            ends.mariadb.host, ends.mariadb.port, ends.mariadb.user, ends.mariadb.password, ends.mariadb.database
        )
        self.writer = Writer(self.bank)
        self.writer.create()
        self.echo(f"MariaDB holds {self.writer.load(tables):,} rows of history")
        self.echo(init_graph(self.settings))
        register_mariadb(ends)
        self.echo("Debezium has read them and follows the binlog")
        if self.options.scoring:
            self._start("alerts", ["alerts"]).wait_until(self._page_ready, READY_S, "an answer of /readyz")
        ingest = self._start("ingest", ["ingest"])
        with driver(self.settings) as bolt:
            wanted = {"TRANSFER": len(tables.rows["transfers"]), "LOGIN": len(tables.rows["logins"])}
            ingest.wait_until(lambda: holds(bolt, wanted), READY_S, "the history in the graph")
        self.echo("the graph holds the history")
        if not self.options.scoring:
            return
        scorer = self._start("scorer", ["score"])
        scorer.wait_until(lambda: self._stable("scorer"), READY_S, "joining its consumer group")
        self.echo("the scorer's mirror is hydrated")

    def _fresh_stack(self) -> Endpoints:
        layout = self.settings.stack_layout()
        mark = layout.data / USED
        if mark.exists():
            self.echo(f"an earlier demo is in {layout.data}: emptying it, a demo starts afresh")
            control.delete(layout, self.echo)
        ends = control.up(layout, None if self.options.scoring else INGEST_ALONE, self.echo)
        mark.touch()
        create_topics(ends.kafka_bootstrap)
        return ends

    def _history(self) -> Tables:
        bank_settings = BankSettings(
            seed=self.options.seed, users=self.options.users, fraud_share=self.options.fraud_share
        )
        until_ms = bank_settings.start_ms + self.options.history_days * DAY_MS
        self.demo_bank = Bank(bank_settings)
        tables, rest = history(self.demo_bank, until_ms)
        self._transactions = transactions(rest)
        return tables

    def _start(self, name: str, arguments: list[str]) -> Service:
        logs = self.settings.state_dir / "services" / f"{name}.log"
        logs.unlink(missing_ok=True)
        environment = {
            **same_stack(self.settings),
            "RINGWATCH_ANALYST_TOKEN": self.token,
            "RINGWATCH_PORT": str(self.settings.port),
        }
        self._services.append(Service(name, arguments, logs, environment).start())
        return self._services[-1]

    def service(self, name: str) -> Service:
        """One of ours."""
        return next(service for service in self._services if service.name == name)

    def _page_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def _admin(self) -> AdminClient:
        if self._admin_client is None:
            bootstrap = connections(self.settings).kafka_bootstrap
            self._admin_client = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
        return self._admin_client

    def _stable(self, group: str) -> bool:
        found = self._admin().describe_consumer_groups([group], request_timeout=10)[group].result()
        return found.state == ConsumerGroupState.STABLE and bool(found.members)

    def prepare(self, changes: int) -> None:
        """Simulate that many changes ahead, so that a bench does not wait for the bank to think."""
        ahead: list[list[RowChange]] = []
        while changes > 0:
            ahead.append(next(self._transactions))
            changes -= len(ahead[-1])
        self._transactions = chain(ahead, self._transactions)

    # -- replay -------------------------------------------------------------------------------

    def replay(
        self, per_s: float, for_s: float, stop: Callable[[], bool], sending: Callable[[list[RowChange], float], None]
    ) -> int:
        """Commit transactions at a steady rate of changes; returns how many were written.

        `sending` is told the changes of each transaction and the wall clock (s) right before it is sent.
        """
        given, due = 0, paced(self._transactions, per_s, for_s, stop)
        while together := list(islice(due, ceil(per_s / ROUND_TRIPS_PER_S))):
            for changes in together:
                sending(changes, time.time())
            self.writer.commit_each(together)
            given += sum(map(len, together))
            self.bank_ms = together[-1][-1].at_ms
        self.written += given
        return given

    def watch(self) -> None:
        """Restart what crashed as it is meant to.

        Raises:
            ServiceFailed: something ended otherwise.
        """
        for service in self._services:
            service.watch()

    def sim_time(self) -> str:
        """The bank's clock."""
        return f"{datetime.fromtimestamp(self.bank_ms / 1000, UTC):%d %b %H:%M}" if self.bank_ms else ""

    def stop(self) -> None:
        """Stop our processes; the servers stay up (`ringwatch stack down`)."""
        for service in reversed(self._services):
            service.stop()
        self._services.clear()
        if bank := getattr(self, "bank", None):
            bank.close()


def holds(bolt: neo4j.Driver, wanted: dict[str, int]) -> bool:
    """Whether the graph has that many edges of each relation (Neo4j keeps these counts)."""
    counts = (bolt.execute_query(f"MATCH ()-[e:{name}]->() RETURN count(e) AS n").records[0]["n"] for name in wanted)
    return all(found >= count for found, count in zip(counts, wanted.values(), strict=True))
