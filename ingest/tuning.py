"""How the interpreter serves an ingest process best: two threads, many short-lived values, no cycles."""

from __future__ import annotations

import gc
import sys

SWITCH_S = 0.0005  # by default the writer waits 5 ms, a dozen times a batch, for the reader to let go
YOUNG = 50_000  # values made between two looks for cycles; by default 700, which is 30 changes


def tune() -> None:
    """Of this process, for good. What exists now is taken for permanent, so call it once everything is set up."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 20)
    sys.setswitchinterval(SWITCH_S)
