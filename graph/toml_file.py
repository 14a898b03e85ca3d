"""A TOML file that is read into a model: what is wrong with it is told by file, line, field and what was expected."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from graph.toml_lines import Loc, line_numbers

Problem = tuple[Loc, str]


class TomlError(Exception):
    """A file is no TOML, or can't be read. Says file, line and what was expected."""


def read_toml(path: Path, kind: str) -> tuple[dict[str, Any], dict[Loc, int]]:
    """What the file holds, and the line of each of its fields; `kind` names such a file (`mapping file`).

    Raises:
        TomlError: it can't be read, or is no TOML.
    """
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8").replace("\r\n", "\n")
        data = tomllib.loads(text)
    except OSError as error:
        raise TomlError(f"{path}: can't be read ({error.strerror}); name an existing {kind}") from error
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise TomlError(f"{path}:{line}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise TomlError(f"{path}:{_line_of(error, text)}: not TOML: {error}") from error
    return data, line_numbers(text)


def problems_of(error: ValidationError) -> list[Problem]:
    """What a model says of a file's fields."""
    return [(tuple(e["loc"]), _said(e["type"], e["msg"], e.get("input"))) for e in error.errors()]


def listed(path: Path, lines: dict[Loc, int], problems: Sequence[Problem]) -> str:
    """The problems, each on a line: file, line, field, what is wrong."""
    rows = []
    for loc, said in problems:
        known = next((lines[loc[:n]] for n in range(len(loc), 0, -1) if loc[:n] in lines), 1)
        rows.append(f"{path}:{known}: {'.'.join(map(str, loc))} {said}")
    return "\n".join(rows)


def _line_of(error: tomllib.TOMLDecodeError, text: str) -> int:
    at = re.search(r"\(at line (\d+),", str(error))
    return int(at[1]) if at else max(1, len(text.splitlines()))  # "at end of document"


def _said(kind: str, message: str, given: object) -> str:
    if kind == "missing":
        return "is missing; it has to be given"
    if kind == "extra_forbidden":
        return "is no field of the format; check its spelling"
    if kind == "string_pattern_mismatch":
        return f"is {given!r}, expected a letter, then letters, digits or underscores (63 at most)"
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    shown = repr(given)
    return f"is {shown if len(shown) < 80 else f'{shown[:80]}…'}: {message[:1].lower()}{message[1:]}"
