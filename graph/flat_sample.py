"""Flat files as known tables: their columns by header, what they hold guessed from their first rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from graph.flat_files import FlatError, header, sample
from graph.known_tables import Kind, KnownColumn, KnownTable, Tables
from graph.mapping_rules import FileRule

ROWS = 1_000
FILES = re.compile(r"\.(csv|tsv|asc)(\.gz)?$|\.(parquet|pq|zip)$")
DELIMITERS = (",", ";", "\t", "|")
FORMATS = (
    "%d-%m-%Y %H:%M", "%d-%m-%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%d-%m-%Y", "%d/%m/%Y",
    "%d.%m.%Y", "%m/%d/%Y", "%Y/%m/%d",
)  # fmt: skip
TIMELY = re.compile(r"time|date|_at$|^at$|since|day|issued|created", re.IGNORECASE)
WORDS = 12  # a column of more values than these is none of words


def tables_of(folder: Path) -> tuple[Tables, list[str]]:
    """Each readable file of the folder as a table named after it, and what was passed over with the reason.

    Raises:
        FlatError: no file of the folder can be read.
    """
    found: Tables = {}
    left: list[str] = []
    for path in sorted(path for path in folder.iterdir() if path.is_file() and FILES.search(path.name)):
        name = re.sub(r"\W+", "_", path.name.split(".")[0]).strip("_")
        name = name if name[:1].isalpha() else f"t_{name}"
        if name in found:
            left.append(f"{path.name}: another file has the table's name {name}")
            continue
        try:
            found[name[:63]] = _table(path, folder)
        except FlatError as error:
            left.append(str(error))
    if not found:
        raise FlatError(f"{folder}: no CSV or Parquet file to read ({'; '.join(left) or 'it has none'})")
    return found, left


def _table(path: Path, folder: Path) -> KnownTable:
    rule = FileRule(path=path.name, delimiter=_delimiter(path, folder))
    names = header(rule, path)
    rows = sample(rule, folder, names, ROWS)
    columns = {name: _column(name, [row[name] for row in rows]) for name in names}
    file = {"path": path.name} | ({"delimiter": rule.delimiter} if rule.delimiter != "," else {})
    return KnownTable(columns, _key(names, columns, rows), file=file)


def _delimiter(path: Path, folder: Path) -> str:
    """Of those in use, the one that cuts the header into most columns."""
    if path.suffix in (".parquet", ".pq"):
        return ","
    return max(DELIMITERS, key=lambda each: len(header(FileRule(path=path.name, delimiter=each), path)))


def _key(names: Sequence[str], columns: dict[str, KnownColumn], rows: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """The first column, or one called an id of the row, if no two rows share a value."""
    likely = [name for name in names if re.search(r"(transaction|event|row)_?id$", name, re.IGNORECASE)]
    for name in dict.fromkeys([*names[:1], *likely]):
        values = [row[name] for row in rows]
        if columns[name].kind in ("integer", "text") and None not in values and len(set(values)) == len(values) > 1:
            return (name,)
    return ()


def _column(name: str, cells: Sequence[Any]) -> KnownColumn:
    held = [cell for cell in cells if cell is not None]
    kind, unit, scale = _looks(name, held)
    words = sorted({str(cell) for cell in held})
    shown = f"{kind}, e.g. {str(held[0])[:30]!r}" if held else "empty"
    return KnownColumn(kind, shown, unit, scale, len(held) < len(cells), tuple(words if len(words) <= WORDS else ()))


def _looks(name: str, held: Sequence[Any]) -> tuple[Kind, str, int]:
    """Kind, unit of a time, scale of a decimal."""
    if not held:
        return "text", "", 0
    if all(isinstance(cell, date) for cell in held):
        return "time", "", 0
    if all(isinstance(cell, bool) for cell in held):
        return "bool", "", 0
    if any(isinstance(cell, float) for cell in held):
        return "number", "", 0
    texts = [str(cell) for cell in held]
    if TIMELY.search(name) and (unit := _written(texts)):
        return "time", unit, 0
    if all(re.fullmatch(r"-?(0|[1-9]\d{0,17})", text) for text in texts):
        return "integer", "", 0
    if all(re.fullmatch(r"-?\d{1,15}(\.\d{1,9})?", text) and not re.match(r"-?0\d", text) for text in texts):
        return "decimal", "", max(len(text.partition(".")[2]) for text in texts)
    return ("text" if all(isinstance(cell, str) for cell in held) else "other"), "", 0


def _written(texts: Sequence[str]) -> str:
    """The unit or format all of them are written in; the index that numbers the rows is an order."""
    if texts[:3] in (["0", "1", "2"], ["1", "2", "3"]):
        return "order"
    return next((unit for unit in _candidates(texts) if all(_reads(text, unit) for text in texts)), "")


def _candidates(texts: Sequence[str]) -> Iterator[str]:
    if all(text.isdigit() for text in texts):
        by_length = {6: "%y%m%d", 8: "%Y%m%d", 10: "s", 13: "ms", 16: "us"}
        yield by_length.get(len(texts[0]), "")
    else:
        yield "iso"
        yield from FORMATS


def _reads(text: str, unit: str) -> bool:
    try:
        if unit == "iso":
            datetime.fromisoformat(text)
        elif "%" in unit:
            datetime.strptime(text, unit)
        return bool(unit)
    except ValueError:
        return False
