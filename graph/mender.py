"""What a comparison asks of whoever mends what it finds (`graph.repair`)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol

from graph.suspect import Confirmed


class Mender(Protocol):
    """Feeds keys again, and takes the marks off rows (`table:key`) that waited for a record that was refused."""

    def mend(self, table: str, keys: dict[str, Confirmed]) -> set[str]:
        """Write what differs; returns the keys it did that for. The others' rows have changed meanwhile.

        Raises:
            Transient: a server did not answer, for longer than is patient.
        """
        ...

    def marked(self, most: int) -> Collection[str]:
        """Rows that are marked; at most so many.

        Raises:
            Transient: no answer.
        """
        ...

    def note(self, rows: Collection[str]) -> None:
        """Find out, before ingest is waited for, what would take the marks off these rows: what is refused later may
        not be in what is compared behind the wait.

        Raises:
            Transient: no answer.
        """
        ...

    def unmark(self, rows: Iterable[str]) -> int:
        """Take the marks off these, as noted: each was found to equal its source. Returns how many had one.

        Raises:
            Transient: as for `mend`.
        """
        ...
