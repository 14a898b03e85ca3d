"""Small banks with the same tables, on MariaDB, MySQL and PostgreSQL, and what follows them in this process."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Protocol

import msgspec
import psycopg
import pymysql
import pytest
from confluent_kafka.admin import AdminClient

from deploy.stack import connector, mariadb, mysql, postgres
from deploy.stack.connector_settings import Kind, Source
from deploy.stack.endpoints import Endpoints, MariaDb, Postgres
from deploy.stack.errors import NotInstalled
from deploy.stack.layout import Layout
from deploy.stack.mysql_install import ensure_mysql
from deploy.stack.secrets import load_secrets
from deploy.stack.server import Server
from deploy.stack.signals import ensure_signals
from graph.mapping import Mapping
from graph.mirror import Mirror
from graph.model import EdgeUpsert, Floor, Gone, NodeUpsert, table_of
from graph.sink import GraphSink
from graph.store import GraphStore
from ingest.deadletter import DeadLetter
from ingest.kafka import KafkaSource, read_all
from ingest.records import DEAD_LETTERS, EVENTS, Message
from ingest.worker import Worker

MAPPING = Path(__file__).with_name("source_mapping.toml")
TABLES = ("src_people", "src_payments", "src_visits", "src_refuse", "src_ignore", "src_stop")
SCHEMA = """
CREATE TABLE src_people (
    code VARCHAR(40) PRIMARY KEY, name VARCHAR(200), notes {text}, contract {text},
    balance DECIMAL(30, 4), born DATE
);
CREATE TABLE src_payments (
    branch VARCHAR(20), no BIGINT, payer VARCHAR(40), payee VARCHAR(40), amount DECIMAL(18, 2),
    booked_at {local}, memo VARCHAR(200), PRIMARY KEY (branch, no)
);
CREATE TABLE src_visits (id BIGINT PRIMARY KEY, code VARCHAR(40), branch VARCHAR(20), seen_at {zoned}, day DATE);
CREATE TABLE src_refuse (id BIGINT PRIMARY KEY, word VARCHAR(40), extra VARCHAR(40));
CREATE TABLE src_ignore (id BIGINT PRIMARY KEY, word VARCHAR(40), extra VARCHAR(40));
CREATE TABLE src_stop (id BIGINT PRIMARY KEY, word VARCHAR(40), extra VARCHAR(40));
"""
SERVERS = {"mariadb": mariadb.server, "mysql": mysql.server, "postgres": postgres.server}
SHIFT = 50  # ports of a second server
LIMIT_S = 60.0


def until(holds: Callable[[], object], what: Callable[[], object] = lambda: "") -> None:
    """Wait for it; fails with what is there instead."""
    deadline = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < deadline, what()
        time.sleep(0.05)


class Database(Protocol):
    """One of the servers with the bank's tables."""

    def run(self, *statements: str) -> None:
        """In one transaction, where the database can."""
        ...


class OnMariaDb:
    """The bank on a MariaDB or a MySQL."""

    words: ClassVar = {"text": "LONGTEXT", "local": "DATETIME(6)", "zoned": "TIMESTAMP(6) NULL"}
    zone = "SET time_zone = '{}'"
    whole: tuple[str, ...] = ()

    def __init__(self, at: MariaDb) -> None:
        self._at = at

    def run(self, *statements: str) -> None:
        """See Database."""
        at = self._at
        with (
            pymysql.connect(host=at.host, port=at.port, user=at.user, password=at.password, database=at.database) as c,
            c.cursor() as cursor,
        ):
            for statement in statements:
                cursor.execute(statement)
            c.commit()


class OnPostgres:
    """The bank on a PostgreSQL. Large values are kept uncompressed, so that they are kept outside the row."""

    words: ClassVar = {"text": "TEXT", "local": "TIMESTAMP(6)", "zoned": "TIMESTAMPTZ(6)"}
    zone = "SET TIME ZONE INTERVAL '{}' HOUR TO MINUTE"
    whole = (
        *(f"ALTER TABLE {table} REPLICA IDENTITY FULL" for table in TABLES),
        "ALTER TABLE src_people ALTER notes SET STORAGE EXTERNAL, ALTER contract SET STORAGE EXTERNAL",
    )

    def __init__(self, at: Postgres) -> None:
        self._at = at

    def run(self, *statements: str) -> None:
        """See Database."""
        at = self._at
        with psycopg.connect(
            host=at.host, port=at.port, user=at.user, password=at.password, dbname=at.database
        ) as connection:
            for statement in statements:
                connection.execute(statement)  # type: ignore[arg-type]  # the test's own text


