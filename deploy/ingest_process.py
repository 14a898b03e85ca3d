"""What stands around the worker of an ingest process: its metrics, its health, and the server that shows both."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from deploy.config import PREFIX, Settings
from deploy.probes import Probes
from deploy.web import PortTaken, listen
from ingest.health import Health
from ingest.listener import Listener, Listeners
from ingest.metrics import Metrics

log = structlog.get_logger("ringwatch")


@contextmanager
def watched(chosen: Settings) -> Iterator[Listener]:
    """The listener to give to the worker. Entered before the first wait for a server, so that a process that
    waits is seen to be alive.

    Raises:
        PortTaken: the port that was asked for can't be had; nothing was read.
    """
    metrics, health = Metrics(), Health()
    taken = _port(chosen)
    probes = Probes(taken, health.report, metrics.registry) if taken else None
    if probes:
        log.info("health and metrics are up", url=probes.url)
    try:
        yield Listeners(metrics, health)
    finally:
        if probes:
            probes.close()


def _port(chosen: Settings) -> socket.socket | None:
    """The port asked for. The one nobody asked for gives way: a second worker on one machine still works."""
    if chosen.ingest_port == 0:
        return None
    try:
        return listen(chosen.ingest_host, chosen.ingest_port, f"{PREFIX}INGEST_")
    except PortTaken as error:
        if {"ingest_port", "ingest_host"} & chosen.model_fields_set:
            raise
        log.warning(f"no health or metrics of this process: {error}; {PREFIX}INGEST_PORT=0 turns them off")
        return None
