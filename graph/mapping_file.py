"""A mapping file read and validated: errors name file, line, field and what was expected.

The mapping is the only place that knows a bank's schema. Its fields: graph/mapping_rules.py.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from graph.mapping_checks import Problem, cross_checks
from graph.mapping_rules import IDENTIFIER as IDENTIFIER
from graph.mapping_rules import EdgeRule as EdgeRule  # readers of a mapping take its parts from here
from graph.mapping_rules import EventRef as EventRef
from graph.mapping_rules import LabelRule as LabelRule
from graph.mapping_rules import MappingFile as MappingFile
from graph.mapping_rules import NodeRef as NodeRef
from graph.mapping_rules import NodeRule as NodeRule
from graph.mapping_rules import Property as Property
from graph.mapping_rules import TableRule as TableRule
from graph.mapping_rules import TimeColumn as TimeColumn
from graph.toml_lines import Loc, line_numbers


class MappingError(Exception):
    """A mapping can't be used. Says file, line, field and what was expected."""


def read_mapping(path: Path) -> MappingFile:
    """Read and validate a mapping.

    Raises:
        MappingError: it can't be read or is not a mapping; each problem on a line of its own.
    """
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8").replace("\r\n", "\n")
        data = tomllib.loads(text)
    except OSError as error:
        raise MappingError(f"{path}: can't be read ({error.strerror}); name an existing mapping file") from error
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise MappingError(f"{path}:{line}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"{path}:{_line_of(error, text)}: not TOML: {error}") from error
    lines = line_numbers(text)
    try:
        mapping = MappingFile.model_validate(data)
    except ValidationError as error:
        problems = [(tuple(e["loc"]), _said(e["type"], e["msg"], e.get("input"))) for e in error.errors()]
        raise MappingError(listed(path, lines, problems)) from error
    if wrong := cross_checks(mapping):
        raise MappingError(listed(path, lines, wrong))
    return mapping


def read_lines(path: Path) -> dict[Loc, int]:
    """Where each field of a mapping that was read stands."""
    return line_numbers(path.read_text("utf-8").replace("\r\n", "\n"))


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


def listed(path: Path, lines: dict[Loc, int], problems: Sequence[Problem]) -> str:
    """The problems, each on a line: file, line, field, what is wrong."""
    rows = []
    for loc, said in problems:
        known = next((lines[loc[:n]] for n in range(len(loc), 0, -1) if loc[:n] in lines), 1)
        rows.append(f"{path}:{known}: {'.'.join(map(str, loc))} {said}")
    return "\n".join(rows)
