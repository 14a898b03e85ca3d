"""Moves the retention horizon and sweeps what lies behind it, beside an ingest process and out of its way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from graph.model import Horizon
from graph.retention import Chunk, Retention
from graph.store import GraphStore
from graph.wire import everywhere
from ingest.events import IngestError
from ingest.records import Publisher

log = structlog.get_logger("retention")

TICK_S = 1.0
PAUSE = 1.0  # times as long as the chunk took: at most half of the time is the sweep's


class Sweeper(threading.Thread):
    """One in a group works, the others stand by; two at once would do no harm, only the same twice."""

    def __init__(
        self,
        store: GraphStore,
        publisher: Publisher,
        retention: Retention,
        newest_ms: Callable[[], int],
        leader: Callable[[], bool],
    ) -> None:
        """`newest_ms` is the newest commit of the bank this process has seen, `leader` whether it is the one."""
        super().__init__(name="sweeper", daemon=True)
        self.stopping = threading.Event()
        self.swept = 0
        self._store, self._publisher, self._retention = store, publisher, retention
        self._newest_ms, self._leader = newest_ms, leader
        self._chunk = Chunk()

    def run(self) -> None:
        """Until `stopping` is set. What fails is tried again: nothing depends on when."""
        while not self.stopping.wait(TICK_S):
            try:
                self.step(time.monotonic())
            except Exception as error:  # ingest must not end for it, and a minute later it may go
                log.warning("retention waits", error=repr(error)[:300], known=isinstance(error, IngestError))
                self._retention.undo(time.monotonic())

    def step(self, now_s: float) -> None:
        """Move the horizon if it is time, and sweep if it is worth it.

        Raises:
            Transient: store or broker did not answer.
        """
        if not self._leader():
            return
        horizon = self._retention.next(self._newest_ms(), int(time.time() * 1000), now_s)
        if horizon is not None:
            self._store.apply([horizon])
            self._publisher.publish([everywhere(horizon)])
            if self._retention.due:
                self._sweep(horizon)

    def _sweep(self, horizon: Horizon) -> None:
        """One pass, in chunks with pauses."""
        started, before = time.perf_counter(), self.swept
        while not self.stopping.is_set():
            began = time.perf_counter()
            count = self._store.sweep(self._chunk.size)
            took_s = time.perf_counter() - began
            if not count:
                self._retention.swept()
                break
            self.swept += count
            self._chunk.took(took_s)
            self.stopping.wait(took_s * PAUSE)
        if self.swept > before:
            seconds = round(time.perf_counter() - started, 1)
            log.info("swept", removed=self.swept - before, before_ms=horizon.before_ms, seconds=seconds)
