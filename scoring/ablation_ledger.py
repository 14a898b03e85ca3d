"""What an ablation has finished, one JSON object a line; each variant's outcome lies beside it as an .npz.

A run that was interrupted goes on behind it: half a last line is dropped, and its variant is run once more.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from scoring.disk import append_synced
from scoring.outcome import Outcome, OutcomeError, load


class Finished(msgspec.Struct, frozen=True):
    """A variant that was trained and tested.

    Attributes:
        variant: its name.
        recipe: what it was made with (data, settings, code), as one text: a line of another recipe is passed over.
        file: its outcome, beside the ledger.
        took_s: how long it took.
    """

    variant: str
    recipe: str
    file: str
    took_s: float


class Ledger:
    """The finished variants of one recipe."""

    def __init__(self, path: Path, recipe: str) -> None:
        """The file may be there already; what is broken in it is passed over."""
        self.path, self.recipe = path, recipe
        self.finished: dict[str, Finished] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            self._read()

    def _read(self) -> None:
        content = self.path.read_bytes()
        if content and not content.endswith(b"\n"):
            with self.path.open("ab") as file:  # half a line, of a run that was killed: what comes next stands alone
                file.write(b"\n")
        for line in content.splitlines():
            try:
                found = msgspec.json.decode(line, type=Finished)
            except msgspec.DecodeError:
                continue
            if found.recipe == self.recipe and (self.path.parent / found.file).exists():
                self.finished[found.variant] = found

    def add(self, variant: str, outcome: Outcome, took_s: float) -> None:
        """Keep a variant's outcome, on the disk, and only then its line."""
        name = re.sub(r"[^A-Za-z0-9.-]+", "-", f"{self.path.stem}-{variant}")
        told = hashlib.sha256(f"{self.recipe}\0{variant}".encode()).hexdigest()[:8]  # apart from other recipes'
        found = Finished(variant, self.recipe, f"{name}-{told}.npz", round(took_s, 3))
        outcome.save(self.path.parent / found.file)
        append_synced(self.path, msgspec.json.encode(found) + b"\n")
        self.finished[variant] = found

    def outcome(self, variant: str) -> Outcome:
        """What a finished variant said.

        Raises:
            OutcomeError: it is not finished, or its file is damaged.
        """
        if variant not in self.finished:
            raise OutcomeError(f"{self.path}: {variant!r} is not finished; run the ablation again, it goes on there")
        return load(self.path.parent / self.finished[variant].file)


@dataclass(frozen=True, slots=True)
class Limits:
    """When to stop: seconds in all (None: never), and the clock that tells them."""

    limit_s: float | None = None
    clock: Callable[[], float] = time.monotonic


def run(
    variants: Sequence[str], make: Callable[[str], Outcome], ledger: Ledger, limits: Limits | None = None
) -> list[str]:
    """Make the variants that are not finished, in order, as long as another one fits in the time.

    The next is thought to take as long as the longest so far; the first is begun in any case.

    Returns:
        What was left out for want of time.
    """
    given = limits or Limits()
    began_s = given.clock()
    left = [variant for variant in variants if variant not in ledger.finished]
    while left:
        started_s = given.clock()
        longest_s = max((each.took_s for each in ledger.finished.values()), default=0.0)
        if given.limit_s is not None and ledger.finished and started_s - began_s + longest_s > given.limit_s:
            break
        outcome = make(left[0])
        ledger.add(left.pop(0), outcome, given.clock() - started_s)
    return left