class Memory:
    """A Publisher that keeps what it is given: the demo's own processes read the real topics."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def publish(self, messages: Sequence[Message]) -> None:
        """See Publisher."""
        self.messages += messages

    @property
    def letters(self) -> list[DeadLetter]:
        """What was refused."""
        return [msgspec.json.decode(m.value, type=DeadLetter) for m in self.messages if m.topic == DEAD_LETTERS]

    @property
    def events(self) -> list[tuple[str, str]]:
        """Id and kind of what is to be scored."""
        found = (msgspec.json.decode(m.value) for m in self.messages if m.topic == EVENTS)
        return [(event["id"], event["kind"]) for event in found]


class Follower:
    """Ingest in a thread: the bank's topics in Kafka → a store."""

    def __init__(self, bootstrap: str, name: str, mapping: Mapping, store: GraphStore, group: str) -> None:
        self.memory, self.failed = Memory(), list[BaseException]()
        self._source = KafkaSource(
            bootstrap, group, [f"^{name}\\..+\\..+"], {"topic.metadata.refresh.interval.ms": "500"}
        )
        self.worker = Worker(self._source, GraphSink(mapping, store, name), self.memory)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.worker.run()
        except BaseException as error:  # the thread's end is what a test looks at
            self.failed.append(error)

    def stop(self) -> None:
        """Leave the group."""
        self.worker.stopping.set()
        self._thread.join()
        self._source.close()


class Following:
    """A bank, its connector, and the graph that follows it."""

    def __init__(self, kind: Kind, servers: Endpoints, layout: Layout) -> None:
        self.kind, self.servers, self.layout = kind, servers, layout
        self.name = f"src{kind[0]}{time.time_ns() // 1_000_000}"
        self.source = Source(name=self.name, server_id=5403, database=self.name, tables=TABLES)
        self.mirror = Mirror()
        self.mapping = self.mapped()
        self.database = self.make(servers, layout)
        self.ends: Any = servers
        self.follower: Follower | None = None
        self.removed = False

    def mapped(self, old: str = "", new: str = "") -> Mapping:
        """The mapping of this source, mended by hand."""
        text = MAPPING.read_text(encoding="utf-8").replace("SOURCE", self.name).replace(old, new)
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(text)
            file.flush()
            return Mapping.load(Path(file.name), b"k" * 32)

    def make(self, servers: Endpoints, layout: Layout) -> OnMariaDb | OnPostgres:
        """The database and its tables, empty."""
        made: OnMariaDb | OnPostgres
        secrets = load_secrets(layout.secrets_file)
        if self.kind == "postgres":
            postgres.further_database(layout.ports.postgres, secrets, self.name)
            made = OnPostgres(replace(servers.postgres_capture.postgres, database=self.name))
        else:
            if self.kind == "mysql":
                mysql.further_database(layout, secrets, self.name)
            else:
                mariadb.further_database(layout, self.name)
            made = OnMariaDb(replace(servers.mariadb, database=self.name))
        made.run(*filter(str.strip, SCHEMA.format(**made.words).split(";")), *made.whole)
        return made

    # -- the connector and ingest -------------------------------------------------------------

    def register(self) -> None:
        """Returns when the log is read."""
        if self.kind == "postgres":
            connector.register_postgres(self.ends, self.source)
        else:
            connector.register_mariadb(self.ends, self.source, kind=self.kind)

    def resnapshot(self) -> int:
        """The next epoch."""
        return connector.resnapshot(self.ends, self.source, self.kind)

    def follow(self, mapping: Mapping | None = None) -> Follower:
        """Start ingest, or start it again with another mapping; the same group goes on where it was."""
        if self.follower is not None:
            self.follower.stop()
        self.mapping = mapping or self.mapping
        self.follower = Follower(self.servers.kafka_bootstrap, self.name, self.mapping, self.mirror, self.name)
        return self.follower

    def remove(self) -> None:
        """Leave nothing behind."""
        if self.removed:
            return
        self.removed = True
        if self.follower is not None:
            self.follower.stop()
        connector.reset(self.ends, self.source, kind=self.kind)
        admin = AdminClient({"bootstrap.servers": self.servers.kafka_bootstrap})
        ours = [topic for topic in admin.list_topics(timeout=30).topics if self.name in topic]
        for deleted in admin.delete_topics(ours).values():
            deleted.result(timeout=30)
        self.database.run(*(f"DROP TABLE IF EXISTS {table}" for table in TABLES))

    @property
    def records(self) -> int:
        """How many there are in Kafka."""
        names = (self.topic(table) for table in TABLES)
        return sum(sum(1 for _ in read_all(self.servers.kafka_bootstrap, name)) for name in names)

    # -- looking ------------------------------------------------------------------------------

    @property
    def inside(self) -> str:
        """What Debezium puts before a table's name: the database, or PostgreSQL's schema."""
        return "public" if self.kind == "postgres" else self.name

    def topic(self, table: str) -> str:
        """Where a table's records go."""
        return f"{self.name}.{self.inside}.{table}"

    def run(self, *statements: str) -> None:
        """On the bank's database."""
        self.database.run(*statements)

    def facts(self) -> dict[str, Any]:
        """What the graph holds."""
        return facts(self.mirror)

    def shows(self, *wanted: tuple[str, Any]) -> None:
        """Wait until the graph holds these (None: does not hold)."""
        until(
            lambda: all(self.facts().get(key) == value for key, value in wanted),
            lambda: (
                f"{[(key, self.facts().get(key)) for key, _ in wanted]}, refused: "
                f"{[letter.reason for letter in self.now.memory.letters][-3:]}, {self.now.failed}"
            ),
        )

    @property
    def now(self) -> Follower:
        """The ingest that runs."""
        assert self.follower is not None
        return self.follower


