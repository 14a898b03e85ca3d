"""The rows of flat files: CSV (plain, gz, zip) and Parquet, one at a time, each with its place.

CSV is read by Python's csv module: it knows the line a row began on, and a row that is no row stops
nothing. Parquet is read by pyarrow, a batch at a time.
"""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from graph.mapping_rules import FileRule
from ingest.events import IngestError

BATCH = 4_096  # Parquet rows held at a time
EXACT_BELOW = 2**53  # a binary number holds every whole number up to here
UTF8 = ("utf-8", "utf8")


class FlatError(IngestError):
    """A flat file can't be read at all. Says which, where, and the mend."""


class Line(msgspec.Struct, frozen=True):
    """A row as it is in the file: its number from 1, its place for messages, its cells or why it has none."""

    number: int
    place: str
    cells: tuple[Any, ...] | None
    problem: str = ""


def paths(rule: FileRule, folder: Path) -> list[Path]:
    """The files of a table, in the order of their names.

    Raises:
        FlatError: there is none.
    """
    found = sorted(path for path in folder.glob(rule.path) if path.is_file())
    if not found:
        raise FlatError(f"{folder / rule.path}: no such file; name the folder that holds it, or mend `path`")
    return found


def header(rule: FileRule, path: Path) -> list[str]:
    """The columns of one file, as the mapping calls them.

    Raises:
        FlatError: it can't be read, or has no usable header.
    """
    if _parquet(rule, path):
        names = [str(name) for name in _opened_parquet(path).schema_arrow.names]
    else:
        with _text(rule, path) as text:
            names = _names(rule, path, _reader(rule, text))
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise FlatError(f"{path}:1: the columns {', '.join(twice)} are there twice; name all by `columns`")
    return names


def lines(rule: FileRule, folder: Path, wanted: Sequence[str]) -> Iterator[Line]:
    """Each row's `wanted` cells, in the files' order, numbered through all files of the table.

    Raises:
        FlatError: a file can't be read, or lacks a wanted column.
    """
    number = 0
    for path in paths(rule, folder):
        lacking = [name for name in wanted if name not in (names := header(rule, path))]
        if lacking:
            raise FlatError(
                f"{path}: has no column {', '.join(map(repr, lacking))} (it has {', '.join(names)}); "
                "mend the mapping, or name what the file lacks under `add` or `lookup`"
            )
        read = _parquet_lines(path, wanted) if _parquet(rule, path) else _csv_lines(rule, path, names, wanted)
        for line in read:
            number += 1
            yield msgspec.structs.replace(line, number=number)


def _parquet(rule: FileRule, path: Path) -> bool:
    return (rule.format or ("parquet" if path.suffix in (".parquet", ".pq") else "csv")) == "parquet"


# -- CSV --------------------------------------------------------------------------------------


def _csv_lines(rule: FileRule, path: Path, names: list[str], wanted: Sequence[str]) -> Iterator[Line]:
    at, null = [names.index(name) for name in wanted], frozenset(rule.null)
    with _text(rule, path) as text:
        reader = _reader(rule, text)
        if rule.header:
            next(reader)
        while True:
            place = f"{path}:{reader.line_num + 1}"
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Line(0, place, None, f"is no row: {error}; is a quote not closed?")
                continue
            if problem := _problem(cells, names, rule.encoding):
                yield Line(0, place, None, problem)
            elif cells:
                yield Line(0, place, tuple(None if cells[i] in null else cells[i] for i in at))


def _problem(cells: list[str], names: list[str], encoding: str) -> str:
    if cells and len(cells) != len(names):
        return f"has {len(cells)} cells, expected {len(names)} ({', '.join(names)})"
    if any("\udc80" <= c <= "\udcff" for cell in cells if not cell.isascii() for c in cell):
        return f"is not {encoding} text; name the file's `encoding`"
    return ""


def _reader(rule: FileRule, text: IO[str]) -> Any:
    return csv.reader(text, delimiter=rule.delimiter, quotechar=rule.quote)


def _names(rule: FileRule, path: Path, reader: Iterator[list[str]]) -> list[str]:
    if not rule.header:
        return rule.columns
    try:
        first = next(reader)
    except (StopIteration, csv.Error) as error:
        raise FlatError(f"{path}:1: no header ({error or 'the file is empty'}); set header = false if so") from error
    if rule.columns and len(rule.columns) != len(first):
        raise FlatError(f"{path}:1: has {len(first)} columns, but `columns` names {len(rule.columns)}")
    return rule.columns or first


@contextmanager
def _text(rule: FileRule, path: Path) -> Iterator[IO[str]]:
    """The file as text, unpacked; bytes that are none become surrogates, which `_problem` finds."""
    encoding = "utf-8-sig" if rule.encoding.lower() in UTF8 else rule.encoding
    try:
        with _bytes(rule, path) as raw:
            yield io.TextIOWrapper(raw, encoding, errors="surrogateescape", newline="")
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, UnicodeError) as error:
        raise FlatError(f"{path}: can't be read to its end ({error}); fetch it again, or mend `file`") from error


@contextmanager
def _bytes(rule: FileRule, path: Path) -> Iterator[IO[bytes]]:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as packed, packed.open(_member(rule, path, packed.namelist())) as raw:
            yield raw
    else:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as raw:
            yield raw  # type: ignore[misc]  # GzipFile reads as IO[bytes] does


def _member(rule: FileRule, path: Path, names: list[str]) -> str:
    files = [name for name in names if not name.endswith("/")]
    if rule.member in files or (rule.member is None and len(files) == 1):
        return rule.member or files[0]
    raise FlatError(f"{path}: holds {', '.join(files) or 'nothing'}; name one as `member`")


# -- Parquet ----------------------------------------------------------------------------------


def _opened_parquet(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise FlatError(f"{path}: can't be read as Parquet ({error}); fetch it again, or mend `format`") from error


def _parquet_lines(path: Path, wanted: Sequence[str]) -> Iterator[Line]:
    row = 0
    try:
        for batch in _opened_parquet(path).iter_batches(BATCH, columns=list(wanted), use_threads=False):
            held = [_cells(batch.column(name)) for name in wanted]
            for cells in zip(*held, strict=True) if held else [()] * batch.num_rows:
                row += 1
                yield Line(0, f"{path}:{row}", tuple(cells))
    except (OSError, pa.ArrowException, ValueError, OverflowError) as error:  # the last two: a time of no calendar
        said = f"{path}: row {row + 1} and what follows can't be read ({error}); fetch it again, or mend its times"
        raise FlatError(said) from error


def _cells(column: pa.Array) -> list[Any]:
    """Python's times go to the microsecond; what is finer is cut off."""
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    return [_plain(cell) for cell in column.to_pylist()]


def _plain(cell: Any) -> Any:
    """As a database's connector gives it: exact numbers as text, not-a-number as NULL.

    A column of whole numbers with a gap is written as binary numbers; they are whole again.
    """
    if isinstance(cell, Decimal):
        return str(cell)
    if isinstance(cell, float):
        return None if cell != cell else int(cell) if cell.is_integer() and abs(cell) < EXACT_BELOW else cell
    return cell


def sample(rule: FileRule, folder: Path, names: Collection[str], rows: int) -> list[dict[str, Any]]:
    """The first rows that are rows, by column.

    Raises:
        FlatError: see `lines`.
    """
    wanted = list(names)
    found: list[dict[str, Any]] = []
    for line in lines(rule, folder, wanted):
        if line.cells is not None:
            found.append(dict(zip(wanted, line.cells, strict=True)))
        if len(found) == rows:
            break
    return found
