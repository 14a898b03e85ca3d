"""When a row says something happened, in ms since 1970 UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from graph.columns import CENTURY_MS, MOMENT_ZERO, column, shown, time_ms
from graph.mapping_rules import TimeColumn
from ingest.events import Reject, Row

_MS = timedelta(milliseconds=1)


def moment_ms(time: TimeColumn, row: Row) -> int:
    """The time a rule asks for, of this row. Values that are dates already (Parquet) need no unit.

    Raises:
        Reject: the column is missing, NULL, or no time in its unit or format.
    """
    if time.column is None:
        return _constant(time.value or "", time.zone)
    value = column(row, time.column)
    if type(value) is int and time.unit == "ms" and time.zone is time.format is None and abs(value) <= CENTURY_MS:
        return value  # nearly all of them
    if isinstance(value, date):
        return _bounded(_ms_of(value, time.zone), time.column, value)
    if time.format is not None:
        return _bounded(_ms_of(parsed(value, time.format, time.column), time.zone), time.column, value)
    read = time_ms(value, time.unit, time.column)
    if time.zone is None or (time.unit == "iso" and datetime.fromisoformat(str(value)).tzinfo):
        return read
    return _ms_of((MOMENT_ZERO + read * _MS).replace(tzinfo=None), time.zone)


def parsed(value: Any, format: str, name: str) -> datetime:
    """Text by strptime's codes.

    Raises:
        Reject: NULL, or not written so.
    """
    if value is None:
        raise Reject(f"column {name!r} is NULL, but an edge or label needs its time")
    try:
        return datetime.strptime(str(value), format)
    except ValueError as error:
        raise Reject(f"column {name!r} holds {shown(value)}, expected a time as {format!r}: {error}") from error


@cache
def _constant(text: str, zone: str | None) -> int:
    return _ms_of(datetime.fromisoformat(text), zone)


def _ms_of(moment: date, zone: str | None) -> int:
    """A date is its midnight; what names no zone is the wall clock of `zone`."""
    full = moment if isinstance(moment, datetime) else datetime(moment.year, moment.month, moment.day)
    if full.tzinfo is None:
        full = full.replace(tzinfo=ZoneInfo(zone) if zone else UTC)
    return (full - MOMENT_ZERO) // _MS


def _bounded(read: int, name: str, value: Any) -> int:
    if abs(read) > CENTURY_MS:
        raise Reject(f"column {name!r} holds {shown(value)}: over a century from 1970, is the format right?")
    return read
