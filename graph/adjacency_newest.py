"""A hop's edges in the order of time, newest first; those of one time stay in the order they were found in.

A few runs are merged: each slot's edges are one. A hundred runs would be merged seven times over, with a guess at each
step that the processor gets wrong every other time; they are sorted by the digits of their age instead.
"""

from __future__ import annotations

import numpy as np
from numba import njit

FEW = 48  # edges up to which merging is as quick
DIGIT, MASK = 9, (1 << 9) - 1  # bits that are sorted by at once: an age of two years has four digits
DIGITS = 7  # that 63 bits have


@njit(cache=True)
def newest_first(edges, first, last, order, keys, counts):  # type: ignore[no-untyped-def]
    """Put the numbers first..last into `order[first:last]` as their times fall: an edge's first word is its time.

    `order` is as long as `edges`; `keys` is [2, as long], `counts` [DIGITS, MASK + 1] of whatever.
    """
    if last - first > FEW:
        newest = oldest = edges[first, 0]
        for at in range(first + 1, last):
            newest, oldest = max(newest, edges[at, 0]), min(oldest, edges[at, 0])
        low, bits = _bits(last), _bits(newest - oldest)
        if low + bits < 64:
            _by_digits(edges, newest, low, bits, first, last, order, keys, counts)
            return
    for at in range(first, last):
        order[at] = at
    _merge(edges, first, last, order, keys[0])


@njit(cache=True)
def _bits(of):  # type: ignore[no-untyped-def]
    """How many bits a number has; 64 what is below 0, an age that 63 did not hold."""
    bits = 0
    while bits < 64 and np.uint64(of) >> np.uint64(bits) > 0:
        bits += 1
    return bits


@njit(cache=True)
def _by_digits(edges, newest, low, bits, first, last, order, keys, counts):  # type: ignore[no-untyped-def]
    """By the lowest digit of the age first, each time keeping the order of the one before.

    What is sorted is the age with the edge's own number in `low` bits below it.
    """
    digits = (bits + DIGIT - 1) // DIGIT
    counts[:digits] = 0
    for at in range(first, last):
        age_ms = newest - edges[at, 0]
        keys[0, at] = age_ms << low | at
        for digit in range(digits):
            counts[digit, age_ms & MASK] += 1
            age_ms >>= DIGIT
    one = 0
    for digit in range(digits):
        place = first
        for value in range(MASK + 1):
            counts[digit, value], place = place, place + counts[digit, value]
        shift = low + digit * DIGIT
        for at in range(first, last):
            key = keys[one, at]
            value = key >> shift & MASK
            keys[1 - one, counts[digit, value]] = key
            counts[digit, value] += 1
        one = 1 - one
    for at in range(first, last):
        order[at] = keys[one, at] & (1 << low) - 1


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
            while left < middle and right < end:  # which is taken is nothing to guess at: nothing hangs on it
                take_left = edges[order[left], 0] >= edges[order[right], 0]
                spare[put] = order[left] if take_left else order[right]
                left += take_left
                right += not take_left
                put += 1
            for one in range(left, middle):
                spare[put + one - left] = order[one]
            for one in range(at, right):  # behind that they stand already
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