def facts(store: GraphStore) -> dict[str, Any]:
    """Each node's properties; each edge's ends, time and attributes: what is there and not closed."""
    found: dict[str, Any] = {}
    last: dict[str, EdgeUpsert | Gone] = {}
    floors: dict[str, str] = {}
    for upsert in store.dump():
        match upsert:
            case NodeUpsert(properties=dict()):
                found[upsert.key] = upsert.properties
            case EdgeUpsert() | Gone():
                if upsert.owner not in last or last[upsert.owner].pos < upsert.pos:
                    last[upsert.owner] = upsert
            case Floor():
                floors[upsert.table] = max(upsert.pos, floors.get(upsert.table, ""))
    for owner, op in last.items():
        if isinstance(op, EdgeUpsert) and op.pos >= floors.get(table_of(owner), ""):
            found[owner] = (op.src, op.dst, op.time_ms, op.attributes)
    return found


@contextmanager
def another_server(following: Following, folder: Path) -> Iterator[Endpoints]:
    """A second server of that kind, with the first one's accounts: the bank was restored elsewhere."""
    data = folder / "data"
    layout = replace(following.layout, data=data, ports=following.layout.ports.shifted(SHIFT))
    secrets = load_secrets(following.layout.secrets_file)
    made: Server = SERVERS[following.kind](layout, secrets)
    made.home.parent.mkdir(parents=True, exist_ok=True)
    for each in (folder, folder.parent, folder.parent.parent, data):
        each.chmod(0o755)  # the databases run as users of their own
    for each in (made.log.parent, made.pid_file.parent):
        each.mkdir(exist_ok=True)
    layout.secrets_file.write_bytes(following.layout.secrets_file.read_bytes())
    made.start()
    try:
        at = following.servers
        bank = replace(at.mariadb, port=at.mariadb.port + SHIFT)
        there = replace(at.postgres_capture.postgres, port=layout.ports.postgres)
        ends = replace(at, mariadb=bank, postgres_capture=replace(at.postgres_capture, postgres=there))
        following.database = following.make(ends, layout)
        yield ends
    finally:
        made.stop()


@contextmanager
def on_mysql(servers: Endpoints, layout: Layout) -> Iterator[Endpoints]:
    """The same servers with a MySQL in MariaDB's place. Skips with the reason where it can't be had."""
    try:
        ensure_mysql(layout.cache, print)
    except NotInstalled as error:
        pytest.skip(f"no MySQL on this machine: {error}")
    secrets = load_secrets(layout.secrets_file)
    made = mysql.server(layout, secrets)
    made.start()
    try:
        yield replace(servers, mariadb=mysql.bank(layout, secrets))
    finally:
        made.stop()


def signals(following: Following) -> None:
    """The connector's signal topic."""
    ensure_signals(following.servers.kafka_bootstrap, following.name)
