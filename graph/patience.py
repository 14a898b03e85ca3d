"""Trying again what a server may answer a moment later."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from ingest.events import Transient

T = TypeVar("T")


def patiently(action: Callable[[], T], waits_s: Iterable[float]) -> T:
    """What the action returns; tried again after each of these waits.

    Raises:
        Transient: as the last try did, behind the last wait.
    """
    for wait_s in waits_s:
        try:
            return action()
        except Transient:
            time.sleep(wait_s)
    return action()
