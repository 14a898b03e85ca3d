"""What `mapping check` and `mapping preview` say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from graph.flat import first
from graph.flat_files import FlatError, header, paths
from graph.known_tables import Tables
from graph.mapping import Mapping
from graph.mapping_file import MappingError, MappingFile, listed, read_lines
from graph.mapping_fit import Finding, findings
from graph.mapping_lacks import lacks
from graph.model import EdgeUpsert, LabelUpsert, NodeUpsert, Upsert

ROWS = 1_000  # of each file that are tried
SHOWN = 3  # refused rows that are named


def against_database(path: Path, mapping: MappingFile, known: Tables) -> list[str]:
    """Hints, each a line.

    Raises:
        MappingError: it does not fit; each problem a line.
    """
    return _told(path, findings(mapping, known))


def against_files(path: Path, mapping: Mapping, folder: Path) -> list[str]:
    """The same against a folder's flat files: their columns, and what their first rows become.

    Raises:
        MappingError: a file lacks a column, or no row of it fits.
        FlatError: a file can't be read.
    """
    found: list[Finding] = []
    tried: list[Finding] = []
    for name, rule in mapping.file.tables.items():
        if rule.file is None:
            found.append(Finding(("tables", name), "has no `file`, so it is not read from files", hint=True))
            continue
        columns = [header(rule.file, each) for each in paths(rule.file, folder)]
        missing = [Finding(("tables", name, *loc), said) for loc, said in lacks(rule, columns)]
        found += missing
        tried += [] if missing or found else _tried(mapping, name, folder)
    return _told(path, [*found, *tried])


def _tried(mapping: Mapping, name: str, folder: Path) -> Iterator[Finding]:
    fit, unfit = first(mapping, name, folder, ROWS)
    for refused in unfit[:SHOWN]:
        yield Finding(("tables", name), f"refuses {refused}", hint=bool(fit))
    if len(unfit) > SHOWN:
        said = f"refuses {len(unfit):,} of the first {len(fit) + len(unfit):,} rows"
        yield Finding(("tables", name), said, hint=bool(fit))


def _told(path: Path, found: Sequence[Finding]) -> list[str]:
    lines = read_lines(path)
    if problems := [(finding.loc, finding.said) for finding in found if not finding.hint]:
        raise MappingError(listed(path, lines, problems))
    hints = [(finding.loc, finding.said) for finding in found]
    return listed(path, lines, hints).splitlines()


def summary(path: Path, mapping: Mapping) -> str:
    """One line about a mapping that is good."""
    relations = ", ".join(f"{r.name} ({r.source} → {r.target})" for r in mapping.relations)
    return f"{path}: {len(mapping.file.tables)} tables; nodes {', '.join(mapping.labels)}; relations {relations}"


def previewed(mapping: Mapping, folder: Path, rows: int) -> Iterator[str]:
    """A line for each row, and one for each thing it becomes.

    Raises:
        FlatError: a file can't be read, or no table names one.
    """
    named = [name for name, rule in mapping.file.tables.items() if rule.file is not None]
    if not named:
        raise FlatError("no table of the mapping names a `file`; give one, or check it against --database")
    for name in named:
        fit, unfit = first(mapping, name, folder, rows)
        for row, plan in fit:
            yield f"{row.place}"
            yield from (f"  {_shown(upsert)}" for upsert in plan.upserts)
            yield from (f"  event {event.id} ({event.kind})" for event in plan.events)
        for refused in unfit:
            yield f"{refused}"


def _shown(upsert: Upsert) -> str:
    match upsert:
        case NodeUpsert():
            return f"node  {upsert.key} {upsert.properties or ''}"
        case EdgeUpsert():
            return f"edge  {upsert.src} -{upsert.relation}-> {upsert.dst} at {upsert.time_ms} {upsert.attributes or ''}"
        case LabelUpsert():
            said = "fraud" if upsert.fraud else "legit"
            return f"label {upsert.event} is {said}, known at {upsert.known_ms}"
        case _:
            return str(upsert)
