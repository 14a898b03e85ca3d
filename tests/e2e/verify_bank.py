"""A small bank on MariaDB or Postgres whose changes go through Debezium, Kafka and ingest into Neo4j."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import neo4j
import psycopg
import pymysql
from confluent_kafka.admin import AdminClient

from deploy.config import Settings
from deploy.stack.connector_mariadb import mariadb_config
from deploy.stack.connector_settings import Source
from deploy.stack.endpoints import Endpoints
from deploy.stack.mariadb import further_database
from deploy.stack.secrets import load_secrets
from deploy.stack.topics import create_topics
from deploy.verify.run import Outcome, Request, verify
from graph.difference import Difference
from graph.mapping import Mapping
from graph.neo4j_store import Neo4jStore
from graph.sink import GraphSink
from ingest.debezium import decode
from ingest.kafka import KafkaPublisher, KafkaSource, read_all
from ingest.worker import Worker

DATABASE = "verifytest"
LIMIT_S = 90.0
TABLES = """\
CREATE TABLE vt_people (id BIGINT PRIMARY KEY, name VARCHAR(40), score DOUBLE PRECISION, vip SMALLINT,
  phone VARCHAR(30), born DATE NOT NULL);
CREATE TABLE vt_payments (branch VARCHAR(8) NOT NULL, num INT NOT NULL, payer BIGINT, payee BIGINT,
  amount DECIMAL(14,2) NOT NULL, note TEXT, at {time} NOT NULL, PRIMARY KEY (branch, num));
CREATE TABLE vt_reports (id BIGINT PRIMARY KEY, branch VARCHAR(8) NOT NULL, payment INT NOT NULL,
  fraud SMALLINT NOT NULL, at {time} NOT NULL);
CREATE TABLE vt_devices (mac {bytes} NOT NULL, kind {kind} NOT NULL, seen {moment} NOT NULL, ip {ip},
  PRIMARY KEY (mac, kind, seen))"""
TYPES = {  # fractions of a TIMESTAMP are written otherwise by MariaDB's snapshot than by its stream: no key for anybody
    "mariadb": {
        "time": "DATETIME(3)", "moment": "TIMESTAMP", "bytes": "BINARY(4)", "kind": "ENUM('phone', 'desk')",
        "ip": "VARCHAR(40)",
    },
    "postgres": {
        "time": "TIMESTAMP(3)", "moment": "TIMESTAMPTZ(0)", "bytes": "BYTEA", "kind": "VARCHAR(9)", "ip": "INET",
    },
}  # fmt: skip
DEVICES = """\
INSERT INTO vt_devices VALUES ({0}, 'phone', '2024-02-29 12:34:56', '10.0.0.1'),
  ({0}, 'desk', '2024-02-29 12:34:56', '::1'), ({1}, 'desk', '2024-03-01', NULL),
  ({2}, 'phone', '2024-03-02', NULL)"""
BYTES = {
    "mariadb": ("0x61620000", "0xdeadbeef", "0x27005c22"),
    "postgres": (r"'\x6162'", r"'\xdeadbeef'", r"'\x27005c22'"),
}
ROWS = """\
INSERT INTO vt_people VALUES (1, 'Ann', 0.1, 1, '+49 30 1', '1990-02-28'), (2, 'Bärbel', 1e20, 0, NULL, '1969-12-31'),
  (3, NULL, NULL, NULL, '0049 30 3', '2000-01-01');
INSERT INTO vt_payments VALUES ('a:b|c%', 1, 1, 2, 12.30, 'x', '2024-02-29 12:34:56.789'),
  ('M', 2, 2, 3, 0.05, NULL, '1969-12-31 23:59:59.999'), ('M', 10, NULL, 3, 7, 'Größe', '2024-03-01'),
  ('m-1', 3, 3, 1, 99999999.99, '', '2024-03-02 01:02:03.004');
