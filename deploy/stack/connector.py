"""The Debezium connector that turns the bank's commits into records: registered, awaited, removed."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import pymysql

from deploy.stack.endpoints import Capture, Endpoints
from deploy.stack.errors import ConnectorFailed

Servers = Endpoints | Capture
TRACE_LINES = 12
POLL_S = 0.2
COMPOSE_HOST = "mariadb"  # the service of docker-compose.yml


@dataclass(frozen=True, slots=True)
class Source:
    """One database as a source of changes.

    `name` is the connector's and the prefix of its topics; `epoch` goes into a header of each record and is
    raised by one whenever the binlog starts over (a restored or replaced server). `server_id` must be no other
    replica's. `partitions` is for the topics Connect makes, `database` another than the bank's own, `ssl` how the
    way to MariaDB is encrypted (disable, trust: any certificate, verify-ca, verify-full; None: see `_ssl`),
    `overrides` for further settings of the connector.
    """

    name: str = "bank"
    epoch: int = 1
    server_id: int = 5401
    partitions: int = 3
    database: str | None = None
    ssl: str | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)


def register_mariadb(
    endpoints: Servers, source: Source = Source(), limit_s: float = 120, streaming: bool = True
) -> None:
    """Create or update the connector and wait until it and its task run and, by default, read the binlog.

    What is committed while it is streaming arrives as a change; what is committed before may arrive as a row
    of the snapshot, which is never scored. Raises ConnectorFailed with the task's trace.
    """
    name, config = source.name, mariadb_config(endpoints, source)
    known = _ask("GET", endpoints, f"/connectors/{name}/config", name)
    if known.status_code == 200:
        if known.json() == config | {"name": name} and _states(endpoints, name) == {"RUNNING"}:
            return
        stop(endpoints, name, limit_s)           # else its former task would be taken for the new one
    with _binlog_readers(endpoints) as readers:
        former = readers()
        answer = _ask("PUT", endpoints, f"/connectors/{name}/config", name, json=config)
        if known.status_code == 200:             # refused or not: the settings it has now are in force
            _ask("PUT", endpoints, f"/connectors/{name}/resume", name)
        _require(answer, name, "Kafka Connect refused it")
        _await(endpoints, name, {"RUNNING"}, limit_s)
        deadline = time.monotonic() + limit_s
        while streaming and not readers() - former:
            if "FAILED" in _states(endpoints, name):
                raise ConnectorFailed(name, "it failed", _trace(endpoints, name))
            if time.monotonic() > deadline:
                raise ConnectorFailed(name, f"its snapshot was not over after {limit_s:g} s")
            time.sleep(POLL_S)


@contextmanager
def _binlog_readers(endpoints: Servers) -> Iterator[Callable[[], set[int]]]:
    """Yield a question to MariaDB: which connections of the connector's user read the binlog now?

    One whose client has gone stays in the list until the next commit, so only a new one tells something.
    """
    bank = endpoints.mariadb
    try:
        connection = pymysql.connect(
            host=bank.host, port=bank.port, user=bank.user, password=bank.password, connect_timeout=5)
    except pymysql.MySQLError as error:
        raise ConnectorFailed(
            "of the bank", f"MariaDB does not answer at {bank.host}:{bank.port} ({error}); run: ringwatch stack up"
        ) from error
    with connection, connection.cursor() as cursor:

        def ask() -> set[int]:
            cursor.execute("SELECT id FROM information_schema.processlist "
                           "WHERE user = %s AND command LIKE 'Binlog Dump%%'", (endpoints.debezium_user,))
            return {row[0] for row in cursor.fetchall()}

        yield ask


def mariadb_config(endpoints: Servers, source: Source = Source()) -> dict[str, str]:
    """Return the connector's settings (Debezium 3.5, MariaDB connector)."""
    history = "schema.history.internal.kafka"
    return {
        "connector.class": "io.debezium.connector.mariadb.MariaDbConnector",
        "tasks.max": "1",
        "database.hostname": endpoints.mariadb.host,
        "database.port": str(endpoints.mariadb.port),
        "database.user": endpoints.debezium_user,
        "database.password": endpoints.debezium_password,
        "database.server.id": str(source.server_id),
        "database.ssl.mode": source.ssl or _ssl(endpoints.mariadb.host),
        "database.include.list": source.database or endpoints.mariadb.database,
        "topic.prefix": source.name,
        "topic.creation.default.partitions": str(source.partitions),
        "topic.creation.default.replication.factor": "1",
        f"{history}.bootstrap.servers": endpoints.kafka_bootstrap,
        f"{history}.topic": f"schema-changes.{source.name}",
        "include.schema.changes": "false",       # the history above is for the connector; nobody reads a second one
        "snapshot.mode": "initial",
        "decimal.handling.mode": "string",
        "time.precision.mode": "adaptive_time_microseconds",
        "skipped.operations": "none",            # TRUNCATE is a change too
        "tombstones.on.delete": "true",
        "heartbeat.interval.ms": "0",
        "extended.headers.enabled": "false",     # four headers on each record that say what its topic says
        # A connection that broke is made anew after that long; by default a restart of MariaDB costs a minute.
        "connect.keep.alive.interval.ms": "2000",
        # Latency: look every 10 ms, hand over at once, and let no long queue build up.
        "poll.interval.ms": "10",
        "max.batch.size": "2048",
        "max.queue.size": "8192",
        "producer.override.linger.ms": "0",
        "producer.override.max.request.size": "10485760",
        # The epoch is stamped, never guessed (see Position).
        "transforms": "epoch",
        "transforms.epoch.type": "org.apache.kafka.connect.transforms.InsertHeader",
        "transforms.epoch.header": "epoch",
        "transforms.epoch.value.literal": str(source.epoch),
    } | dict(source.overrides)


