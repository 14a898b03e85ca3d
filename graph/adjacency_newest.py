"""A hop's edges in the order of time, newest first; those of one time stay in the order they were found in.

A few runs are merged: each slot's edges are one. A hundred runs would be merged seven times over, with a guess at each
step that the processor gets wrong every other time; they are sorted by the digits of their age instead.
"""

from __future__ import annotations

import numpy as np
from numba import njit

FEW = 48  # edges up to which merging is as quick
DIGIT = 8  # bits that are sorted by at once
DIGITS = 1 << DIGIT


@njit(cache=True)
def newest_first(edges, first, last, order, spare, counts):  # type: ignore[no-untyped-def]
    """Put the numbers first..last into `order[first:last]` as their times fall: an edge's first word is its time.

    `spare` has as much room as `order`, `counts` one for each digit.
    """
    for at in range(first, last):
        order[at] = at
    if last - first <= FEW:
        _merge(edges, first, last, order, spare)
    else:
        _by_digits(edges, first, last, order, spare, counts)


@njit(cache=True)
def _by_digits(edges, first, last, order, spare, counts):  # type: ignore[no-untyped-def]
    """Lowest digit of the age first, each time keeping the order of the one before."""
    newest = oldest = edges[first, 0]
    for at in range(first + 1, last):
        newest, oldest = max(newest, edges[at, 0]), min(oldest, edges[at, 0])
    shift, turned = 0, False
    while shift < 64 and np.uint64(newest - oldest) >> np.uint64(shift) > 0:
        if turned:
            _by_digit(edges, newest, shift, first, last, spare, order, counts)
        else:
            _by_digit(edges, newest, shift, first, last, order, spare, counts)
        shift, turned = shift + DIGIT, not turned
    if turned:
        for at in range(first, last):
            order[at] = spare[at]


@njit(cache=True)
def _by_digit(edges, newest, shift, first, last, order, sorted_, counts):  # type: ignore[no-untyped-def]
    for digit in range(DIGITS):
        counts[digit] = 0
    for at in range(first, last):
        counts[_digit(newest - edges[at, 0], shift)] += 1
    place = first
    for digit in range(DIGITS):
        counts[digit], place = place, place + counts[digit]
    for at in range(first, last):
        digit = _digit(newest - edges[order[at], 0], shift)
        sorted_[counts[digit]] = order[at]
        counts[digit] += 1


@njit(cache=True)
def _digit(age_ms, shift):  # type: ignore[no-untyped-def]
    return np.int64(np.uint64(age_ms) >> np.uint64(shift)) & (DIGITS - 1)


@njit(cache=True)
def _merge(edges, first, last, order, spare):  # type: ignore[no-untyped-def]
    """Merge neighbouring runs until one is left."""
    while True:
        at = first
        while at < last:
            middle = _run(edges, order, at, last)
            if middle == last:
                break
            end = _run(edges, order, middle, last)
            left, right, put = at, middle, first
            while left < middle or right < end:
                take_left = right == end or (left < middle and edges[order[left], 0] >= edges[order[right], 0])
                spare[put] = order[left] if take_left else order[right]
                put += 1
                if take_left:
                    left += 1
                else:
                    right += 1
            for one in range(at, end):
                order[one] = spare[first + one - at]
            at = end
        if at == first:
            return


@njit(cache=True)
def _run(edges, order, at, last):  # type: ignore[no-untyped-def]
    """Where the run that begins here ends: no edge in it is newer than the one before."""
    at += 1
    while at < last and edges[order[at], 0] <= edges[order[at - 1], 0]:
        at += 1
    return at
