"""What a process of ours does at its edges: waits for the servers it needs, ends when it is told to."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType

import structlog

from ingest.events import Transient
from ingest.worker import BACKOFF_S

log = structlog.get_logger("ringwatch")


def patiently(check: Callable[[], None]) -> None:
    """A server may start after us: wait for it, saying so."""
    waits: Sequence[float] = (*BACKOFF_S, *([BACKOFF_S[-1]] * 60))
    for wait_s in waits:
        try:
            return check()
        except Transient as error:
            log.warning("not there yet, trying again", in_s=wait_s, error=str(error)[:200])
            threading.Event().wait(wait_s)
    return check()


def unwind_on_stop() -> None:
    """Let SIGTERM end what is running by way of its `finally`s: a command must not leave behind what it started."""
    signal.signal(signal.SIGTERM, lambda signum, _: sys.exit(128 + signum))


def on_stop(action: Callable[[], None]) -> None:
    """Finish what is in hand on the first signal, end at once on the second."""

    def stop(signum: int, frame: FrameType | None) -> None:
        signal.signal(signum, lambda *_: os._exit(130))
        action()

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, stop)