def _ssl(host: str) -> str:
    """Loopback and Compose's own network can do without TLS; elsewhere it is on, with whatever certificate."""
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host in ("localhost", COMPOSE_HOST)
    return "disable" if local else "trust"


def unregister(endpoints: Servers, name: str = "bank") -> bool:
    """Remove the connector, keeping how far it had read; returns whether it was there."""
    answer = _ask("DELETE", endpoints, f"/connectors/{name}", name)
    if answer.status_code not in (204, 404):
        raise ConnectorFailed(name, f"Kafka Connect did not remove it: {_message(answer)}")
    return answer.status_code == 204


def stop(endpoints: Servers, name: str = "bank", limit_s: float = 60) -> bool:
    """Stop the connector's task and wait until it is gone; returns whether there is such a connector."""
    if _ask("PUT", endpoints, f"/connectors/{name}/stop", name).status_code == 404:
        return False
    _await(endpoints, name, {"STOPPED"}, limit_s)
    return True


def reset(endpoints: Servers, source: Source = Source(), limit_s: float = 60) -> None:
    """Remove the connector and forget how far it had read, so that the next one begins with a snapshot.

    Give the next one a higher epoch, or what it reads may count as older than what is known. Its snapshot takes
    nothing away: in this release only TRUNCATE sets a floor, so rows deleted in between stay in the graph.
    """
    name = source.name
    if not stop(endpoints, name, limit_s):
        # offsets outlive their connector and are reached through it only, so it comes back, stopped
        body = {"name": name, "config": mariadb_config(endpoints, source), "initial_state": "STOPPED"}
        _require(_ask("POST", endpoints, "/connectors", name, json=body), name, "it could not be made")
        _await(endpoints, name, {"STOPPED"}, limit_s)
    _require(_ask("DELETE", endpoints, f"/connectors/{name}/offsets", name), name, "its offsets could not be forgotten")
    unregister(endpoints, name)


def _await(endpoints: Servers, name: str, wanted: set[str], limit_s: float) -> None:
    """Wait until connector and task are in the wanted state; raises ConnectorFailed when one failed."""
    deadline = time.monotonic() + limit_s
    while (states := _states(endpoints, name)) != wanted:
        if "FAILED" in states and "RUNNING" in wanted:
            raise ConnectorFailed(name, "it failed", _trace(endpoints, name))
        if time.monotonic() > deadline:
            seen = ", ".join(sorted(states)) or "unknown"
            raise ConnectorFailed(name, f"it is {seen} and not {', '.join(wanted)} after {limit_s:g} s; "
                                  "look at: ringwatch stack logs connect")
        time.sleep(POLL_S)


def _states(endpoints: Servers, name: str) -> set[str]:
    """Return the states of connector and task; RUNNING only stands alone when there is a task."""
    parts = _parts(endpoints, name)
    states = {part["state"] for part in parts}
    return states | {"WITHOUT TASK"} if states == {"RUNNING"} and len(parts) < 2 else states


def _trace(endpoints: Servers, name: str) -> str:
    traces = [part["trace"] for part in _parts(endpoints, name) if part.get("trace")]
    return "\n".join(traces[0].splitlines()[:TRACE_LINES]) if traces else ""


def _parts(endpoints: Servers, name: str) -> list[dict[str, str]]:
    answer = _ask("GET", endpoints, f"/connectors/{name}/status", name)
    if answer.status_code != 200:
        return []                                # just registered: no status yet
    status = answer.json()
    return [status["connector"], *status["tasks"]]


def _ask(method: str, endpoints: Servers, path: str, name: str, json: object = None) -> httpx.Response:
    """Ask Connect's REST interface; 409 says that it is rebalancing, which passes."""
    deadline = time.monotonic() + 30
    while True:
        try:
            # trust_env: a proxy of the environment has no business on loopback
            answer = httpx.request(method, endpoints.connect_url + path, json=json, timeout=30, trust_env=False)
        except httpx.HTTPError as error:
            raise ConnectorFailed(
                name, f"Kafka Connect does not answer at {endpoints.connect_url} ({error}); run: ringwatch stack up"
            ) from error
        if answer.status_code != 409 or time.monotonic() > deadline:
            return answer
        time.sleep(POLL_S)


def _require(answer: httpx.Response, name: str, failed: str) -> None:
    if answer.status_code >= 400:
        raise ConnectorFailed(name, f"{failed}: {_message(answer)}")


def _message(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code} {answer.text[:200]}"
