"""A bank of any mapping in memory, its graph, and the comparison of the two."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from typing import Any

from graph.difference import Difference
from graph.mapping import Mapping
from graph.mapping_checks import cross_checks
from graph.mapping_file import MappingFile
from graph.mirror import Mirror
from graph.mirror_current import DumpedCurrent
from graph.reconcile import Options, Reconciler
from graph.repair import Repairer
from graph.sink import GraphSink
from graph.source import Mark
from graph.source_memory import MemorySource
from ingest.events import Change
from ingest.records import Message


class Compared:
    """Tables, and a graph fed from them as far as `stream` is called. It is its own Ingest and Publisher."""

    def __init__(self, mapping: str, options: Options | None = None) -> None:
        file = MappingFile.model_validate(tomllib.loads(f'source = "bank"\n{mapping}'))
        assert not cross_checks(file)
        self.mapping = Mapping(file, b"0123456789abcdef")
        self.source, self.graph = MemorySource(file), Mirror(self.mapping.windowed)
        self.options = options or Options(chunk=100)
        self.messages: list[Message] = []

    def put(self, table: str, row: dict[str, Any]) -> Change:
        """A row that the graph does not hear of."""
        return self.source.put(table, row, 60_000)

    def stream(self, *changes: Change) -> None:
        """Into the graph."""
        for change in changes:
            self.graph.apply(self.mapping.plan(change).upserts)

    def wait(self, mark: Mark) -> None:
        """See Ingest: what is streamed is there at once."""

    def publish(self, messages: Sequence[Message]) -> None:
        """See Publisher."""
        self.messages += messages

    def verify(self, repair: bool = False) -> list[str]:
        """The lines of one run, sorted."""
        found: list[Difference] = []
        self.run = Reconciler(self.mapping, self.source, DumpedCurrent(self.graph), self, self.options)
        self.run.on_difference = found.append
        if repair:
            sink = GraphSink(self.mapping, self.graph, "verify")
            self.run.mender = Repairer(self.mapping, self.source, sink, self, lambda rows: [])
        self.run.verify(tuple(self.mapping.file.tables))
        return sorted(each.line for each in found)
