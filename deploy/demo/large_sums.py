"""When honest people move large sums: loans, parts under a limit, an afternoon of buying, a farewell.

Each is the twin of a kind of fraud: of synthetic identities, of structuring, of the bust-out.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from deploy.demo.actions import Action, Leave, Pay
from deploy.demo.rhythm import LIMITS_CENTS, around, below, moment_ms, price, tidy
from deploy.demo.routine import login
from deploy.demo.settings import DAY_MS, HOUR_MS, MINUTE_MS
from deploy.demo.world import Account, Person, Standing, World


def loan(world: World, rng: Random, person: Person, day_ms: int) -> Iterator[Action]:
    """A lender pays out; most of it is spent within hours or days, and paid back month by month."""
    lender = rng.choice(world.shops_of("lender")).account
    at_ms, cents = moment_ms(rng, day_ms), tidy(rng, around(rng, 110_000, 0.7))
    yield Pay(at_ms, lender, person.main, cents, "web")
    world.standing.append(Standing(person.main, lender, max(2_000, cents // 12), rng.randrange(1, 29)))
    parts = rng.choice((0, 1, 1, 2, 3))
    for _ in range(parts):
        at_ms += int(around(rng, 5 * HOUR_MS, 1.4))
        dst = _payee(world, rng, person, ("dealer", "electronics", "travel", "exchange", "remittance", "cashpoint"))
        yield login(world, rng, person, at_ms - _pause_ms(rng))
        yield Pay(at_ms, person.main, dst, tidy(rng, cents * rng.uniform(0.5, 1.0) / parts), "app", stretch=True)


def in_parts(world: World, rng: Random, person: Person, day_ms: int) -> Iterator[Action]:
    """A large bill, but the app lets only so much through a day: parts at the limit or under it, over some days."""
    limit, at_ms = rng.choice(LIMITS_CENTS), moment_ms(rng, day_ms)
    dst = _payee(world, rng, person, ("dealer", "electronics", "travel", "landlord", "notary"))
    if person.savings is not None and rng.random() < 0.6:
        yield Pay(at_ms - int(around(rng, 2 * HOUR_MS, 1.0)), person.savings, person.main, 0, "app", of_balance=0.6)
    for number in range(rng.choice((2, 2, 3, 3, 4, 6))):
        yield login(world, rng, person, at_ms - _pause_ms(rng))
        cents = limit if rng.random() < 0.3 else below(rng, limit)
        yield Pay(at_ms, person.main, dst, cents, rng.choice(("app", "app", "web")), stretch=True)
        if number and rng.random() < 0.3:
            dst = _payee(world, rng, person, ("dealer", "electronics", "travel"))
        at_ms = moment_ms(rng, at_ms - at_ms % DAY_MS + rng.choice((1, 1, 1, 2, 4)) * DAY_MS)


def spree(world: World, rng: Random, person: Person, day_ms: int) -> Iterator[Action]:
    """An afternoon of buying: furniture, a phone, presents, some of it by app; cash for the rest."""
    at_ms = moment_ms(rng, day_ms, "card")
    shops = world.shops_of("electronics", "online", "clothing", "giftcards", "travel", "cashpoint", "exchange")
    for _ in range(rng.randrange(2, 7)):
        shop = rng.choice(shops)
        channel = "app" if shop.category == "exchange" or rng.random() < 0.15 else "card"
        cents = price(rng, shop.median_cents * 1.5, 0.8)
        yield Pay(at_ms, person.main, shop.account, cents, channel, stretch=True)
        at_ms += int(around(rng, 35 * MINUTE_MS, 1.0))


def farewell(world: World, rng: Random, person: Person, day_ms: int) -> Iterator[Action]:
    """Somebody moves away: what is there goes within hours to family, abroad, into cash; then silence."""
    at_ms = moment_ms(rng, day_ms)
    yield login(world, rng, person, at_ms)
    if person.savings is not None:
        at_ms += int(around(rng, 3 * MINUTE_MS, 0.7))
        yield Pay(at_ms, person.savings, person.main, 0, "app", of_balance=rng.uniform(0.8, 1.0))
    for left in range(rng.choice((1, 2, 2, 3, 4, 5)), 0, -1):
        at_ms += int(around(rng, 40 * MINUTE_MS, 1.2))
        shop = rng.choice(world.shops_of("remittance", "exchange", "cashpoint", "travel", "electronics"))
        dst = shop.account if rng.random() < 0.6 else _friend(world, rng, person)
        channel = "card" if dst is shop.account and shop.category == "cashpoint" else "app"
        share = rng.uniform(0.85, 1.0) if left == 1 else rng.uniform(0.2, 0.7)
        yield Pay(at_ms, person.main, dst, 0, channel, of_balance=share)
    yield Leave(at_ms + int(around(rng, 2 * DAY_MS, 0.8)), person)


def _payee(world: World, rng: Random, person: Person, trades: tuple[str, ...]) -> Account:
    """A shop of one of these trades, or somebody."""
    return rng.choice(world.shops_of(*trades)).account if rng.random() < 0.55 else _friend(world, rng, person)


def _friend(world: World, rng: Random, person: Person) -> Account:
    return (rng.choice(person.friends) if person.friends and rng.random() < 0.5 else world.someone(rng)).main


def _pause_ms(rng: Random) -> int:
    """From the login to the payment."""
    return int(around(rng, 100_000, 0.7))
