"""Differences on disk: there may be as many as rows, and memory is bounded."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

import msgspec

from graph.difference import Difference


class Spool:
    """A list that grows in a temporary file, in the order of its lines."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this object, see close
        self.count = 0

    def add(self, difference: Difference) -> None:
        """One more."""
        self._file.write(msgspec.json.encode(difference) + b"\n")
        self.count += 1

    def __iter__(self) -> Iterator[Difference]:
        """All of them, from the first."""
        self._file.seek(0)
        for line in self._file:
            yield msgspec.json.decode(line, type=Difference)
        self._file.seek(0, 2)

    def close(self) -> None:
        """The file is gone."""
        self._file.close()
