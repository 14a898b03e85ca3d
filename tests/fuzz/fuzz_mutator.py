"""Records made bad: genuine ones (seeds/*.jsonl) with their JSON or their bytes changed, from a seed.

The same seed gives the same records, so that a crash in a million can be met again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from fuzz_values import CLOCKS, EMPTY, EPOCHS, NUMBERS, RAWS, TEXTS

from ingest.records import Record

SEEDS = Path(__file__).parent / "seeds"
RAW = "~raw~"  # stands for JSON that no encoder writes
SPOILT_BYTES = 120_000  # of a record whose bytes were repeated
HUGE = 10_000_000  # bytes of a record as the topics take them; one in HUGE_EVERY
HUGE_EVERY = 50_000
NOON_MS = 1_767_600_000_000


class Seed(msgspec.Struct, frozen=True):
    """A genuine record; its parts are text as they were read."""

    topic: str
    key: str | None
    value: str | None
    headers: list[tuple[str, str]]


def seeds() -> list[Seed]:
    """All of them, in the order of their files."""
    lines = (line for path in sorted(SEEDS.glob("*.jsonl")) for line in path.read_bytes().splitlines())
    return [msgspec.json.decode(line, type=Seed) for line in lines]


class Mutator:
    """A stream of records, a few as they were, most of them not."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._seeds = [(each, _read(each.key), _read(each.value)) for each in seeds()]
        self._values = [(each.value or "").encode() for each in seeds()]

    def records(self, count: int) -> Iterator[Record]:
        """That many; their offsets count up."""
        for offset in range(count):
            seed, key, value = self._random.choice(self._seeds)
            raw = self._padded(value) if offset % HUGE_EVERY == HUGE_EVERY - 1 else self._value(value)
            clock_ms = NOON_MS if self._often(0.98) else self._random.choice(CLOCKS)
            yield Record(seed.topic, offset % 3, offset, self._key(key), raw, self._headers(seed.headers), clock_ms)

    def _often(self, share: float) -> bool:
        return self._random.random() < share

    # -- parts --------------------------------------------------------------------------------

    def _value(self, value: Any) -> bytes | None:
        if value is None or self._often(0.01):
            return self._random.choice(EMPTY)
        if self._often(0.05):
            return msgspec.json.encode(value)
        if self._often(0.85):
            return self._encoded(self._edited(value, self._random.choice((1, 1, 1, 2, 4))))
        return self._spoilt(msgspec.json.encode(value))

    def _key(self, key: Any) -> bytes | None:
        if self._often(0.9):
            return None if key is None else msgspec.json.encode(key)
        if self._often(0.3):
            return None
        return self._encoded(self._edited(key, 1)) if self._often(0.6) else self._spoilt(msgspec.json.encode(key))

    def _headers(self, headers: list[tuple[str, str]]) -> tuple[tuple[str, bytes], ...]:
        given = tuple((name, text.encode()) for name, text in headers)
        if self._often(0.97):
            return given
        epoch = ("epoch", self._random.choice(EPOCHS))
        return self._random.choice(((), (*given, epoch), (epoch,), given * 50))

    def _padded(self, value: Any) -> bytes:
        """A record of the largest size: one long text, or very many columns."""
        pad = {"pad": "x" * HUGE} if self._often(0.5) else {f"c{n:07}": None for n in range(HUGE // 16)}
        return msgspec.json.encode({**value, "after": pad} if isinstance(value, dict) else pad)

    # -- JSON ---------------------------------------------------------------------------------

    def _edited(self, value: Any, times: int) -> Any:
        """A copy with some fields changed; parts that are not touched are shared."""
        for _ in range(times):
            value = self._edit(value, depth=self._random.choice((0, 1, 1, 1, 1, 1, 2)))
        return value

    def _edit(self, value: Any, depth: int) -> Any:
        if not isinstance(value, dict) or not value:
            return self._other(value)
        copy = dict(value)
        if depth and (inner := [name for name in copy if isinstance(copy[name], dict)]):
            rows = [name for name in inner if name in ("before", "after")]
            name = self._random.choice(rows if rows and self._often(0.6) else inner)
            copy[name] = self._edit(copy[name], depth - 1)
        else:
            self._change(copy)
        return copy

    def _change(self, row: dict[str, Any]) -> None:
        """One field gets another value, or another name, or another's value, or goes."""
        one, other = self._random.choice(list(row)), self._random.choice(list(row))
        match self._random.randrange(8):
            case 0:
                del row[one]
            case 1:
                row[self._random.choice((*TEXTS, "id", "at"))] = row.pop(one)
            case 2:
                row[one], row[other] = row[other], row[one]
            case _:
                row[one] = self._other(row[one])

    def _other(self, value: Any) -> Any:
        """Something else in its place, often near what it was."""
        match self._random.randrange(12):
            case 0:
                return None
            case 1:
                return self._often(0.5)
            case 2 | 3:
                return self._random.choice(TEXTS)
            case 4 | 5:
                return self._random.choice(NUMBERS)
            case 6:
                return str(value)
            case 7:
                return self._random.choice(([value], {"value": value}, {}, []))
            case 8:
                return RAW
            case 9:
                return (value if isinstance(value, str) else "é") * self._random.randint(2, 40)
            case 10:
                return {f"c{n}": n for n in range(self._random.randint(0, 300))}
            case _:
                return self._random.getrandbits(self._random.randint(1, 70))

    def _encoded(self, value: Any) -> bytes:
        encoded = msgspec.json.encode(_with_digits(value))
        raw = f'"{RAW}"'.encode()
        while raw in encoded:
            encoded = encoded.replace(raw, self._random.choice(RAWS), 1)
        return encoded

    # -- bytes --------------------------------------------------------------------------------

    def _spoilt(self, text: bytes) -> bytes:
        """Bytes changed, cut, repeated, or joined to another record's."""
        for _ in range(self._random.randint(1, 3)):
            text = self._spoilt_once(text)[:SPOILT_BYTES]
        return text

    def _spoilt_once(self, text: bytes) -> bytes:
        at, to = sorted(self._random.randint(0, len(text)) for _ in range(2))
        match self._random.randrange(7):
            case 0:
                return text[:at] + self._random.randbytes(1) + text[at + 1 :]
            case 1:
                return text[:at]
            case 2:
                return text[:at] + text[to:]
            case 3:
                return text[:to] + text[at:to] * self._random.randint(1, 5) + text[to:]
            case 4:
                return text[:at] + self._random.choice(self._values)[to:]
            case 5:
                return text[:at] + self._random.choice(RAWS) + text[to:]
            case _:
                return text[:at] + self._random.randbytes(self._random.randint(1, 8)) + text[at:]


def _read(text: str | None) -> Any:
    return None if text is None else msgspec.json.decode(text)


def _with_digits(value: Any) -> Any:
    """Whole numbers past 64 bits go in as the digits they are: msgspec writes none."""
    if isinstance(value, dict):
        return {name: _with_digits(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_with_digits(inner) for inner in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return msgspec.Raw(str(value).encode())
    return value
