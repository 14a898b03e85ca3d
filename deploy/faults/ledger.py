"""What was played and how it ended, one JSON object a line: a run that was interrupted goes on behind it."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from scoring.disk import append_synced


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """How one fault ended.

    Attributes:
        fault: its name.
        time: which time this was, from 1; the random draws follow from both.
        lost, duplicated: how many differences of each kind (`deploy.faults.check`).
        recover_s: seconds from the beginning of the mending (a server's start, say) until the graph held all that was
            committed before its end, and one commit behind it; None: not in time.
        held_s: how long the fault lasted.
        behind: events committed, not in the graph at the moment of the mending; None: Neo4j did not answer.
        state: what `ringwatch stack status` said of the server meanwhile.
        how: what a full disk was made of.
        failed: why it could not be played to its end; "" when it was.
        examples: some of the differences.
    """

    fault: str
    time: int
    lost: int = 0
    duplicated: int = 0
    recover_s: float | None = None
    held_s: float = 0.0
    behind: int | None = None
    state: str = ""
    how: str = ""
    failed: str = ""
    examples: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Nothing lost, nothing twice, and caught up in time."""
        return not (self.lost or self.duplicated or self.failed) and self.recover_s is not None


class Ledger:
    """The outcomes so far, in a file."""

    def __init__(self, path: Path) -> None:
        """The file may be there already; its folder is made. Half a last line, of a run that was killed, is dropped."""
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.outcomes: list[Outcome] = []
        if path.exists():
            self._read()

    def _read(self) -> None:
        whole = 0
        for line in self._path.read_bytes().splitlines(keepends=True):
            try:
                self.outcomes.append(msgspec.json.decode(line, type=Outcome))
            except msgspec.DecodeError:
                break
            whole += len(line)
        os.truncate(self._path, whole)

    def played(self, fault: str, time: int) -> bool:
        """Whether that time of it is among them."""
        return any((outcome.fault, outcome.time) == (fault, time) for outcome in self.outcomes)

    def add(self, outcome: Outcome) -> None:
        """Keep it, on the disk."""
        append_synced(self._path, msgspec.json.encode(outcome) + b"\n")
        self.outcomes.append(outcome)

    def clear(self) -> None:
        """Forget everything."""
        self._path.unlink(missing_ok=True)
        self.outcomes.clear()
