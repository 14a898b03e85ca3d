"""A topic of the bank's for one bench; Kafka Connect, which makes the real ones, has no part in it."""

from __future__ import annotations

import time

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

MADE_S = 30.0


def bank_topic(bootstrap: str, kind: str, partitions: int = 3) -> str:
    """Make a new topic of the demo bank's transfers; returns its name, which no run before had."""
    name = f"bank.{kind}{time.time_ns()}.transfers"
    admin = AdminClient({"bootstrap.servers": bootstrap})  # must outlive the wait for what it was asked
    admin.create_topics([NewTopic(name, partitions, 1)])[name].result(MADE_S)
    return name
