"""What every connector of ours is told, whichever database it reads (Debezium 3.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["mariadb", "mysql", "postgres"]
EPOCH = "transforms.epoch.value.literal"
CLASSES: Mapping[Kind, str] = {
    "mariadb": "io.debezium.connector.mariadb.MariaDbConnector",
    "mysql": "io.debezium.connector.mysql.MySqlConnector",
    "postgres": "io.debezium.connector.postgresql.PostgresConnector",
}


@dataclass(frozen=True, slots=True)
class Source:
    """One database as a source of changes.

    `name` is the connector's and the prefix of its topics; `epoch` goes into a header of each record and is
    raised by one whenever the log starts over (a restored or replaced server). `server_id` (MariaDB, MySQL) must
    be no other replica's. `partitions` is for the topics Connect makes, `database` another than the bank's own,
    `ssl` how the way to the database is encrypted, in its own words (None: not on this machine, any certificate
    elsewhere). `schema` and `tables` (PostgreSQL): what is published; those are the mapped tables, and each needs
    REPLICA IDENTITY FULL. `overrides` are further settings of the connector.
    """

    name: str = "bank"
    epoch: int = 1
    server_id: int = 5401
    partitions: int = 3
    database: str | None = None
    ssl: str | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    schema: str = "public"
    tables: tuple[str, ...] = ()


BANK = Source()


def common(kafka_bootstrap: str, source: Source) -> dict[str, str]:
    """The settings all databases share."""
    return {
        "tasks.max": "1",
        "topic.prefix": source.name,
        "topic.creation.default.partitions": str(source.partitions),
        "topic.creation.default.replication.factor": "1",
        "snapshot.mode": "initial",
        "decimal.handling.mode": "string",  # exact
        "time.precision.mode": "adaptive_time_microseconds",
        "skipped.operations": "none",  # TRUNCATE is a change too
        "tombstones.on.delete": "true",
        # An idle bank's stored offset moves on all the same; its topic, __debezium-heartbeat.NAME, is nobody's.
        "heartbeat.interval.ms": "2000",
        "extended.headers.enabled": "false",  # four headers on each record that say what its topic says
        # Incremental snapshots without a write to the bank's database: asked for over Kafka, watched in the log.
        "read.only": "true",
        "signal.enabled.channels": "kafka",
        "signal.kafka.topic": signal_topic(source.name),
        "signal.kafka.bootstrap.servers": kafka_bootstrap,
        "signal.kafka.groupId": f"{source.name}-signal",  # the default is one group for all connectors there are
        "signal.poll.interval.ms": "1000",
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
        EPOCH: str(source.epoch),
    }


def signal_topic(name: str) -> str:
    """The topic a connector takes its signals from: one partition, so that they stay in order."""
    return f"{name}-signal"


def kind_of(config: Mapping[str, str]) -> Kind | None:
    """Which database a connector's settings are for; None where it is none of ours."""
    return next((kind for kind, name in CLASSES.items() if config.get("connector.class") == name), None)
