"""A key whose row and graph looked different, until that is settled."""

from __future__ import annotations

import msgspec

from graph.current import Name
from graph.difference import Difference, Found, shown


class Confirmed(msgspec.Struct, frozen=True):
    """What differs under one key, while its row was as `digest` says."""

    digest: bytes
    found: Found
    reason: str = ""  # why the mapping refuses the row

    def told(self, table: str, key: str) -> list[Difference]:
        """As it is told."""
        if self.reason:
            return [Difference(table, key, "refused", "row", f"{table}:{key}", reason=self.reason)]
        return [shown(table, key, name, what, fields) for name, (what, fields) in sorted(self.found.items())]


class Suspect(msgspec.Struct):
    """`digest` None: the row was not read yet. `told`: differences that have been mended, to be looked at again.

    `strays`: what stands under names that no row of this key gives. `strays_only`: the key was compared whole already.
    """

    digest: bytes | None
    strays: set[Name]
    told: list[Difference] = []
    strays_only: bool = False

    def of(self, confirmed: Confirmed) -> Confirmed | None:
        """What is suspected of it."""
        if not self.strays_only:
            return confirmed
        found = {name: each for name, each in confirmed.found.items() if name in self.strays}
        return Confirmed(confirmed.digest, found) if found else None
