"""Names as small whole numbers, for arrays: about 16 bytes a name, where a dictionary of texts takes 150."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from operator import methodcaller
from secrets import randbits

import numpy as np

from graph.adjacency_arrays import NONE, Array, aligned, wider
from graph.arena import Arena, free_record
from graph.names_table import (
    ALL,
    BEGIN,
    EMPTY,
    END,
    MIDDLE,
    MIX,
    MOST_DIGITS,
    NEW_AFFIX,
    Table,
    add_affix,
    cut,
    mixed,
    number_all,
    rehash,
    take_away,
)
from graph.numbers import Numbers

AFFIXES = 16_000  # of which kinds have room in 15 bits; names with others have none: their whole text is their own
FULL = 2 / 3  # of a table's entries at most: what is not there is looked for in five of them then, in two at half
GROWN = 1.5
NOBODY: Array = np.zeros(0, np.int32)
_bytes = methodcaller("encode", "utf-8", "surrogatepass")  # any text, whatever it holds


class Names(Numbers):
    """Numbers for names: each name has one as long as it is kept; freed numbers are used again."""

    def __init__(self, roles: bool = False) -> None:
        """No name is known. `roles`: names are `table:key:role`, else `Label:id`."""
        super().__init__()
        self._roles, self._arena = roles, Arena()
        self._seed = np.uint64(randbits(64))  # nobody outside can choose names that fall on one entry
        self._names, self._affixes = 0, 0
        self._use(Table(
            np.full(64, EMPTY, np.int32), aligned(64, "i2"), aligned(64, "i8"), self._arena.units, self._arena.state,
            np.full(2 * AFFIXES, EMPTY, np.int32), np.zeros((16, 3), np.int64), np.zeros(1 << 10, np.uint8),
        ))  # fmt: skip
        self._starts: dict[tuple[str, str | None], tuple[int, int]] = {}  # by affix: kind and hash of whole numbers
        self._enter(np.zeros(0, np.uint8), 0, 0)  # affix 0 is none

    @property
    def nbytes(self) -> int:
        """Bytes in use."""
        return 10 * self.size + self._table.slots.nbytes + self._arena.nbytes

    def __len__(self) -> int:
        """How many names there are."""
        return self._names

    def find_all(self, names: Sequence[str]) -> Array:
        """[names] their numbers, NONE where one has none."""
        given, ends = _joined(names)
        out = np.empty(len(ends), np.int32)
        number_all(self._table, self._seed, self._roles, self._affixes >= AFFIXES, given, ends, 0, NOBODY, out)
        return out

    def number_all(self, names: Sequence[str]) -> tuple[Array, Array]:
        """[names] their numbers; and those that were nobody's before, in the order in which they were given out."""
        given, ends = _joined(names)
        self._grow(len(ends), len(given))
        out, fresh, first, used = np.empty(len(ends), np.int32), self.take_all(len(ends)), 0, 0
        while first < len(ends):
            rest = fresh[used:]
            full = self._affixes >= AFFIXES
            first, more, why = number_all(self._table, self._seed, self._roles, full, given, ends, first, rest, out)
            used += more
            if why == NEW_AFFIX:
                self._enter(given, int(ends[first - 1]) if first else 0, int(ends[first]))
        self.free_all(fresh[used:])
        self._names += used
        return out, fresh[:used]

    def find(self, name: str) -> int:
        """The name's number, NONE if it has none.

        A whole number is looked for right here, as compiled code would (see `names_table`): for one name, handing it
        over takes five times as long.
        """
        head, _, own = name.partition(":")
        tail: str | None = None
        if self._roles and ":" in own:
            own, _, tail = own.rpartition(":")
        known = self._starts.get((head, tail))
        if known is None or not (own.isascii() and own.isdigit() and len(own) <= MOST_DIGITS) or own[0] == "0" != own:
            return int(self.find_all((name,))[0])
        kind, start = known
        value, (slots, kinds, words) = int(own), self._views
        x = value ^ start  # `names_table.mixed` of this, but for its last step, which moves no upper bit
        x = (x ^ x >> 32) * MIX & ALL
        x = (x ^ x >> 32) * MIX & ALL
        at = (x >> 32) * len(slots) >> 32
        number = slots[at]
        while number != EMPTY and (words[number] != value or kinds[number] != kind):
            at = at + 1 if at + 1 < len(slots) else 0
            number = slots[at]
        return int(number)

    def number(self, name: str) -> int:
        """The name's number; a new name gets one."""
        return int(self.number_all((name,))[0][0])

    def named(self, first: int = 0, last: int | None = None) -> Array:
        """[numbers from `first` to before `last`] whether each is a name's."""
        return np.asarray(self._table.kind[first : self.size if last is None else last] >= 0)

    def is_named(self, number: int) -> bool:
        """Whether a number is a name's."""
        return bool(self._table.kind[number] >= 0)

    def take_all(self, many: int) -> Array:
        """So many numbers nobody has, and no name yet."""
        numbers = super().take_all(many)
        self._room()
        self._table.kind[numbers] = NONE
        return numbers

    def text(self, number: int) -> str:
        """The name that has this number."""
        table = self._table
        kind, word = int(table.kind[number]), int(table.word[number])
        begin, middle, end = table.affixes[kind >> 1].tolist()
        affix = table.affix_text
        own = self._arena.get(word) if kind & 1 else b"%d" % word
        whole = affix[begin:middle].tobytes() + own + affix[middle:end].tobytes()
        return whole.decode("utf-8", "surrogatepass")

    def items(self) -> Iterator[tuple[str, int]]:
        """Every name with its number."""
        for number in np.flatnonzero(self.named()).tolist():
            yield self.text(number), number

    def forget(self, number: int) -> None:
        """Free a name's number."""
        table = self._table
        take_away(table, self._seed, number)
        if table.kind[number] & 1:
            free_record(table.units, table.state, table.word[number])
        table.kind[number] = NONE
        self._names -= 1
        self.free(number)

    # -- room ---------------------------------------------------------------------------------

    def _use(self, table: Table) -> None:
        """Its first arrays as views too, of which a single number is read in no time."""
        self._table = table
        self._views: tuple[memoryview, ...] = tuple(map(memoryview, table[:3]))  # type: ignore[arg-type]  # buffers

    def _room(self) -> None:
        """For every number that was taken."""
        table, have = self._table, len(self._table.kind)
        if self.size > have:
            room = max(self.size, 2 * have)
            self._use(table._replace(kind=wider(table.kind, room, "i2"), word=wider(table.word, room, "i8")))

    def _grow(self, names: int, length: int) -> None:
        """For so many names more, of so many bytes together."""
        self._arena.room(names, length)
        if self._arena.units is not self._table.units:
            self._use(self._table._replace(units=self._arena.units))
        wanted, have = self._names + names, len(self._table.slots)
        if wanted > FULL * have:
            slots = aligned(max(int(wanted / FULL) + 1, int(GROWN * have)), "i4")
            slots[:] = EMPTY
            self._use(self._table._replace(slots=slots))
            rehash(self._table, self._seed, self.size)

    def _enter(self, given: Array, begin: int, end: int) -> None:
        """Keep a name's affix."""
        table = self._table
        low, high = cut(given, begin, end, self._roles)
        parts = given[begin:low], given[high:end]
        last = int(table.affixes[self._affixes - 1, END]) if self._affixes else 0
        until = last + sum(map(len, parts))
        table = table._replace(
            affixes=_fitting(table.affixes, self._affixes + 1), affix_text=_fitting(table.affix_text, until)
        )
        table.affix_text[last:until] = np.concatenate(parts)
        table.affixes[self._affixes, [BEGIN, MIDDLE, END]] = last, last + len(parts[0]), until
        self._use(table)
        add_affix(table, self._seed, given, begin, end, self._roles, self._affixes)
        head, tail = (part.tobytes().decode("utf-8", "surrogatepass") for part in parts)
        if head:
            kind = 2 * self._affixes
            start = mixed(int(self._seed) + kind & ALL)
            self._starts[head[:-1], tail[1:] if tail else None] = kind, start
        self._affixes += 1


def _joined(names: Sequence[str]) -> tuple[Array, Array]:
    """The names' bytes, one behind the other, and where each ends."""
    parts = list(map(_bytes, names))
    ends = np.fromiter(accumulate(map(len, parts)), np.int64, len(parts))
    return np.frombuffer(b"".join(parts), np.uint8), ends


def _fitting(array: Array, room: int) -> Array:
    """The same with room for at least so many."""
    if room <= len(array):
        return array
    return np.concatenate([array, np.zeros((max(room, 2 * len(array)) - len(array), *array.shape[1:]), array.dtype)])
