"""How the interpreter serves a process best that streams: a few threads, many short-lived values, hardly a cycle."""

from __future__ import annotations

import gc
import sys

SWITCH_S = 0.0005  # by default a thread waits 5 ms, a dozen times a batch, for another to let go
YOUNG = 50_000  # values made between two looks for cycles; by default 700, which is 30 changes


def tune() -> None:
    """Of this process, for good. What exists now is taken for permanent, so call it once everything is set up: the
    collector then leaves it alone, which in a scorer took a third of a second each time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 20)
    sys.setswitchinterval(SWITCH_S)
