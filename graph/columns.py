"""Reading one column of a row: types, times, identifiers. What does not fit is refused by name."""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal, InvalidOperation
from itertools import islice
from typing import Any

import msgspec

from graph.model import Scalar
from ingest.events import Reject, Row
from ingest.unavailable import UNAVAILABLE

ID_LIMIT = 256  # characters; Neo4j refuses index keys past 8 kB, and no bank's key is longer than this
TEXT_LIMIT = 4_096  # characters of a property; longer text belongs in a document store
DAY_MS = 86_400_000
CENTURY_MS = 100 * 366 * DAY_MS  # times this far from 1970 are a unit mistake, not a date
LONGEST_SHOWN = 60
INT64 = 2**63
INT64_DIGITS = 19
NUMBER_LIMIT = 100  # characters of a number; MariaDB's longest DECIMAL has 65 digits
PLAIN_NUMBER = re.compile(r"(-?[0-9]{1,9})(?:\.([0-9]{1,9}))?").fullmatch  # as databases write an amount
EXACT = Context(prec=2 * NUMBER_LIMIT)
STEP_MS = 1_000  # an index that is no clock: its steps count as seconds
MOMENT_ZERO = datetime(1970, 1, 1, tzinfo=UTC)


class Missing(Reject):
    """The row lacks a column that is mapped: it was dropped or renamed."""


class Unreadable(msgspec.Struct, frozen=True):
    """A value of a type that only the connector reads: it is there, but what it is in its JSON is not known here."""

    type: str


class NullWhereMissing(dict[str, Any]):
    """A row of a table whose missing columns read as NULL."""

    def __missing__(self, name: str) -> None:
        """SQL's NULL."""


def column(row: Row, name: str) -> Any:
    """The raw value of a column.

    Raises:
        Missing: the row has no such column (None is a value: SQL's NULL).
        Reject: PostgreSQL did not log its value, which is still what it was.
    """
    try:
        value = row[name]
    except KeyError:
        more = f", … {len(row)} in all" if len(row) > LONGEST_SHOWN else ""
        there = ", ".join(sorted(islice(row, LONGEST_SHOWN))) + more
        raise Missing(f"column {name!r} is missing from the row (it has {there or 'none'})") from None
    if value is UNAVAILABLE:
        raise Reject(
            f"column {name!r} is large and unchanged, so PostgreSQL did not log its value: ALTER TABLE … REPLICA "
            "IDENTITY FULL, then touch the row (or replay this letter after a later change of it: it is superseded)"
        )
    if isinstance(value, Unreadable):
        raise Reject(f"column {name!r} is a {value.type}, which ingest may read but a comparison can't: leave it out")
    return value


def identifier(value: Any, name: str) -> str:
    """Text of a key or id column.

    Raises:
        Reject: not text or a whole number, empty, or longer than ID_LIMIT.
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Reject(f"column {name!r} holds {shown(value)}, expected text or a whole number as an identifier")
    text = str(value)
    if not text or len(text) > ID_LIMIT:
        raise Reject(f"column {name!r} holds {len(text)} characters, an identifier has 1 to {ID_LIMIT}")
    return text


def key_text(values: list[str]) -> str:
    """Join the cells of a key so that no two keys read the same and none holds an owner's colon."""
    return "|".join([v if v.isalnum() else _escaped(v) for v in values])


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace(":", "%3A").replace("|", "%7C")


def hashed(text: str, kind: str, secret: bytes) -> str | None:
    """HMAC-SHA-256 of a contact, normalised so that spellings of one phone or e-mail meet.

    None where nothing is left of it (blanks, a phone such as "n/a"): hashed, everybody's "n/a" would be
    one contact that joins strangers. 128 bits are kept: collisions among 10^12 contacts have odds of 10^-15.
    """
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    if kind == "phone":
        folded = _phone(folded)
    if not folded:
        return None
    return hmac.new(secret, f"{kind}\0{folded}".encode(), hashlib.sha256).hexdigest()[:32]


def _phone(text: str) -> str:
    """Digits with their international prefix as +, however it is written."""
    kept = "".join(str(unicodedata.decimal(c)) if c != "+" else c for c in text if c.isdecimal() or c == "+")
    digits = kept.replace("+", "")
    if digits.startswith("00"):
        return f"+{digits[2:]}" if digits[2:] else ""
    return f"+{digits}" if digits and kept[0] == "+" else digits


def _integer(value: Any, scale: int) -> int:
    return int(value) if isinstance(value, bool) else _minor(value, 0, "not a whole number")


