"""How far the mirror is: the position below which nothing of the source is still on its way."""

from __future__ import annotations

SILENT_S = 30.0  # a worker not heard of for this long no longer holds the watermark back


class Watermarks:
    """The watermarks of each ingest worker in each partition of `graph.changes`."""

    def __init__(self, partitions: int) -> None:
        """A worker counts once every partition has brought its watermark."""
        self._partitions = partitions
        self._seen: dict[str, dict[int, str]] = {}
        self._heard_s: dict[str, float] = {}

    def put(self, worker: str, partition: int, pos: str, now_s: float) -> None:
        """A watermark arrived; an older one changes nothing."""
        seen = self._seen.setdefault(worker, {})
        seen[partition] = max(pos, seen.get(partition, ""))
        self._heard_s[worker] = now_s

    def through(self, now_s: float) -> str:
        """The slowest live worker's slowest partition; empty while unknown.

        A worker silent for SILENT_S is left out if another was heard since (its share was taken
        over); the last one heard always counts.
        """
        if not self._seen:
            return ""
        newest_s = max(self._heard_s.values())
        heard = list(self._heard_s.items())  # at once: another thread may add one
        live = [w for w, heard_s in heard if heard_s == newest_s or now_s - heard_s < SILENT_S]
        return min(self._of(worker) for worker in live)

    def silent_s(self, now_s: float) -> float | None:
        """Since the last worker was heard; None while none was."""
        return now_s - max(self._heard_s.values()) if self._heard_s else None

    def _of(self, worker: str) -> str:
        seen = self._seen[worker]
        return min(seen.values()) if len(seen) == self._partitions else ""
