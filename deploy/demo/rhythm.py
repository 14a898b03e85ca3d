"""When people do things: hours of the day, days of the week, amounts as people choose them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import accumulate
from math import exp, log
from random import Random

from deploy.demo.settings import HOUR_MS

# Weights of the hours 0 to 23 (UTC stands for local time).
_APP = (4, 2, 1, 1, 1, 3, 10, 22, 28, 26, 25, 26, 32, 28, 24, 24, 27, 33, 38, 40, 38, 30, 20, 10)
_CARD = (2, 1, 1, 0, 0, 1, 8, 18, 20, 22, 26, 32, 42, 34, 26, 26, 32, 44, 46, 36, 24, 14, 8, 4)
_NIGHT = (20, 22, 24, 22, 16, 12, 10, 12, 14, 16, 16, 16, 18, 18, 16, 16, 16, 18, 18, 20, 20, 20, 20, 20)
HOURS = {name: list(accumulate(weights)) for name, weights in (("app", _APP), ("card", _CARD), ("night", _NIGHT))}
_RANGE = range(24)


def moment_ms(rng: Random, day_ms: int, kind: str = "app") -> int:
    """A moment of the day that starts at `day_ms`, by the rhythm of `kind` (app, card, night)."""
    hour = rng.choices(_RANGE, cum_weights=HOURS[kind])[0]
    return day_ms + hour * HOUR_MS + int(rng.random() * HOUR_MS)


def count(rng: Random, mean: float) -> int:
    """How often, on a day (Poisson, Knuth's method: means here are small)."""
    limit, product, events = exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        events += 1
    return events


def around(rng: Random, median: float, sigma: float) -> float:
    """A lognormal draw with this median."""
    return rng.lognormvariate(log(median), sigma)


def tidy(rng: Random, cents: float) -> int:
    """An amount as people type it: often whole, fives or tens, sometimes to the cent; at least 1.00."""
    roll, step = rng.random(), 1
    if roll < 0.35:
        step = 1_000 if cents > 5_000 else 500
    elif roll < 0.70:
        step = 100
    elif roll < 0.78:
        step = 10
    return max(100, round(cents / step) * step)


LIMITS_CENTS = (25_000, 50_000, 100_000, 100_000)
"""Up to here no second factor, no question, no report: 250 for a payment by app, 500 for a new payee, 1,000 a day."""


def below(rng: Random, limit_cents: int) -> int:
    """An amount of somebody who wants to stay under a limit: mostly within a tenth of it."""
    cents = tidy(rng, limit_cents * (1 - min(0.6, rng.expovariate(9))))
    return min(cents, limit_cents - rng.choice((1, 50, 100, 500, 1_000, 1_000)))


def price(rng: Random, median_cents: float, sigma: float = 0.7) -> int:
    """An amount as shops charge it: often .99 or .50, otherwise any; at least 0.50."""
    cents = max(50, int(around(rng, median_cents, sigma)))
    roll = rng.random()
    if roll < 0.2:
        return cents - cents % 100 + 99
    return cents - cents % 10 if roll < 0.35 else cents


def weekday(day_ms: int) -> int:
    """Monday is 0."""
    return (day_ms // (24 * HOUR_MS) + 3) % 7  # 1970-01-01 was a Thursday


def month_days(day_ms: int) -> tuple[int, ...]:
    """The days of the month that fall due on this day: on a month's last day also those up to 31."""
    day = datetime.fromtimestamp(day_ms / 1000, UTC)
    if (day + timedelta(days=1)).month == day.month:
        return (day.day,)
    return tuple(range(day.day, 32))
