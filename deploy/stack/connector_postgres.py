"""The connector's settings for PostgreSQL: logical decoding by pgoutput, which every server has."""

from __future__ import annotations

import re

from deploy.stack.connector_settings import CLASSES, Source, common
from deploy.stack.endpoints import PostgresCapture
from deploy.stack.publication import slot_name
from deploy.stack.tls import local

HEARTBEAT = "ringwatch_heartbeat"


def postgres_config(at: PostgresCapture, source: Source) -> dict[str, str]:
    """Return the connector's settings (Debezium 3.5, PostgreSQL connector)."""
    tables = ",".join(f"{re.escape(source.schema)}\\.{re.escape(table)}" for table in sorted(source.tables))
    return (
        common(at.kafka_bootstrap, source)
        | {
            "connector.class": CLASSES["postgres"],
            "database.hostname": at.postgres.host,
            "database.port": str(at.postgres.port),
            "database.user": at.debezium_user,
            "database.password": at.debezium_password,
            "database.dbname": source.database or at.postgres.database,
            "database.sslmode": source.ssl or ("disable" if local(at.postgres.host) else "require"),
            "plugin.name": "pgoutput",
            "slot.name": slot_name(source.name),
            "publication.name": slot_name(source.name),
            "publication.autocreate.mode": "disabled",  # `publish` makes it, as the owner
            "table.include.list": tables,
            # A slot that was dropped and made anew has a gap behind it: fail, rather than go on as if nothing was lost.
            "offset.mismatch.strategy": "trust_offset",
            # While nothing of these tables is committed, PostgreSQL sends nothing: the stored offset would stand
            # still, and the log of a busy neighbour database would be kept for ever. A message into the log, read
            # by nobody, moves both on; it writes no table.
            "heartbeat.action.query": f"SELECT pg_logical_emit_message(true, '{HEARTBEAT}', '')",
            "message.prefix.exclude.list": HEARTBEAT,
            "binary.handling.mode": "base64",
            "hstore.handling.mode": "json",
            "interval.handling.mode": "string",
        }
        | dict(source.overrides)
    )
