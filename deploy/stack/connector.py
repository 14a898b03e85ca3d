"""The Debezium connector that turns the bank's commits into records: registered, awaited, removed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from deploy.stack.connect_rest import POLL_S, Connector
from deploy.stack.connector_mariadb import Servers, binlog_readers, mariadb_config
from deploy.stack.connector_postgres import postgres_config
from deploy.stack.connector_settings import BANK, EPOCH, Kind, Source
from deploy.stack.endpoints import Capture, Endpoints, PostgresCapture
from deploy.stack.errors import ConnectorFailed
from deploy.stack.publication import drop_slot, publish, require_whole_rows, session, slot_readers

Ends = Endpoints | Capture | PostgresCapture
Readers = AbstractContextManager[Callable[[], set[int]]]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is registered, where, and how the database says who reads its log."""

    connector: Connector
    config: dict[str, str]
    readers: Callable[[], Readers]


def register_mariadb(
    endpoints: Servers, source: Source = BANK, limit_s: float = 120, streaming: bool = True, kind: Kind = "mariadb"
) -> None:
    """Create or update the connector and wait until it and its task run and, by default, read the binlog.

    What is committed while it is streaming arrives as a change; what is committed before may arrive as a row
    of the snapshot, which is never scored. Raises ConnectorFailed with the task's trace.
    """
    _register(_mariadb(endpoints, source, kind), limit_s, streaming)


def register_postgres(
    endpoints: Endpoints | PostgresCapture, source: Source, limit_s: float = 120, streaming: bool = True
) -> None:
    """The same for PostgreSQL, after a look at its tables: each of `source.tables` must log whole rows.

    Raises ConnectorFailed with the tables that don't and the statements that mend it, or the task's trace.
    """
    at = _capture(endpoints, source)
    with session(at.postgres) as connection:
        require_whole_rows(connection, source.name, source.schema, source.tables)
        publish(connection, source.name, source.schema, source.tables)
    _register(_postgres(at, source), limit_s, streaming)


def unregister(endpoints: Ends, name: str = "bank") -> bool:
    """Remove the connector, keeping how far it had read; returns whether it was there.

    PostgreSQL keeps its log for the connector's slot until `reset`.
    """
    return Connector(endpoints.connect_url, name).remove()


def stop(endpoints: Ends, name: str = "bank", limit_s: float = 60) -> bool:
    """Stop the connector's task and wait until it is gone; returns whether there is such a connector."""
    return Connector(endpoints.connect_url, name).stop(limit_s)


def reset(endpoints: Ends, source: Source = BANK, limit_s: float = 60, kind: Kind = "mariadb") -> None:
    """Remove the connector and forget how far it had read, so that the next one begins with a snapshot.

    Give the next one a higher epoch, or what it reads may count as older than what is known.
    """
    if kind != "postgres":
        assert not isinstance(endpoints, PostgresCapture), "MariaDB's endpoints"
        plan = _mariadb(endpoints, source, kind)
        plan.connector.forget(plan.config, limit_s)
        return
    assert not isinstance(endpoints, Capture), "PostgreSQL's endpoints"
    at = _capture(endpoints, source)
    Connector(at.connect_url, source.name).forget(postgres_config(at, source), limit_s)
    with session(at.postgres) as connection:
        drop_slot(connection, source.name)


def resnapshot(endpoints: Ends, source: Source, kind: Kind, limit_s: float = 120, epoch: int | None = None) -> int:
    """Read everything again under a new epoch, which is returned: the offsets are lost, or the server is another.

    The epoch is one more than the connector's settings say, or as given. When the snapshot is complete, what is
    in the graph and was not read again is gone. Raises ConnectorFailed.
    """
    known = (Connector(endpoints.connect_url, source.name).config() or {}).get(EPOCH, "")
    reached = int(known) if known.isdigit() else 0
    if epoch is None and not reached:
        raise ConnectorFailed(
            source.name, "Kafka Connect does not know it, so its epoch has to be given: one more than the last one used"
        )
    if epoch is not None and epoch <= reached:
        raise ConnectorFailed(
            source.name,
            f"it has reached epoch {reached}, so what is read under {epoch} would have no effect; "
            f"leave --epoch out, or give {reached + 1} or more",
        )
    new = replace(source, epoch=epoch or reached + 1)
    reset(endpoints, new, limit_s, kind)
    if kind == "postgres":
        assert not isinstance(endpoints, Capture), "PostgreSQL's endpoints"
        register_postgres(endpoints, new, limit_s)
    else:
        assert not isinstance(endpoints, PostgresCapture), "MariaDB's endpoints"
        register_mariadb(endpoints, new, limit_s, kind=kind)
    return new.epoch


def _mariadb(endpoints: Servers, source: Source, kind: Kind) -> _Plan:
    return _Plan(
        Connector(endpoints.connect_url, source.name),
        mariadb_config(endpoints, source, kind),
        lambda: binlog_readers(endpoints.mariadb, endpoints.debezium_user, source.ssl),
    )


def _postgres(at: PostgresCapture, source: Source) -> _Plan:
    return _Plan(
        Connector(at.connect_url, source.name),
        postgres_config(at, source),
        lambda: slot_readers(at.postgres, source.name),
    )


def _capture(endpoints: Endpoints | PostgresCapture, source: Source) -> PostgresCapture:
    at = endpoints if isinstance(endpoints, PostgresCapture) else endpoints.postgres_capture
    return replace(at, postgres=replace(at.postgres, database=source.database)) if source.database else at


def unsunk(planned: Mapping[str, str], known: Mapping[str, str] | None) -> dict[str, str]:
    """The planned settings with the epoch that the connector has, where that is higher: it reads the same log, and what
    it read under a lower one would count as older than all that is known.
    """
    epochs = [int(each[EPOCH]) for each in (planned, known or {}) if each.get(EPOCH, "").isdigit()]
    return {**planned, EPOCH: str(max(epochs))}


def _register(plan: _Plan, limit_s: float, streaming: bool) -> None:
    connector, known = plan.connector, plan.connector.config()
    config = unsunk(plan.config, known)
    if known is not None:
        if known == config and connector.states() == {"RUNNING"}:
            return
        connector.stop(limit_s)  # else its former task would be taken for the new one
    with plan.readers() as readers:
        former = readers()
        answer = connector.put(config)
        if known is not None:  # refused or not: the settings it has now are in force
            connector.ask("PUT", "/resume")
        connector.require(answer, "Kafka Connect refused it")
        connector.await_states({"RUNNING"}, limit_s)
        deadline = time.monotonic() + limit_s
        while streaming and not readers() - former:
            connector.require_sound()
            if time.monotonic() > deadline:
                raise ConnectorFailed(connector.name, f"its snapshot was not over after {limit_s:g} s")
            time.sleep(POLL_S)
