"""Where each field of a TOML text stands: tomllib keeps no lines, and an error has to name one.

Reads only text that tomllib has accepted, so it looks for the shape of things and checks nothing.
"""

from __future__ import annotations

import re
from bisect import bisect_left

Loc = tuple[str | int, ...]

_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE = re.compile(r"[^ \t\r\n.=\]]+")
_SCALAR = re.compile(r"[^,\]}#\n]*")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|' r"'''.*?'{3,5}|" r'"(?:\\.|[^"\\])*"|' r"'[^']*'",
    re.DOTALL,
)


def line_numbers(text: str) -> dict[Loc, int]:
    """The line (from 1) of each table, key, array element and inline table's key."""
    return _Scan(text).run()


class _Scan:
    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self._ends = [n for n, c in enumerate(text) if c == "\n"]
        self._lines: dict[Loc, int] = {}
        self._counts: dict[Loc, int] = {}  # [[arrays of tables]]: the index of the last one

    def run(self) -> dict[Loc, int]:
        here: Loc = ()
        while self._next():
            if self._next() == "[":
                here = self._header()
            else:
                self._pair(here)
        return self._lines

    def _header(self) -> Loc:
        array = self._text.startswith("[[", self._at)
        line = self._line()
        self._at += 2 if array else 1
        parts = self._key()
        self._at += 2 if array else 1
        loc: Loc = ()
        for i, part in enumerate(parts):
            loc += (part,)
            if array and i == len(parts) - 1:
                self._counts[loc] = self._counts.get(loc, -1) + 1
            if loc in self._counts:
                loc += (self._counts[loc],)
            self._lines.setdefault(loc, line)
        return loc

    def _pair(self, here: Loc) -> None:
        line = self._line()
        for part in self._key():  # of a dotted key each part: time.unit is about time as well
            here += (part,)
            self._lines.setdefault(here, line)
        self._next()
        self._at += 1  # the equals sign
        self._value(here)

    def _key(self) -> list[str]:
        parts: list[str] = []
        while not parts or self._next() == ".":
            self._at += bool(parts)
            quoted = self._next() in ('"', "'")
            found = self._take(_STRING if quoted else _BARE)
            parts.append(found[1:-1] if quoted else found)
        return parts

    def _value(self, loc: Loc) -> None:
        first = self._next()
        if first in ('"', "'"):
            self._take(_STRING)
        elif first in ("[", "{"):
            self._items(loc, "]" if first == "[" else "}")
        else:
            self._take(_SCALAR)

    def _items(self, loc: Loc, end: str) -> None:
        self._at += 1
        n = 0
        while self._next() != end:
            if end == "}":
                self._pair(loc)
            else:
                self._lines.setdefault((*loc, n), self._line())
                self._value((*loc, n))
            n += 1
            if self._next() == ",":
                self._at += 1
        self._at += 1

    def _next(self) -> str:
        """Past blanks and comments: the next character, empty at the end."""
        self._take(_SPACE)
        return self._text[self._at : self._at + 1]

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None or (not found[0] and pattern is not _SPACE):
            raise ValueError(f"no TOML at character {self._at}")  # never, after tomllib
        self._at = found.end()
        return found[0]

    def _line(self) -> int:
        return bisect_left(self._ends, self._at) + 1
