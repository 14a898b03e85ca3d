"""What an analyst reads: an event in words, money, times, names. Pure.

Money in attributes is an integer in minor units, two of them to the whole (cents, haléře).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from graph.model import split_key

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
VERBS = {
    "TRANSFER": "Transfer from {src} to {dst}",
    "LOGIN": "Login of {src} on {dst}",
    "CONNECT": "{src} connected from {dst}",
    "MODIFY": "{src} changed {what} to {dst}",
    "OWNS": "{src} owns {dst}",
}
REMARKS = {
    "fallback": ("trees only", "The network failed or drifted: the model's boosted trees alone gave this score"),
    "rules": ("rules only", "The model failed: the rules alone gave this score, which is no calibrated probability"),
    "smaller": ("smaller view", "The scorer was behind and read less of the neighbourhood than the model asks for"),
    "unseen": ("row not seen", "The event's own row had not reached the scorer: what came with it may be missing"),
}
LONGEST_NAME = 15  # an IPv4 address in full


def money(amount: Any, currency: Any = None) -> str:
    """1234567 and "CZK" are "12,345.67 CZK". What is no whole number is shown as it is."""
    if isinstance(amount, bool) or not isinstance(amount, int):
        text = str(amount)
    else:
        whole, cents = divmod(abs(amount), 100)
        text = f"{'-' if amount < 0 else ''}{whole:,}.{cents:02d}"
    return f"{text} {currency}" if currency else text


def utc(time_ms: int) -> str:
    """`2026-11-23 14:05:09`, UTC; a time no calendar has is shown as the number it is."""
    try:
        return (EPOCH + timedelta(milliseconds=time_ms)).strftime("%Y-%m-%d %H:%M:%S")
    except OverflowError:
        return f"{time_ms} ms"


def iso(time_ms: int) -> str:
    """ISO 8601 with the zone, for machines; empty where no calendar has the time."""
    try:
        return (EPOCH + timedelta(milliseconds=time_ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except OverflowError:
        return ""


def age(seconds: float) -> str:
    """`now`, `40 s`, `12 min`, `3 h`, `5 d`."""
    if seconds < 5:
        return "now"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def name(key: str, longest: int = LONGEST_NAME) -> str:
    """`Account:17` is "account 17"; a long id (a hash) keeps its beginning and its end."""
    label, id = split_key(key)
    if len(id) > longest:
        id = f"{id[: longest - 6]}…{id[-5:]}"
    return f"{label if label.isupper() else label.lower()} {id}".strip()


def remark(name: str) -> tuple[str, str]:
    """What a mark says of how a score came about, and at length; a name from a later release stands as it is."""
    return REMARKS.get(name, (name, ""))


def event(relation: str, src: str, dst: str, attributes: Mapping[str, Any]) -> str:
    """One line on what happened: "Transfer from account 17 to account 99"."""
    what = str(attributes.get("field") or "contact")[:40]
    plain = f"{name(src)} {relation.lower().replace('_', ' ')} {name(dst)}"
    said = VERBS[relation].format(src=name(src), dst=name(dst), what=what) if relation in VERBS else plain
    return said[:1].upper() + said[1:]


def amount_of(attributes: Mapping[str, Any]) -> str | None:
    """The attributes' money, if there is any."""
    if attributes.get("amount") is None:
        return None
    return money(attributes["amount"], attributes.get("currency"))


def facts(attributes: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Attributes as (name, value) to show: the money first and in one, then the others by name."""
    shown = [("amount", amount_of(attributes) or "")] if attributes.get("amount") is not None else []
    hidden = {"amount", "currency"} if shown else set()
    others = ((key, value) for key, value in sorted(attributes.items()) if key not in hidden and value is not None)
    return shown + [(key, str(value)) for key, value in others]
