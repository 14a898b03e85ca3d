"""A key whose row and graph looked different, until that is settled."""

from __future__ import annotations

import msgspec

from graph.current import Name
from graph.difference import Difference, Found, shown
from graph.source import SourceRow, content, digest

AGAIN = 2  # looks behind the first, each behind ingest: that a row was another one each time in between is no accident


class Confirmed(msgspec.Struct, frozen=True):
    """What differs under one key, while its row was as `digest` and `content` say (`graph.source`)."""

    digest: bytes
    content: bytes
    found: Found
    reason: str = ""  # why the mapping refuses the row

    @classmethod
    def of(cls, row: SourceRow | None, found: Found, reason: str = "") -> Confirmed:
        """What differs while this is the row."""
        return cls(digest(row), content(row), found, reason)

    def told(self, table: str, key: str) -> list[Difference]:
        """As it is told."""
        refused = Difference(table, key, "refused", "row", f"{table}:{key}", reason=self.reason)
        rest = [shown(table, key, name, what, fields) for name, (what, fields) in sorted(self.found.items())]
        return [refused, *rest] if self.reason else rest


class Suspect(msgspec.Struct):
    """`seen`: how it looked last; None where its row was not read yet. `told`: differences that have been mended, to
    be looked at again. `strays`: what stands under names that no row of this key gives. `strays_only`: the key was
    compared whole already.
    """

    seen: Confirmed | None = None
    strays: set[Name] = set()
    told: list[Difference] = []
    strays_only: bool = False
    again: int = 0  # how often it looked the same though its row was written in between

    def of(self, confirmed: Confirmed) -> Confirmed | None:
        """What is suspected of it."""
        if not self.strays_only:
            return confirmed
        found = {name: each for name, each in confirmed.found.items() if name in self.strays}
        return msgspec.structs.replace(confirmed, found=found, reason="") if found else None

    def stands(self, now: Confirmed) -> bool:
        """Whether it differs while its row is the same: not written since, or else the same AGAIN times over (some
        column that is not mapped may change all the time).
        """
        before, self.seen = self.seen, now
        if before is None:
            return False
        same = (before.content, before.found) == (now.content, now.found)
        self.again = self.again + 1 if same else 0
        return before.digest == now.digest or self.again >= AGAIN

    def mended(self, each: Confirmed, told: list[Difference]) -> Suspect:
        """To be looked at once more: `told` was mended, or nothing was, since its row had changed."""
        seen, again = (each, AGAIN - 1) if told else (None, 0)
        return msgspec.structs.replace(self, seen=seen, told=told, again=again)
