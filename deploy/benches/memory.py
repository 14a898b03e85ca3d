"""How much memory a real ingest process takes while it works off a backlog."""

from __future__ import annotations

import time

import psutil  # type: ignore[import-untyped]  # it ships no types

from deploy import bootstrap
from deploy.config import Settings
from deploy.processes import Service, same_stack
from ingest.kafka import committed

LIMIT_S = 900.0


def peak_of_backlog(chosen: Settings, topic: str, rows: int) -> tuple[float, float]:
    """Peak resident memory in MB of `ringwatch ingest` taking `rows` records, and rows per second.

    Raises:
        ServiceFailed: it ended, or was not done in time.
    """
    environment = {**same_stack(chosen), "RINGWATCH_INGEST_PORT": "0"}
    group, peaks, reached = f"backlog-{time.time_ns()}", [0.0], [0.0, 0.0]
    log = chosen.state_dir / "services" / "bench-ingest.log"
    service = Service("ingest", ["ingest", "--worker", "backlog", "--group", group], log, environment).start()
    process, at = psutil.Process(service.pid), bootstrap.connections(chosen).kafka_bootstrap

    def finished() -> bool:
        peaks.append(process.memory_info().rss / 1e6)
        done = committed(at, group, topic)
        if done and not reached[0]:
            reached[0] = time.monotonic()
        reached[1] = time.monotonic()
        return done >= rows

    try:
        service.wait_until(finished, LIMIT_S, f"{rows} records")
    finally:
        service.stop()
    return max(peaks), rows / max(1e-9, reached[1] - reached[0])
