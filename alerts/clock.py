"""The wall clock."""

from __future__ import annotations

import time
from collections.abc import Callable

NowUs = Callable[[], int]


def now_us() -> int:
    """Microseconds since 1970 UTC."""
    return time.time_ns() // 1000
