"""Following the bank's log: its connector registered, made to read everything again, or some tables meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from deploy.bankside import capture, postgres_capture
from deploy.bootstrap import mapping
from deploy.config import PREFIX, Settings
from deploy.connections import connections, given
from deploy.epochs import first_epoch, traces
from deploy.stack import connector
from deploy.stack.connect_rest import Connector
from deploy.stack.connector_settings import Kind, Source, kind_of
from deploy.stack.control import endpoints
from deploy.stack.endpoints import Capture, PostgresCapture
from deploy.stack.errors import ConnectorFailed, StackError
from deploy.stack.signals import ensure_signals, snapshot_tables
from deploy.stack.topics import BROKER_S_DEFAULT, create_topics

Echo = Callable[[str], None]

WATCHED_S = 15.0  # behind the signal of an incremental snapshot
LOOK_S = 0.5


def register(settings: Settings, kind: Kind, name: str, epoch: int | None, limit_s: float, echo: Echo) -> None:
    """Make Ringwatch's topics, register the connector, wait until it reads the bank's log.

    It keeps the epoch that Kafka Connect has; where Connect does not know it, it begins with `epoch`, or 1.

    Raises:
        StackError: what did not answer, refused, or was not done in time; or Kafka Connect has forgotten it.
    """
    at, source = _ends(settings, kind, Source(name=name, epoch=epoch or 1))
    _topics(settings, name, echo)
    source = replace(source, epoch=_unforgotten(settings, at, kind, source, epoch, echo))
    if isinstance(at, PostgresCapture):
        connector.register_postgres(at, source, limit_s)
    else:
        connector.register_mariadb(at, source, limit_s, kind=kind)
    echo(f"connector {source.name} follows {_shown(at)}")


def resnapshot(settings: Settings, kind: Kind | None, name: str, epoch: int | None, limit_s: float, echo: Echo) -> None:
    """Forget the connector's offsets and register it again under the next epoch.

    Raises:
        StackError: as `register`; or the connector is not known and its epoch or kind was not given; or the epoch was
            reached before.
    """
    kind = kind or _kind(settings, name)
    at, source = _ends(settings, kind, Source(name=name))
    _topics(settings, name, echo)
    _unforgotten(settings, at, kind, source, epoch, echo)
    reached = connector.resnapshot(at, source, kind, limit_s, epoch)
    echo(
        f"connector {name} has read {_shown(at)} again under epoch {reached}; "
        "what was not there any more leaves the graph as ingest comes to the end of it"
    )


def snapshot(settings: Settings, name: str, tables: Sequence[str], echo: Echo) -> None:
    """Have the connector read these tables while it goes on: their keys go to `ringwatch.reread`.

    Debezium's PostgreSQL connector may fail where the signal meets a change (seen on 3.5.0, once in about ten). It is
    looked at for a while, and started once more: it goes on where it was, the signal included.

    Raises:
        StackError: the connector is not there or does not run, or a table is not mapped.
    """
    known = mapping(settings).file.tables
    if strangers := sorted(set(tables) - set(known)):
        raise StackError(
            f"not in the mapping: {', '.join(strangers)}; its tables are {', '.join(sorted(known))} "
            f"({PREFIX}MAPPING={settings.mapping})"
        )
    there = Connector(_connect_url(settings), name)
    config = there.config()
    if config is None or there.states() != {"RUNNING"}:
        raise ConnectorFailed(
            name,
            "it does not run, so nobody would take the signal; run: ringwatch connect register "
            "--from mariadb (or postgres)",
        )
    inside = settings.postgres_schema if kind_of(config) == "postgres" else config["database.include.list"]
    bootstrap = connections(settings).kafka_bootstrap
    snapshot_tables(bootstrap, name, [f"{inside}.{table}" for table in tables], settings.kafka_options)
    echo(
        f"connector {name} is asked to read {', '.join(tables)}; to mend what differs, run then: ringwatch graph reread"
    )
    deadline = time.monotonic() + WATCHED_S
    while time.monotonic() < deadline:
        if there.revived():
            echo(f"connector {name} failed at the signal and was started once more; it goes on where it was")
        time.sleep(LOOK_S)


def _unforgotten(
    settings: Settings, at: Capture | PostgresCapture, kind: Kind, source: Source, epoch: int | None, echo: Echo
) -> int:
    """The epoch to begin with (`deploy.epochs.first_epoch`); where Connect knows the connector, its own is kept."""
    if Connector(at.connect_url, source.name).config() is not None:
        return source.epoch
    left = traces(settings, source.name)
    begun = first_epoch(source.name, kind, epoch, left)
    if left.silent:
        echo(f"Kafka Connect does not know {source.name}, and {left.silent}")
    return begun


def _ends(settings: Settings, kind: Kind, source: Source) -> tuple[Capture | PostgresCapture, Source]:
    if kind == "postgres":
        tables = tuple(mapping(settings).file.tables)
        ssl = source.ssl or settings.postgres_ssl
        return postgres_capture(settings), replace(source, tables=tables, schema=settings.postgres_schema, ssl=ssl)
    return capture(settings), replace(source, ssl=source.ssl or settings.mariadb_ssl)


def _topics(settings: Settings, name: str, echo: Echo) -> None:
    bootstrap, extra = connections(settings).kafka_bootstrap, settings.kafka_options
    made = create_topics(bootstrap, extra=extra, replicas=BROKER_S_DEFAULT)
    ensure_signals(bootstrap, name, extra, BROKER_S_DEFAULT)
    echo(f"topics made: {', '.join(made)}" if made else "the topics were there")


def _kind(settings: Settings, name: str) -> Kind:
    config = Connector(_connect_url(settings), name).config()
    if config is None or (kind := kind_of(config)) is None:
        raise ConnectorFailed(name, "Kafka Connect does not know it; say --from and --epoch (one more than the last)")
    return kind


def _connect_url(settings: Settings) -> str:
    url = given(settings, "connect_url")
    return url.rstrip("/") if url else endpoints(settings.stack_layout()).connect_url


def _shown(at: Capture | PostgresCapture) -> str:
    bank = at.postgres if isinstance(at, PostgresCapture) else at.mariadb
    return f"{bank.database} on {bank.host}:{bank.port}"
