"""What the calendar brings: wages, rent, standing orders, the flat-share's rent passed on."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from deploy.demo.actions import Action, Pay
from deploy.demo.rhythm import around, moment_ms, month_days
from deploy.demo.routine import login
from deploy.demo.settings import HOUR_MS
from deploy.demo.world import World


def due_today(world: World, rng: Random, day_ms: int) -> Iterator[Action]:
    """Wages and standing orders that fall due on this day."""
    days = month_days(day_ms)
    at_ms = day_ms + 2 * HOUR_MS + int(rng.random() * HOUR_MS)
    for order in world.standing:
        if order.month_day not in days or order.src.owner.gone:
            continue
        if order.by_hand:
            hand_ms = moment_ms(rng, day_ms)
            yield login(world, rng, order.src.owner, hand_ms - int(around(rng, 100_000, 0.7)))
            yield Pay(hand_ms, order.src, order.dst, order.amount_cents, "app")
        else:
            at_ms += 1 + int(rng.expovariate(1 / 220))
            yield Pay(at_ms, order.src, order.dst, order.amount_cents, "standing")
    for employer in world.employers:
        if employer.month_day in days:
            at_ms = day_ms + 5 * HOUR_MS + int(rng.random() * 5 * HOUR_MS)
            for person in employer.staff:
                if person.gone:
                    continue
                at_ms += 1 + int(rng.expovariate(1 / 60))
                cents = int(person.salary_cents * rng.uniform(0.97, 1.03))
                yield Pay(at_ms, employer.account, person.main, cents, "standing")
    if 15 in days:
        yield from _pensions(world, rng, day_ms)


def _pensions(world: World, rng: Random, day_ms: int) -> Iterator[Action]:
    """Those whom no customer of this bank employs live on something too: pensions, benefits, other wages."""
    employed = {person for employer in world.employers for person in employer.staff}
    payer = world.employers[0].account
    at_ms = day_ms + 4 * HOUR_MS + int(rng.random() * HOUR_MS)
    for person in world.people:
        if person not in employed and person.alias_of is None and not person.gone:
            at_ms += 1 + int(rng.expovariate(1 / 60))
            yield Pay(at_ms, payer, person.main, int(person.salary_cents * 0.9), "standing")
