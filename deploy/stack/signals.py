"""Signals to a connector over Kafka: an incremental snapshot, asked for without a write to the bank's database."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from deploy.stack.connector_settings import signal_topic
from deploy.stack.errors import StackError

LIMIT_S = 30.0


def ensure_signals(bootstrap: str, name: str, extra: Mapping[str, str] | None = None, replicas: int = 1) -> None:
    """Make the connector's signal topic where it is missing: one partition. Raises StackError."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0, **(extra or {})})
    topic = NewTopic(signal_topic(name), num_partitions=1, replication_factor=replicas)
    try:
        admin.create_topics([topic], request_timeout=LIMIT_S)[topic.topic].result(timeout=LIMIT_S)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise StackError(f"Kafka at {bootstrap} did not create the topic {topic.topic}: {error}") from error


def snapshot_tables(bootstrap: str, name: str, tables: Sequence[str], extra: Mapping[str, str] | None = None) -> None:
    """Ask connector `name` to read these tables (database.table or schema.table) while it goes on streaming.

    Its rows have no place in the log; they only name keys to read again. Raises StackError.
    """
    data = {"type": "INCREMENTAL", "data-collections": list(tables)}
    failed: list[str] = []
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0, **(extra or {})})
    producer.produce(
        signal_topic(name),
        json.dumps({"type": "execute-snapshot", "data": data}),
        name,
        on_delivery=lambda error, _: failed.append(str(error)) if error is not None else None,
    )
    if producer.flush(LIMIT_S) or failed:
        raise StackError(
            f"Kafka at {bootstrap} did not take the signal: {'; '.join(failed) or 'no answer'}; "
            "look at RINGWATCH_KAFKA_BOOTSTRAP (the local stack: ringwatch stack status)"
        )
