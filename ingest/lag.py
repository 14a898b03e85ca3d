"""How far behind each partition is, in records and in seconds. The clock (wall, seconds) is the caller's."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ingest.listener import Place


class _Share(msgspec.Struct):
    heard_s: float  # when it was first told of
    behind: int = 0
    even_s: float = 0.0  # when it last held nothing more
    captured_s: float = 0.0  # when the connector saw the newest change that is in the graph


class Lag:
    """What is known of each assigned partition. Not safe for several threads: its owner holds a lock."""

    def __init__(self) -> None:
        self._shares: dict[Place, _Share] = {}

    def told(self, behind: Mapping[Place, int], now_s: float) -> set[Place]:
        """How many records each assigned partition still holds. Returns those that are ours no more."""
        lost = self._shares.keys() - behind.keys()
        for place in lost:
            del self._shares[place]
        for place, records in behind.items():
            share = self._shares.setdefault(place, _Share(now_s))
            share.behind = records
            if not records:
                share.even_s = now_s
        return set(lost)

    def wrote(self, place: Place, captured_s: float) -> None:
        """A change that the connector saw then is in the graph. Of partitions never told of nothing is kept."""
        if (share := self._shares.get(place)) is not None:
            share.captured_s = max(share.captured_s, captured_s)

    def records(self) -> dict[Place, int]:
        """Records behind, by partition."""
        return {place: share.behind for place, share in self._shares.items()}

    def seconds(self, now_s: float) -> dict[Place, float]:
        """Seconds behind, by partition: 0 where nothing more is held, else the age of what was written last.

        A partition that slept for hours is not hours behind when it wakes up: the time it was last even
        counts if it is later.
        """
        return {
            place: max(0.0, now_s - (max(share.captured_s, share.even_s) or share.heard_s)) if share.behind else 0.0
            for place, share in self._shares.items()
        }