def _decimal(value: Any, scale: int) -> int:
    if isinstance(value, bool):
        raise ValueError("a truth value is no amount")
    return _minor(value, scale, f"more than {scale} decimal places")


def _minor(value: Any, scale: int, inexact: str) -> int:
    """Value times 10^scale. Looks at the size first: int(Decimal("1E+3000000")) takes minutes."""
    if not isinstance(value, str | int | float):
        raise ValueError("not a number")
    text = value if isinstance(value, str) else repr(value)
    if len(text) > NUMBER_LIMIT:
        raise ValueError(f"{len(text)} characters, no number has more than {NUMBER_LIMIT}")
    number = Decimal(text)
    if not number.is_finite() or number.adjusted() + scale > INT64_DIGITS:
        raise ValueError("does not fit 64 bits")
    if number and number.adjusted() < -scale:
        raise ValueError(inexact)
    minor = number.scaleb(scale, EXACT)
    if minor != minor.to_integral_value():
        raise ValueError(inexact)
    return int(minor)


def _number(value: Any, scale: int) -> float:
    if isinstance(value, bool):
        raise ValueError("a truth value is no number")
    number = float(value)
    if number != number or number in (float("inf"), float("-inf")):
        raise ValueError("not a finite number")
    return number


def _text(value: Any, scale: int) -> str:
    if isinstance(value, list | dict):
        raise ValueError("a list or object is no text")
    text = value if isinstance(value, str) else str(value)
    if len(text) > TEXT_LIMIT:
        raise ValueError(f"{len(text)} characters, at most {TEXT_LIMIT} are kept")
    return text


def _truth(value: Any, scale: int) -> bool:
    if value in (0, 1):  # True and False are equal to these
        return bool(value)
    if isinstance(value, str) and value.lower() in ("true", "false", "t", "f", "0", "1"):
        return value.lower() in ("true", "t", "1")
    raise ValueError("not true or false")


READERS: dict[str, Callable[[Any, int], Scalar]] = {
    "integer": _integer,
    "decimal": _decimal,
    "number": _number,
    "text": _text,
    "bool": _truth,
    "category": _text,
}
TEXTS = ("category", "text")


def typed(value: Any, kind: str, scale: int, name: str) -> Scalar:
    """A property's value: integer, decimal (exact, in 10^-scale units), number, text, bool, category. NULL stays None.

    Raises:
        Reject: the value is not of that kind.
    """
    if value is None or (type(value) is str and kind in TEXTS and len(value) <= TEXT_LIMIT):
        return value
    try:
        read = READERS[kind](value, scale)
        if isinstance(read, int) and not -INT64 <= read < INT64:
            raise ValueError("does not fit 64 bits")
    except (ValueError, TypeError, InvalidOperation, OverflowError) as error:
        why = "not a number" if isinstance(error, InvalidOperation) else error
        raise Reject(f"column {name!r} holds {shown(value)}, expected {kind}: {why}") from error
    return read


def _from_text(value: Any) -> int:
    read = datetime.fromisoformat(str(value))
    return ((read if read.tzinfo else read.replace(tzinfo=UTC)) - MOMENT_ZERO) // timedelta(milliseconds=1)


def _from_yymmdd(value: Any) -> int:
    text = str(value).zfill(6)
    if len(text) != 6:
        raise ValueError("not six digits")
    return (date(1900 + int(text[:2]), int(text[2:4]), int(text[4:6])) - date(1970, 1, 1)).days * DAY_MS


UNITS: dict[str, Callable[[Any], int]] = {
    "ms": int,
    "us": lambda value: int(value) // 1000,
    "s": lambda value: int(value) * 1000,
    "days": lambda value: int(value) * DAY_MS,
    "iso": _from_text,
    "yymmdd": _from_yymmdd,
    "order": lambda value: int(value) * STEP_MS,
}


def time_ms(value: Any, unit: str, name: str) -> int:
    """A time column in ms since 1970 UTC; text without a zone is taken as UTC.

    Raises:
        Reject: NULL, not of that unit, or over a century from 1970 (a unit mistake).
    """
    if value is None:
        raise Reject(f"column {name!r} is NULL, but an edge or label needs its time")
    try:
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise ValueError("not a whole number or text")
        read = UNITS[unit](value)
        if abs(read) > CENTURY_MS:
            raise ValueError("over a century from 1970, is the unit right?")
    except (ValueError, TypeError, OverflowError) as error:
        raise Reject(f"column {name!r} holds {shown(value)}, expected a time in {unit!r}: {error}") from error
    return read


def shown(value: Any) -> str:
    """A value for a message, cut short. What is nested is only named: writing it out could go too deep."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}… ({len(text)} characters)"
