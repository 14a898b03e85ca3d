"""How findings are worded: names, numbers with their noun, money, times."""

from __future__ import annotations

from collections.abc import Sequence

from graph.model import split_key

LONGEST = 15  # characters of an id that are shown whole; of a hash the beginning and the end, as on the page
UNITS_MS = (("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000), ("second", 1_000))
NOUNS = {"transfer": "transfer", "login": "login", "connect": "connection", "modify": "change", "owns": "ownership"}
ENDINGS = ("s", "x", "z", "ch", "sh")  # what takes -es


def node(key: str) -> str:
    """`Account:17` is "account 17", and a long id keeps its beginning and its end."""
    _, id = split_key(key)
    if len(id) > LONGEST:
        id = f"{id[: LONGEST - 6]}…{id[-5:]}"
    return f"{label(key)} {id}".strip()


def label(key: str) -> str:
    """What a node is: "account", "IP"."""
    name = split_key(key)[0]
    return name if name.isupper() else name.lower()


def event(word: str) -> str:
    """What an edge is, in the singular: "transfer"; of a bank's own relation "card payment event"."""
    return NOUNS.get(word) or f"{word.lower().replace('_', ' ')} event"


def counted(number: int, noun: str) -> str:
    """`1 account`, `2 accounts`, `1,200 companies`."""
    return f"{number:,} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """More than one of it."""
    if noun.lower().endswith("y") and noun[-2:-1].lower() not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.lower().endswith(ENDINGS) else f"{noun}s"


def span(length_ms: int) -> str:
    """A length as it was written: "24 hours", "3 days", "90 minutes"."""
    for unit, size_ms in UNITS_MS:
        if length_ms % size_ms == 0 and not (unit == "day" and length_ms == size_ms):
            return counted(length_ms // size_ms, unit)
    return f"{length_ms} ms"


def ago(age_ms: int) -> str:
    """How long ago: "just now" for the event itself, "40 minutes ago", "5 hours ago", "3 days ago"."""
    if age_ms <= 0:
        return "just now"
    minutes = age_ms // 60_000
    if minutes < 1:
        return "less than a minute ago"
    if minutes < 120:
        return f"{counted(minutes, 'minute')} ago"
    return f"{counted(minutes // 60, 'hour')} ago" if minutes < 72 * 60 else f"{counted(minutes // 1440, 'day')} ago"


def money(minor: int, currencies: Sequence[object] = ()) -> str:
    """Minor units, two to the whole: 1234567 is "12,345.67". With the currency, where all agree on one."""
    whole, cents = divmod(minor, 100)
    only = set(currencies)
    name = next(iter(only)) if len(only) == 1 else None
    return f"{whole:,}.{cents:02d}" + (f" {name}" if isinstance(name, str) and name else "")


def listing(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
