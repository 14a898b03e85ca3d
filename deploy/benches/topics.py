"""Topics of the bank's for a bench; Kafka Connect, which makes the real ones, has no part in it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

ASK_S = 30.0
_OURS = re.compile(r"bank\.bench\d+\.transfers")


@contextmanager
def bank_topics(bootstrap: str) -> Iterator[Callable[[int], str]]:
    """Give what makes a new topic of the demo bank's transfers, of so many partitions, and returns its name.

    They are deleted in the end, and so are those of a run that was killed: every ingest process that starts
    would read them, as it reads all of the bank's.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap})

    def make(partitions: int) -> str:
        name = f"bank.bench{time.time_ns()}.transfers"
        admin.create_topics([NewTopic(name, partitions, 1)])[name].result(ASK_S)
        return name

    _delete(admin)
    try:
        yield make
    finally:
        _delete(admin)


def _delete(admin: AdminClient) -> None:
    found: Collection[str] = [name for name in admin.list_topics(timeout=ASK_S).topics if _OURS.fullmatch(name)]
    if found:
        for done in admin.delete_topics(list(found)).values():
            done.result(ASK_S)
