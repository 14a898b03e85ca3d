"""A hop's edges in the order of time, newest first; those of one time stay in the order they were found in.

A few runs are merged: each slot's edges are one. A hundred runs would be merged seven times over, with a guess at each
step that the processor gets wrong every other time; they are sorted by the digits of their age instead.
"""

from __future__ import annotations

import numpy as np
from numba import njit

FEW = 48  # edges up to which merging is as quick
DIGIT = 8  # bits that are sorted by at once


@njit(cache=True)
def newest_first(times, first, last, order, spare, counts):  # type: ignore[no-untyped-def]
    """Put the numbers first..last into `order[first:last]` as their times fall.

    `spare` has as much room as `order`, `counts` one for each digit.
    """
    for at in range(first, last):
        order[at] = at
    if last - first <= FEW:
        _merge(times, first, last, order, spare)
    else:
        _by_digits(times, first, last, order, spare, counts)


@njit(cache=True)
def _by_digits(times, first, last, order, spare, counts):  # type: ignore[no-untyped-def]
    """Lowest digit of the age first, each time keeping the order of the one before."""
    newest = oldest = times[first]
    for at in range(first + 1, last):
        newest, oldest = max(newest, times[at]), min(oldest, times[at])
    shift, one, other = 0, order, spare
    while shift < 64 and np.uint64(newest - oldest) >> np.uint64(shift) > 0:
        counts[:] = 0
        for at in range(first, last):
            counts[_digit(newest - times[at], shift)] += 1
        place = first
        for digit in range(len(counts)):
            counts[digit], place = place, place + counts[digit]
        for at in range(first, last):
            digit = _digit(newest - times[one[at]], shift)
            other[counts[digit]] = one[at]
            counts[digit] += 1
        shift, one, other = shift + DIGIT, other, one
    if shift // DIGIT % 2:
        order[first:last] = spare[first:last]


@njit(cache=True)
def _digit(age_ms, shift):  # type: ignore[no-untyped-def]
    return np.int64(np.uint64(age_ms) >> np.uint64(shift)) & ((1 << DIGIT) - 1)


@njit(cache=True)
def _merge(times, first, last, order, spare):  # type: ignore[no-untyped-def]
    """Merge neighbouring runs until one is left."""
    while True:
        at = first
        while at < last:
            middle = _run(times, order, at, last)
            if middle == last:
                break
            end = _run(times, order, middle, last)
            left, right, put = at, middle, first
            while left < middle or right < end:
                take_left = right == end or (left < middle and times[order[left]] >= times[order[right]])
                spare[put] = order[left] if take_left else order[right]
                put += 1
                if take_left:
                    left += 1
                else:
                    right += 1
            order[at:end] = spare[first:put]
            at = end
        if at == first:
            return


@njit(cache=True)
def _run(times, order, at, last):  # type: ignore[no-untyped-def]
    """Where the run that begins here ends: no edge in it is newer than the one before."""
    at += 1
    while at < last and times[order[at]] <= times[order[at - 1]]:
        at += 1
    return at