INSERT INTO vt_reports VALUES (1, 'M', 2, 1, '2024-03-02'), (2, 'm-1', 3, 0, '2024-03-03 10:00:00.5')"""
MAPPING = """\
source = "{source}"
[tables.vt_people]
key = ["id"]
[[tables.vt_people.nodes]]
label = "VtUser"
id = "id"
[tables.vt_people.nodes.properties]
name = "name"
score = {{ column = "score", type = "number" }}
vip = {{ column = "vip", type = "bool" }}
[[tables.vt_people.edges]]
role = "phone"
relation = "VT_REACHED"
source = {{ label = "VtUser", id = "id" }}
target = {{ label = "VtContact", id = "phone", hash = "phone" }}
time = {{ column = "born", unit = "days" }}
[tables.vt_payments]
key = ["branch", "num"]
[[tables.vt_payments.edges]]
role = "pay"
relation = "VT_PAYS"
source = {{ label = "VtUser", id = "payer" }}
target = {{ label = "VtUser", id = "payee" }}
time = "at"
event = true
attributes = {{ amount = {{ column = "amount", type = "decimal", scale = 2 }}, note = "note" }}
[tables.vt_reports]
key = ["id"]
[[tables.vt_reports.labels]]
event = {{ table = "vt_payments", key = ["branch", "payment"], roles = {{ vt_payments = "pay" }} }}
fraud = "fraud"
reported = "at"
[tables.vt_devices]
key = ["mac", "kind", "seen"]
nodes = [{{ label = "VtDevice", id = "{{kind}}/{{mac}}@{{seen}}", properties = {{ ip = "ip" }} }}]
"""


def until(holds: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    deadline = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


class VerifyBank:
    """The bank, its connector, and ingest as a thread."""

    def __init__(self, kind: str, servers: Endpoints, settings: Settings, driver: neo4j.Driver, folder: Path) -> None:
        self.kind, self.servers, self.driver = kind, servers, driver
        self.name = f"vt{kind}"
        mapping = folder / "mapping.toml"
        mapping.write_text(MAPPING.format(source=self.name))
        self._layout = settings.stack_layout()
        self.password = load_secrets(self._layout.secrets_file).postgres_admin
        self.settings = settings.model_copy(update={"mapping": mapping})
        self.mapping = Mapping.load(mapping, settings.contacts_key())
        self.store = Neo4jStore(driver, self.mapping.schema)
        self.group = f"{self.name}-{time.time_ns()}"

    # -- the database -------------------------------------------------------------------------

    def open(self) -> Any:
        """A connection of its own; each statement commits."""
        if self.kind == "postgres":
            pg = self.servers.postgres_capture.postgres
            return psycopg.connect(host=pg.host, port=pg.port, user=pg.user, password=pg.password, dbname=DATABASE,
                                   autocommit=True)  # fmt: skip
        at = self.servers.mariadb
        return pymysql.connect(
            host=at.host, port=at.port, user=at.user, password=at.password, database=DATABASE, autocommit=True
        )

    def sql(self, text: str) -> None:
        """Statements separated by semicolons at the end of a line."""
        with self.open() as connection, connection.cursor() as cursor:
            for statement in text.split(";\n"):
                cursor.execute(statement)

    def create(self) -> None:
        """The database, empty tables, their rows."""
        if self.kind == "postgres":
            pg = self.servers.postgres_capture.postgres
            with psycopg.connect(host=pg.host, port=pg.port, user="postgres", password=self.password, dbname="postgres",
                                 autocommit=True) as connection:  # fmt: skip
                connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)".encode())
                connection.execute(f"CREATE DATABASE {DATABASE} OWNER {pg.user}".encode())
        else:
            further_database(self._layout, DATABASE)
            self.sql(";\n".join(f"DROP TABLE IF EXISTS {table}" for table in self.mapping.file.tables))
        self.sql(TABLES.format(**TYPES[self.kind]))
        if self.kind == "postgres":
            self.sql(";\n".join(f"ALTER TABLE {table} REPLICA IDENTITY FULL" for table in self.mapping.file.tables))
        self.sql(ROWS)
        self.sql(DEVICES.format(*BYTES[self.kind]))

    # -- the connector ------------------------------------------------------------------------

    def connect(self, method: str, path: str, json: object = None) -> httpx.Response:
        """Kafka Connect's REST interface."""
        url = f"{self.servers.connect_url}/connectors{path}"
        return httpx.request(method, url, json=json, timeout=30, trust_env=False)

    def register(self) -> None:
        """Make the connector; returns when its snapshot is over."""
        assert self.connect("PUT", f"/{self.name}/config", self._config()).status_code < 300
        until(lambda: self._streams())

    def _config(self) -> dict[str, str]:
        source = Source(name=self.name, server_id=5411, database=DATABASE, overrides={"heartbeat.interval.ms": "2000"})
        config = mariadb_config(self.servers, source)
        if self.kind == "mariadb":
            return config
        own = {key: value for key, value in config.items() if not key.startswith(("database.", "schema.", "include."))}
        return own | {
            "connector.class": "io.debezium.connector.postgresql.PostgresConnector", "plugin.name": "pgoutput",
            "database.hostname": "127.0.0.1", "database.port": str(self._layout.ports.postgres),
            "database.user": "postgres", "database.password": self.password, "database.dbname": DATABASE,
            "slot.name": self.name, "publication.name": self.name, "publication.autocreate.mode": "filtered",
            "schema.include.list": "public", "slot.drop.on.stop": "true",
        }  # fmt: skip

    def _streams(self) -> bool:
        status = self.connect("GET", f"/{self.name}/status").json()
        states = [part["state"] for part in (status.get("connector", {"state": ""}), *status.get("tasks", ()))]
        assert "FAILED" not in states, str(status)[:2000]
        missing = set(self.mapping.file.tables)
        for topic in AdminClient({"bootstrap.servers": self.servers.kafka_bootstrap}).list_topics(timeout=10).topics:
            if topic.startswith(f"{self.name}."):
                missing.discard(topic.rpartition(".")[2])
        return not missing

    def forget(self) -> None:
        """No trace of it in Kafka, Kafka Connect and Neo4j."""
        if self.connect("PUT", f"/{self.name}/stop").status_code < 300:
            until(lambda: self.connect("GET", f"/{self.name}/status").json()["connector"]["state"] == "STOPPED")
            until(lambda: self.connect("DELETE", f"/{self.name}/offsets").status_code < 300)
            self.connect("DELETE", f"/{self.name}")
        admin = AdminClient({"bootstrap.servers": self.servers.kafka_bootstrap})
        starts = (f"{self.name}.", f"schema-changes.{self.name}", f"__debezium-heartbeat.{self.name}")
        if named := [topic for topic in admin.list_topics(timeout=30).topics if topic.startswith(starts)]:
            for deleted in admin.delete_topics(named).values():
                deleted.result(timeout=30)
        ours = "(x:_Label|_Gone|_Floor) WHERE x.id STARTS WITH 'vt_'"  # floors too: both banks have these tables
        for match in ("()-[x:VT_PAYS|VT_REACHED]->()", "(x:VtUser|VtContact|VtDevice)", ours):
            self.driver.execute_query(f"MATCH {match} DELETE x")  # type: ignore[arg-type]

    # -- ingest -------------------------------------------------------------------------------

    @contextmanager
    def ingest(self) -> Iterator[Worker]:
        """As a thread, until the end of the block."""
        self.store.init()
        source = KafkaSource(self.servers.kafka_bootstrap, self.group, [rf"^{self.name}\..+\..+"])
        publisher = KafkaPublisher(self.servers.kafka_bootstrap)
        worker = Worker(source, GraphSink(self.mapping, self.store, self.name), publisher)
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            yield worker
        finally:
            worker.stopping.set()
            thread.join()
            source.close()

    def replay(self) -> None:
        """Every record of its topics once more, in one batch: old duplicates, as after a restart."""
        upserts = []
        for table in self.mapping.file.tables:
            schema = "public" if self.kind == "postgres" else DATABASE
            for record in read_all(self.servers.kafka_bootstrap, f"{self.name}.{schema}.{table}"):
                if (captured := decode(record)) is not None:
                    upserts += self.mapping.plan(captured.change).upserts
        self.store.apply(upserts)

    def verify(self, repair: bool = False, patience_s: float = LIMIT_S) -> list[Difference]:
        """One run of the comparison, its differences."""
        request = Request((), repair, self.group, patience_s, 2)
        outcome: Outcome = verify(self.settings, request, lambda _: None, lambda _: None)
        return list(outcome.differences)

    def ask(self, text: str) -> list[neo4j.Record]:
        """Of Neo4j."""
        return self.driver.execute_query(text).records  # type: ignore[arg-type]


@contextmanager
def running(bank: VerifyBank) -> Iterator[VerifyBank]:
    """The bank with everything it needs; nothing of it is left behind."""
    create_topics(bank.servers.kafka_bootstrap)
    bank.forget()
    bank.create()
    bank.register()
    try:
        with bank.ingest():
            yield bank
    finally:
        bank.forget()
