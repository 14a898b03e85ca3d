"""The Debezium connector that turns the bank's commits into records: registered, awaited, removed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from deploy.stack.endpoints import Endpoints
from deploy.stack.errors import ConnectorFailed

TRACE_LINES = 12
POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Source:
    """One database as a source of changes.

    `name` is the connector's and the prefix of its topics; `epoch` goes into a header of each record and is
    raised by one whenever the binlog starts over (a restored or replaced server). `server_id` must be no other
    replica's. `partitions` is for the topics Connect makes.
    """

    name: str = "bank"
    epoch: int = 1
    server_id: int = 5401
    partitions: int = 3


def register_mariadb(
    endpoints: Endpoints, source: Source = Source(), limit_s: float = 60, overrides: Mapping[str, str] | None = None,
) -> None:
    """Create or update the connector and wait until it and its task run.

    `overrides` are further settings of the connector. Raises ConnectorFailed with the task's trace.
    """
    config = mariadb_config(endpoints, source) | dict(overrides or {})
    answer = _ask("PUT", endpoints, f"/connectors/{source.name}/config", source.name, json=config)
    if answer.status_code >= 400:
        raise ConnectorFailed(source.name, f"Kafka Connect refused it: {_message(answer)}")
    _await_running(endpoints, source.name, limit_s)


def mariadb_config(endpoints: Endpoints, source: Source = Source()) -> dict[str, str]:
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
        "database.ssl.mode": "disable",          # the connector's word for no TLS, which loopback can do without
        "database.include.list": endpoints.mariadb.database,
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
    }


def unregister(endpoints: Endpoints, name: str = "bank") -> bool:
    """Remove the connector, keeping how far it had read; returns whether it was there."""
    answer = _ask("DELETE", endpoints, f"/connectors/{name}", name)
    if answer.status_code not in (204, 404):
        raise ConnectorFailed(name, f"Kafka Connect did not remove it: {_message(answer)}")
    return answer.status_code == 204


def reset(endpoints: Endpoints, name: str = "bank", limit_s: float = 60) -> None:
    """Remove the connector and forget how far it had read, so that the next one begins with a snapshot.

    Raise the epoch with it: rows of the new snapshot would otherwise have to beat later streamed ones.
    """
    if _ask("PUT", endpoints, f"/connectors/{name}/stop", name).status_code == 404:
        return
    deadline = time.monotonic() + limit_s
    while (answer := _ask("DELETE", endpoints, f"/connectors/{name}/offsets", name)).status_code >= 400:
        if time.monotonic() > deadline:
            raise ConnectorFailed(name, f"its offsets could not be forgotten: {_message(answer)}")
        time.sleep(POLL_S)                       # the task is still stopping
    unregister(endpoints, name)


def _await_running(endpoints: Endpoints, name: str, limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    while True:
        answer = _ask("GET", endpoints, f"/connectors/{name}/status", name)
        status = answer.json() if answer.status_code == 200 else {}
        parts = [part for part in (status.get("connector"), *status.get("tasks", ())) if part]
        states = [part["state"] for part in parts]
        for part in parts:
            if part["state"] == "FAILED":
                trace = "\n".join(part.get("trace", "").splitlines()[:TRACE_LINES])
                raise ConnectorFailed(name, "it failed", trace)
        if len(states) > 1 and set(states) == {"RUNNING"}:
            return
        if time.monotonic() > deadline:
            raise ConnectorFailed(name, f"it is not running after {limit_s:g} s ({states or _message(answer)}); "
                                  "look at: ringwatch stack logs connect")
        time.sleep(POLL_S)


def _ask(method: str, endpoints: Endpoints, path: str, name: str, json: object = None) -> httpx.Response:
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


def _message(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code} {answer.text[:200]}"
