"""Names as numbers in open addressing over packed arrays, compiled: no text is an object of its own.

A name is cut into what thousands share (its affix: up to the first colon, and from the last one on where roles follow
the key) and what is its own. An own part that is a whole number is kept as that, any other text as a record of an
arena. A hash only says where to look: what is found there is compared to the last byte.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from graph.adjacency_arrays import NONE, Array
from graph.arena import put_record, span

COLON, ZERO, NINE = ord(":"), ord("0"), ord("9")
MOST_DIGITS = 18  # that always fit 63 bits
DONE, NEW_AFFIX = 0, -1  # why numbering stopped
EMPTY = NONE
ALL = (1 << 64) - 1
MIX = 0xD6E8FEB86659FD93  # odd, and half of its bits are set
BEGIN, MIDDLE, END = range(3)  # of an affix: what stands before and what behind a name's own part


class Table(NamedTuple):
    """Names by number.

    Attributes:
        slots: [T] numbers; EMPTY where there is none.
        kind: [N] twice the affix, 1 more where `word` is a record; NONE where the number is nobody's.
        word: [N] the whole number that is a name's own part, or the record.
        units, state: the arena of records.
        affix_slots: [A] affixes, as `slots`.
        affixes: [affixes, 3] where each begins, is parted and ends in `affix_text`.
        affix_text: bytes.
    """

    slots: Array
    kind: Array
    word: Array
    units: Array
    state: Array
    affix_slots: Array
    affixes: Array
    affix_text: Array


@njit(cache=True)
def _mixed(x):  # type: ignore[no-untyped-def]
    """Every bit of 64 depends on every other: shifts and products by turns, as xorshift-multiply mixers do."""
    x = (x ^ (x >> np.uint64(32))) * np.uint64(MIX)
    x = (x ^ (x >> np.uint64(32))) * np.uint64(MIX)
    return x ^ (x >> np.uint64(32))


def mixed(x: int) -> int:
    """The same of a number of Python's, from 0 to 2**64 - 1."""
    x = (x ^ x >> 32) * MIX & ALL
    x = (x ^ x >> 32) * MIX & ALL
    return x ^ x >> 32


@njit(cache=True)
def _hash_text(text, begin, end, hashed):  # type: ignore[no-untyped-def]
    for at in range(begin, end):
        hashed = (hashed ^ np.uint64(text[at])) * np.uint64(0x100000001B3)  # FNV's prime
    return _mixed(hashed)


@njit(cache=True)
def _start(hashed, many):  # type: ignore[no-untyped-def]
    """Where to look first among so many."""
    return np.int64((hashed >> np.uint64(32)) * np.uint64(many) >> np.uint64(32))


@njit(cache=True)
def _same(text, begin, end, other, first, last):  # type: ignore[no-untyped-def]
    if end - begin != last - first:
        return False
    at = 0
    while at < end - begin and text[begin + at] == other[first + at]:
        at += 1
    return at == end - begin


@njit(cache=True)
def cut(given, begin, end, both):  # type: ignore[no-untyped-def]
    """Where a name's own part begins and ends. `both`: from the last colon on is affix too."""
    first = begin
    while first < end and given[first] != COLON:
        first += 1
    if first == end:
        return begin, end
    last = end
    if both:
        last -= 1
        while given[last] != COLON:
            last -= 1
        if last == first:
            last = end
    return first + 1, last


@njit(cache=True)
def _affix_of(table, seed, given, begin, low, high, end):  # type: ignore[no-untyped-def]
    """The number of a name's affix, and the entry where the search ended: its own, or an empty one."""
    slots, affixes, text = table.affix_slots, table.affixes, table.affix_text
    at = _start(_hash_text(given, high, end, _hash_text(given, begin, low, seed)), len(slots))
    while slots[at] != EMPTY:
        affix = slots[at]
        mid = affixes[affix, MIDDLE]
        if _same(given, begin, low, text, affixes[affix, BEGIN], mid) and _same(
            given, high, end, text, mid, affixes[affix, END]
        ):
            return affix, at
        at = at + 1 if at + 1 < len(slots) else 0
    return NONE, at


@njit(cache=True)
def add_affix(table, seed, given, begin, end, both, affix):  # type: ignore[no-untyped-def]
    """Enter an affix whose text and bounds stand in the table already."""
    low, high = cut(given, begin, end, both)
    _, at = _affix_of(table, seed, given, begin, low, high, end)
    table.affix_slots[at] = affix


