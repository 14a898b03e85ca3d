"""Ringwatch's own topics. The bank's are made by Kafka Connect, with the settings of the connector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from deploy.stack.errors import StackError

DAY_MS = 24 * 3600 * 1000
FOREVER_MS = -1
LIMIT_S = 30.0
BROKER_S_DEFAULT = -1    # as many replicas as the broker is set to


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic and how long it keeps its records, in ms; in `partitions`, where it is not to have as many as others."""

    name: str
    retention_ms: int
    largest_bytes: int = 10_485_760    # as the broker and the connector have it
    partitions: int | None = None


TOPICS = (
    Topic("graph.changes", 7 * DAY_MS, partitions=1),    # each scorer reads all of it, from where it hydrated
    Topic("graph.events", 7 * DAY_MS),
    Topic("fraud.scores", 7 * DAY_MS),
    Topic("fraud.shadow", 7 * DAY_MS),
    Topic("fraud.explanations", 7 * DAY_MS),
    Topic("fraud.labels", FOREVER_MS),         # analysts' decisions, which training needs for good
    Topic("ringwatch.deadletter", 30 * DAY_MS, 16_000_000),    # holds a whole record in base64
    Topic("ringwatch.reread", 30 * DAY_MS),    # keys that incremental snapshots named
)


def create_topics(
    bootstrap: str, partitions: int = 3, extra: Mapping[str, str] | None = None, replicas: int = 1
) -> list[str]:
    """Create the topics that are missing, and return their names; those that are there stay as they are.

    `extra` are librdkafka settings (TLS, credentials); `replicas` may be BROKER_S_DEFAULT.
    Raises StackError when the broker does not answer or refuses, KafkaException when `extra` can't be used.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0, **(extra or {})})
    new = [NewTopic(each.name, num_partitions=each.partitions or partitions, replication_factor=replicas,
                    config={"retention.ms": str(each.retention_ms),
                            "max.message.bytes": str(each.largest_bytes)}) for each in TOPICS]
    created = []
    for name, answer in admin.create_topics(new, operation_timeout=LIMIT_S, request_timeout=LIMIT_S).items():
        try:
            answer.result(timeout=LIMIT_S)
            created.append(name)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise StackError(f"Kafka at {bootstrap} did not create the topic {name}: {error.args[0].str()}; "
                                 "look at RINGWATCH_KAFKA_BOOTSTRAP (the local stack: "
                                 "ringwatch stack status)") from error
    return created
