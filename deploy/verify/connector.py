"""What Kafka Connect knows of a source: which database, which epoch, how far its log has been read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import httpx

from ingest.events import Transient

EPOCH = "transforms.epoch.value.literal"
LIMIT_S = 10.0


class CannotVerify(Exception):
    """The comparison can't be made. Says what stands in its way and the mend."""


@dataclass(frozen=True, slots=True)
class Connector:
    """A registered connector's settings, as far as they matter here. `name` is the prefix of its topics too."""

    name: str
    kind: Literal["mariadb", "postgres"]
    epoch: int
    settings: dict[str, str]


class Connect:
    """Kafka Connect's REST interface, asked about one connector."""

    def __init__(self, url: str, name: str) -> None:
        """`name` is the connector's, which the mapping calls its source."""
        self._url, self._name = url, name

    def connector(self) -> Connector:
        """Its settings.

        Raises:
            CannotVerify: there is no such connector, or it is of a database that can't be compared.
        """
        config = {str(key): str(value) for key, value in self._get("config").items()}
        database = config.get("connector.class", "").rpartition(".")[2]
        if database == "MySqlConnector":  # only MariaDB has binlog_snapshot_position
            raise CannotVerify(
                f"connector {self._name!r} reads a MySQL, which tells no place in its log for a consistent read: "
                "it can't be compared or read again by key; run: ringwatch connect resnapshot"
            )
        kinds: dict[str, Literal["mariadb", "postgres"]] = {
            "MariaDbConnector": "mariadb", "PostgresConnector": "postgres",
        }  # fmt: skip
        if database not in kinds or not config.get(EPOCH, "").strip('"').isdigit():
            raise CannotVerify(
                f"connector {self._name!r} is a {database or 'nameless one'} with the epoch {config.get(EPOCH)!r}; "
                f"expected MariaDB or Postgres, and {EPOCH} as `ringwatch connect register` sets it"
            )
        return Connector(config.get("topic.prefix", self._name), kinds[database], int(config[EPOCH].strip('"')), config)

    def offset(self) -> dict[str, Any]:
        """How far it has read, as its connector writes that down; empty where nothing is stored yet.

        Raises:
            Transient: it does not run, so it will not come along.
        """
        states = self._get("status")
        bad = [part for part in (states["connector"], *states["tasks"]) if part["state"] != "RUNNING"]
        if bad or not states["tasks"]:
            state = bad[0]["state"] if bad else "without a task"
            raise Transient(
                f"connector {self._name!r} is {state}, so what is committed now never arrives; "
                "look at Kafka Connect's log (the local stack's: ringwatch stack logs connect)"
            )
        found = self._get("offsets")["offsets"]
        return dict(found[0]["offset"] or {}) if found else {}

    def _get(self, what: str) -> dict[str, Any]:
        path = f"{self._url}/connectors/{self._name}/{what}"
        try:
            answer = httpx.get(path, timeout=LIMIT_S, trust_env=False)
        except httpx.HTTPError as error:
            raise Transient(f"Kafka Connect does not answer at {self._url} ({error})") from error
        if answer.status_code == 404:
            raise CannotVerify(
                f"Kafka Connect at {self._url} has no connector {self._name!r} (the mapping's `source`); "
                f"run: ringwatch connect register --from mariadb (or postgres) --name {self._name}"
            )
        if answer.status_code >= 400:
            raise Transient(f"Kafka Connect: HTTP {answer.status_code} for {path}: {answer.text[:200]}")
        return dict(answer.json())