@njit(cache=True)
def _whole(given, begin, end):  # type: ignore[no-untyped-def]
    """A whole number as it would be written again, -1 where the text is none."""
    if begin == end or end - begin > MOST_DIGITS or (given[begin] == ZERO and end - begin > 1):
        return -1
    value = np.int64(0)
    for at in range(begin, end):
        if given[at] < ZERO or given[at] > NINE:
            return -1
        value = value * 10 + np.int64(given[at] - ZERO)
    return value


@njit(cache=True)
def _hash_of(table, seed, number, text):  # type: ignore[no-untyped-def]
    """The hash of a name that is in the table."""
    kind, word = table.kind[number], table.word[number]
    if kind & 1:
        begin, end = span(text, word)
        return _hash_text(text, begin, end, seed + np.uint64(kind))
    return _mixed(np.uint64(word) ^ _mixed(seed + np.uint64(kind)))


@njit(cache=True)
def number_all(table, seed, both, full, given, ends, first, fresh, out):  # type: ignore[no-untyped-def]
    """Number names from `first` on: those that are new get the next of `fresh`, NONE where there is none.

    Args:
        full: there is no room for further affixes; names with others are kept whole, under affix 0, which is empty.
        given: the names' bytes, one behind the other; each ends at its `ends` [names].
        out: [names] their numbers.

    Returns:
        How many names are done, how many of `fresh` were used, and why it stopped: DONE, or NEW_AFFIX (then the
        affix of the name behind them has to be entered first; without `fresh` it is not there, and so is the name not).
    """
    slots, kinds, words = table.slots, table.kind, table.word
    text, used = table.units.view(np.uint8), 0
    for one in range(first, len(ends)):
        begin, end = (ends[one - 1] if one else 0), ends[one]
        low, high = cut(given, begin, end, both)
        affix, _ = _affix_of(table, seed, given, begin, low, high, end)
        if affix < 0 and full:
            low, high, affix = begin, end, 0
        elif affix < 0:
            if len(fresh):
                return one, used, NEW_AFFIX
            out[one] = NONE
            continue
        value = _whole(given, low, high)
        if value >= 0:
            kind = 2 * affix
            hashed = _mixed(np.uint64(value) ^ _mixed(seed + np.uint64(kind)))
        else:
            kind = 2 * affix + 1
            hashed = _hash_text(given, low, high, seed + np.uint64(kind))
        at = _start(hashed, len(slots))
        found = slots[at]
        while found != EMPTY:
            if kinds[found] == kind:
                if value >= 0:
                    if words[found] == value:
                        break
                else:
                    start, stop = span(text, words[found])
                    if _same(given, low, high, text, start, stop):
                        break
            at = at + 1 if at + 1 < len(slots) else 0
            found = slots[at]
        if found == EMPTY and len(fresh):
            found = slots[at] = fresh[used]
            used += 1
            kinds[found] = kind
            words[found] = value if value >= 0 else put_record(table.units, table.state, given, low, high)
        out[one] = found
    return len(ends), used, DONE


@njit(cache=True)
def rehash(table, seed, size):  # type: ignore[no-untyped-def]
    """Enter every name below `size` into the table's empty `slots`."""
    slots, text = table.slots, table.units.view(np.uint8)
    for number in range(size):
        if table.kind[number] >= 0:
            at = _start(_hash_of(table, seed, number, text), len(slots))
            while slots[at] != EMPTY:
                at = at + 1 if at + 1 < len(slots) else 0
            slots[at] = number


@njit(cache=True)
def take_away(table, seed, number):  # type: ignore[no-untyped-def]
    """Take a name out; what stands behind it moves up, so that nothing is looked for in vain (Knuth, 6.4, R)."""
    slots, text = table.slots, table.units.view(np.uint8)
    many = len(slots)
    at = _start(_hash_of(table, seed, number, text), many)
    while slots[at] != number:
        at = at + 1 if at + 1 < many else 0
    hole, at = at, at + 1 if at + 1 < many else 0
    while slots[at] != EMPTY:
        home = _start(_hash_of(table, seed, slots[at], text), many)
        if (at - home) % many >= (at - hole) % many:
            slots[hole] = slots[at]
            hole = at
        at = at + 1 if at + 1 < many else 0
    slots[hole] = EMPTY
