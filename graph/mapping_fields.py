"""The small values of a mapping's fields: names, ids, delays, formats, and what is said of those that are none."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import PurePosixPath
from string import Formatter
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from graph.columns import STEP_MS

IDENTIFIER = r"^[A-Za-z][A-Za-z0-9_]{0,62}$"  # what Cypher takes without quoting; anything else is refused
ROW = "#row"  # the key of a file without one: the row's number
DELAYS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "rows": STEP_MS}
DELAY = re.compile(r"(\d{1,9}) ?(ms|s|m|h|d|rows)")

Name = Annotated[str, Field(pattern=IDENTIFIER)]
Column = Annotated[str, Field(min_length=1, max_length=128)]
Unit = Literal["ms", "us", "s", "days", "iso", "yymmdd", "order"]
UNITS = ("ms", "us", "s", "days", "iso", "yymmdd", "order")


class Part(BaseModel):
    """A part of a mapping: no field that the format does not know, nothing converted silently."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_strip_whitespace=True)


def columns_in(text: str) -> tuple[str, ...]:
    """The columns a template names: "{bank}/{account}" has two. Text without braces is a column itself.

    Raises:
        ValueError: the braces do not match, or hold something other than a column.
    """
    if "{" not in text and "}" not in text:
        return (text,)
    parts = list(Formatter().parse(text))
    names = tuple(name for _, name, _, _ in parts if name is not None)
    if not names or not all(names) or any(form or turned for _, _, form, turned in parts):
        raise ValueError(f"is {text!r}: expected a column, or text with columns in braces, as in {{bank}}/{{account}}")
    return names


def _template(text: str) -> str:
    try:
        columns_in(text)
    except ValueError as error:
        raise ValueError(str(error) if str(error).startswith("is ") else f"is {text!r}: {error}") from None
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"is {name!r}: no time zone; give a name such as Europe/Prague") from None
    return name


def strptime_format(text: str) -> str:
    try:
        datetime.strptime(datetime(2024, 2, 29, 13, 5, 7, tzinfo=UTC).strftime(text), text)
    except ValueError as error:
        raise ValueError(f"is {text!r}: {error}; give strptime's codes, as in %d-%m-%Y %H:%M") from None
    if "%" not in text:
        raise ValueError(f"is {text!r}: expected strptime's codes, as in %d-%m-%Y %H:%M")
    return text


def written_time(text: str) -> str:
    if text not in UNITS[:-1]:
        strptime_format(text)
    return text


def iso_moment(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"is {text!r}: expected a date as in 1998-12-31, or with a time 1998-12-31T23:00:00") from None
    return text


def delay_text(text: str) -> str:
    if not DELAY.fullmatch(text):
        raise ValueError(f"is {text!r}: expected a number and ms, s, m, h, d or rows, as in 7d or 1000 rows")
    return text


def inside_path(text: str) -> str:
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or "\\" in text or not path.parts:
        raise ValueError(f"is {text!r}: expected a path inside the folder, without .. (it may hold * and ?)")
    return text


def column_alone(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


def constant_alone(value: object) -> object:
    return {"value": value} if isinstance(value, bool) else value


def as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


def cell_text(value: object) -> str:
    """A cell as conditions compare it: truth as 1 and 0, all else as it is written."""
    return str(int(value)) if isinstance(value, bool) else str(value)


def _cell(value: object) -> object:
    return cell_text(value) if isinstance(value, int) else value


IdText = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(_template)]
Columns = Annotated[list[Column], Field(min_length=1), BeforeValidator(as_list, json_schema_input_type=str | list[str])]
Cell = Annotated[str, BeforeValidator(_cell, json_schema_input_type=str | int | bool)]
Words = Annotated[
    list[Cell], BeforeValidator(as_list, json_schema_input_type=str | int | bool | list[str | int | bool])
]
Cells = Annotated[Words, Field(min_length=1)]
Zone = Annotated[str, AfterValidator(_zone)]
