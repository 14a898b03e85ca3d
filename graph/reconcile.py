"""Compares the source tables with the graph while both are live, and has what differs mended.

Two passes over each table, both in pages, so memory does not grow with it: along the table's key (what
is missing or differs), then along the graph's index (what stands there without a row). What looks
different is a suspect only. It counts if it is still there after ingest has passed a place in the log
taken later than the row was read, and the row is the same before and after.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol

import msgspec

from graph.current import LABELS, NODE, Asked, Fact, Facts, GraphReader, Name, facts_of, names_of
from graph.difference import Difference, Forgets, Found, compare
from graph.mapping import Mapping
from graph.mapping_file import TableRule
from graph.mender import Mender
from graph.model import table_of
from graph.source import Mark, SourceReader, SourceRow
from graph.standing import Standing
from graph.suspect import Confirmed, Suspect
from ingest.events import Change, Halt, Op, Position, Reject

ROUNDS = 5  # a row that changes each time it is looked at is left to ingest
NOWHERE = Position("verify", 0, False, 0, 0)


class Ingest(Protocol):
    """How far the stream has come."""

    def wait(self, mark: Mark) -> None:
        """Return once everything committed before the mark is in the graph.

        Raises:
            Transient: it is not within the time allowed; says what is behind.
        """
        ...


class Options(msgspec.Struct, frozen=True):
    """`chunk` rows are compared at a time; so many `suspects` are kept before they are looked at again. A run that
    mends looks at so many `marks`, about 20 MB; a mapping that refuses everything leaves more.
    """

    chunk: int = 2_000
    suspects: int = 20_000
    marks: int = 100_000


class Tally(msgspec.Struct):
    """What one table came to. `unsettled`: keys not compared, since their rows changed whenever looked at.
    `unmarked`: rows that are no longer marked incomplete.
    """

    table: str
    rows: int = 0
    nodes: int = 0
    edges: int = 0
    labels: int = 0
    missing: int = 0
    extra: int = 0
    differing: int = 0
    refused: int = 0
    mended: int = 0
    unsettled: int = 0
    unmarked: int = 0
    seconds: float = 0.0

    @property
    def left(self) -> int:
        """Differences that are still there."""
        return self.missing + self.extra + self.differing + self.refused - self.mended


class Reconciler:
    """One run of `ringwatch graph verify` or `graph reread`."""

    def __init__(
        self, mapping: Mapping, source: SourceReader, graph: GraphReader, ingest: Ingest, options: Options | None = None
    ) -> None:
        """Give `mender` to have differences mended; `on_difference` is told each one, `on_progress` the tallies."""
        self.tallies: dict[str, Tally] = {}
        self.mender: Mender | None = None
        self.on_difference: Callable[[Difference], None] = lambda _: None
        self.on_progress: Callable[[Tally], None] = lambda _: None
        self._mapping, self._source, self._graph, self._ingest = mapping, source, graph, ingest
        self._options = options or Options()
        self._windowed = frozenset(mapping.schema.windowed)
        self._suspects: dict[tuple[str, str], Suspect] = {}

    # -- what is looked at --------------------------------------------------------------------

    def verify(self, tables: Sequence[str]) -> list[Tally]:
        """Compare these tables whole.

        Raises:
            Transient: a server did not answer, or ingest did not come along.
        """
        for table in tables:  # one that can't be read is said before hours have gone into the others
            self._source.present(table, [])
        for table in tables:
            tally, started = self._tally(table), time.monotonic()
            self._forward(table, tally)
            self._backward(table)
            tally.seconds += time.monotonic() - started
        self._look_at_marked(tables)
        self.settle()
        return [self._tally(table) for table in tables]

    def reread(self, table: str, keys: Iterable[str]) -> None:
        """Compare the rows of these keys (`graph.columns.key_text`); end with `settle`."""
        for some in _batches(keys, self._options.chunk):
            for key in some:
                self._suspect(table, key)
            self._tally(table).rows += len(some)
            self._settle_when_many()

    def _forward(self, table: str, tally: Tally) -> None:
        after = ""
        while rows := self._source.chunk(table, after, self._options.chunk):
            after = rows[-1].key
            held = self._graph.held(table, Asked.of(self._names(table, (row.key for row in rows))))
            for key, confirmed in self._differing(table, {row.key: row for row in rows}, held, {}, tally):
                self._suspects[table, key] = Suspect(confirmed)
            tally.rows += len(rows)
            self.on_progress(tally)
            self._settle_when_many()
            if len(rows) < self._options.chunk:
                break

    def _backward(self, table: str) -> None:
        standing = Standing(table, self._mapping, self._source, self._graph, self._options.chunk)
        for page in standing.pages():
            for key, stray in page:
                suspect = self._suspect(table, key, strays_only=stray is not None)
                suspect.strays |= {stray} if stray else set()
            self.on_progress(self._tally(table))
            self._settle_when_many()

    def _look_at_marked(self, tables: Collection[str]) -> None:
        """A row that is marked and equals its source was no suspect so far."""
        for row in self.mender.marked(self._options.marks) if self.mender is not None else ():
            table, _, key = row.partition(":")
            if table in tables:
                self._suspect(table, key)
                self._settle_when_many()

    def _suspect(self, table: str, key: str, strays_only: bool = False) -> Suspect:
        suspect = self._suspects.setdefault((table, key), Suspect(strays_only=strays_only))
        suspect.strays_only = suspect.strays_only and strays_only
        return suspect

    # -- one page -----------------------------------------------------------------------------

    def _names(self, table: str, keys: Iterable[str]) -> Iterator[Name]:
        rule = self._rule(table)
        for key in keys:
            yield from names_of(rule, table, key)

    def _differing(
        self, table: str, rows: dict[str, SourceRow | None], held: Facts, strays: dict[str, set[Name]],
        tally: Tally | None = None,
    ) -> Iterator[tuple[str, Confirmed]]:  # fmt: skip
        """The keys whose rows and facts differ. A `tally` is told what was compared."""
        forgets: Forgets | None = None
        for key, row in rows.items():
            names = {*self._names(table, [key]), *strays.get(key, ())}
            mine = {name: held[name] for name in names if name in held}
            try:
                wanted = {} if row is None else self._wanted(table, row)
            except (Reject, Halt) as reason:
                extra: Found = {name: ("extra", ()) for name in strays.get(key, ()) if name in held}
                yield key, Confirmed.of(row, extra, str(reason))
                continue
            if tally is not None:
                _count(tally, wanted)
            if wanted != mine:
                forgets = forgets or self._forgets(table)
                if found := compare(wanted, mine, forgets):
                    yield key, Confirmed.of(row, found)

    def _wanted(self, table: str, row: SourceRow) -> Facts:
        key = {name: row.row.get(name) for name in self._rule(table).key}
        change = Change(table, key, Op.READ, None, row.row, NOWHERE, 0)
        return facts_of(self._mapping.plan(change, whole=True).upserts)

    # -- suspects -----------------------------------------------------------------------------

    def settle(self) -> None:
        """Look at the suspects again, behind ingest, until each is cleared, told, mended or left to ingest.

        Raises:
            Transient: a server did not answer, or ingest did not come along.
        """
        for _ in range(ROUNDS):
            if not self._suspects:
                return
            if self.mender is not None:
                self.mender.note([f"{table}:{key}" for table, key in self._suspects])
            self._ingest.wait(self._source.mark())
            suspects, self._suspects = self._suspects, {}
            for table in dict.fromkeys(table for table, _ in suspects):
                mine = {key: suspect for (at, key), suspect in suspects.items() if at == table}
                for keys in _batches(mine, self._options.chunk):
                    self._settle_page(table, {key: mine[key] for key in keys})
        for (table, _), suspect in self._suspects.items():
            self._tally(table).unsettled += not suspect.told
            self._tell(table, suspect.told, mended=True)  # it was, and the stream has gone on over it
        self._suspects = {}

    def _settle_when_many(self) -> None:
        if len(self._suspects) >= self._options.suspects:
            self.settle()

    def _settle_page(self, table: str, suspects: dict[str, Suspect]) -> None:
        differing = self._looked_at(table, suspects)
        if self.mender is not None:
            whole = [f"{table}:{key}" for key in suspects if key not in differing]
            self._tally(table).unmarked += self.mender.unmark(whole)
        found = {key: mine for key, each in differing.items() if (mine := suspects[key].of(each)) is not None}
        confirmed: dict[str, Confirmed] = {}
        for key, suspect in suspects.items():
            if key not in found:
                self._tell(table, suspect.told, mended=True)
            elif not suspect.stands(found[key]):
                self._suspects[table, key] = suspect
            elif suspect.told or found[key].reason or self.mender is None:
                self._tell(table, found[key].told(table, key), mended=False)
            else:
                confirmed[key] = found[key]
        if confirmed and self.mender is not None:
            written = self.mender.mend(table, confirmed)
            for key, each in confirmed.items():
                told = each.told(table, key) if key in written else []
                self._suspects[table, key] = suspects[key].mended(each, told)

    def _looked_at(self, table: str, suspects: dict[str, Suspect]) -> dict[str, Confirmed]:
        """Those that differ."""
        strays = {key: suspect.strays for key, suspect in suspects.items()}
        names = [*self._names(table, suspects), *(name for some in strays.values() for name in some)]
        held = self._graph.held(table, Asked.of(dict.fromkeys(names)))
        read = self._source.rows(table, list(suspects))  # behind the graph: a row that is as it was, was so then
        return dict(self._differing(table, {key: read.get(key) for key in suspects}, held, strays))

    def _tell(self, table: str, differences: list[Difference], mended: bool) -> None:
        tally = self._tally(table)
        for each in differences:
            setattr(tally, each.what, getattr(tally, each.what) + 1)
            tally.mended += mended
            self.on_difference(msgspec.structs.replace(each, mended=mended))

    def _tally(self, table: str) -> Tally:
        return self.tallies.setdefault(table, Tally(table))

    def _forgets(self, table: str) -> Forgets:
        """Retention takes edges of windowed tables, and their labels. Asked behind what was held: the horizon moves."""
        before_ms = self._graph.horizon_ms()

        def forgets(name: Name, fact: Fact) -> bool:
            if before_ms is None or fact.at_ms is None or fact.at_ms >= before_ms:
                return False
            return (table_of(str(fact.value["event"])) if name[0] == LABELS else table) in self._windowed

        return forgets

    def _rule(self, table: str) -> TableRule:
        return self._mapping.file.tables[table]


def _count(tally: Tally, wanted: Facts) -> None:
    for kind, _ in wanted:
        if kind == NODE:
            tally.nodes += 1
        elif kind == LABELS:
            tally.labels += 1
        else:
            tally.edges += 1


def _batches(keys: Iterable[str], size: int) -> Iterator[list[str]]:
    rest = iter(keys)
    while some := list(islice(rest, size)):
        yield some
