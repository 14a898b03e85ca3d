"""An ordinary day: people look at their accounts, pay friends and shops."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from deploy.demo.actions import Action, Login, Pay
from deploy.demo.rhythm import around, count, moment_ms, price, tidy, weekday
from deploy.demo.settings import DAY_MS, HOUR_MS, MINUTE_MS
from deploy.demo.world import Person, World

_TRIP_CURRENCIES = ("EUR", "EUR", "EUR", "USD", "GBP", "CHF", "CZK", "SEK", "TRY", "EUR", "PLN", "EUR")  # per country
_QUICK = ("exchange", "remittance", "giftcards")  # honest customers use what mules use


def ordinary_day(world: World, rng: Random, day_ms: int) -> Iterator[Action]:
    """Everybody's sessions, payments and purchases of the day."""
    weekend = weekday(day_ms) >= 5
    for person in world.people:
        if person.gone:
            continue
        if person.trip is not None and person.trip.until_ms <= day_ms:
            person.trip = None
        for _ in range(count(rng, person.sessions * (0.8 if weekend else 1.08))):
            kind = "night" if rng.random() < 0.1 else "app"
            yield from _session(world, rng, person, moment_ms(rng, day_ms, kind))
        for _ in range(count(rng, person.cards * (1.25 if weekend else 0.9))):
            yield _purchase(world, rng, person, moment_ms(rng, day_ms, "card"))
        if person.seller:
            yield from _sales(world, rng, person, day_ms)
    if not weekend:
        yield from _branch(world, rng, day_ms)


def login(world: World, rng: Random, person: Person, at_ms: int) -> Login:
    """An ordinary login: the device at hand, the address that goes with where the person is."""
    device, mobile = person.device, True
    assert device is not None, f"{person.name} has no device"
    roll = rng.random()
    if person.trip is None and person.home is not None and roll < 0.3:
        if person.computer is not None and roll < 0.2:
            device, mobile = person.computer, False
        elif person.home.tablet is not None:
            device, mobile = person.home.tablet, False
    return Login(at_ms, person, device, _address(world, rng, person, at_ms, mobile))


def _address(world: World, rng: Random, person: Person, at_ms: int, mobile: bool) -> str:
    if person.vpn and rng.random() < 0.5:
        return world.places.vpn(rng)
    if person.trip is not None:
        return rng.choice(person.trip.ips)
    hour = at_ms % DAY_MS // HOUR_MS
    if mobile and person.office is not None and 8 <= hour < 17 and weekday(at_ms) < 5 and rng.random() < 0.6:
        return person.office
    if mobile and rng.random() < (0.5 if 7 <= hour < 19 else 0.25):
        return world.places.mobile(rng, person.carrier)
    assert person.home is not None
    return person.home.ip


def _session(world: World, rng: Random, person: Person, at_ms: int) -> Iterator[Action]:
    visit = login(world, rng, person, at_ms)
    yield visit
    channel = "web" if visit.device is person.computer else "app"
    if rng.random() < 0.42:
        yield _payment(world, rng, person, at_ms + _pause_ms(rng), channel)
        if rng.random() < 0.15:
            yield _payment(world, rng, person, at_ms + 4 * MINUTE_MS + _pause_ms(rng), channel)


def _pause_ms(rng: Random) -> int:
    """From the login to the payment."""
    return int(around(rng, 100_000, 0.7))


def _payment(world: World, rng: Random, person: Person, at_ms: int, channel: str) -> Pay:
    """To a friend mostly; to the own savings and back, to a seller, now and then to somebody new."""
    src, roll, means = person.main, rng.random(), person.salary_cents / 240_000
    savings = person.savings
    if roll < 0.6 and person.friends:
        friend = person.friends[min(int(rng.expovariate(0.7)), len(person.friends) - 1)]
        return Pay(at_ms, src, friend.main, tidy(rng, around(rng, 2_800, 1.0)), channel)
    if roll < 0.76 and savings is not None:
        amount = tidy(rng, around(rng, 20_000 * means, 0.9))
        if rng.random() < 0.4:
            return Pay(at_ms, savings, src, amount, channel)
        return Pay(at_ms, src, savings, amount, channel, stretch=True)
    if roll < 0.88:
        shop = rng.choice(world.shops_of(*_QUICK) if rng.random() < 0.1 else world.shops)
        if shop.category == "cashpoint":
            channel = "card"  # more cash than usual
        return Pay(at_ms, src, shop.account, price(rng, min(shop.median_cents * 2.0, 90_000), 1.0), channel)
    cents = around(rng, 9_000, 1.3)
    if rng.random() < 0.3:
        cents = around(rng, 110_000, 0.8)  # a craftsman, a used scooter, money lent
    other = world.someone(rng) if rng.random() < 0.6 else rng.choice(person.friends or world.people)
    return Pay(at_ms, src, other.main, tidy(rng, cents), channel)


def _purchase(world: World, rng: Random, person: Person, at_ms: int) -> Pay:
    known = rng.random() < 0.7 and person.shops
    shop = rng.choice(person.shops) if known else rng.choices(world.shops, world.shop_weights)[0]
    cents = price(rng, shop.median_cents * (person.salary_cents / 240_000) ** 0.5)
    if shop.category == "cashpoint":
        cents = max(2_000, cents // 1_000 * 1_000)
    currency = "EUR"
    if person.trip is not None:
        shop = world.shops[hash_of(shop.account.id + person.trip.country, len(world.shops))]
        currency = _TRIP_CURRENCIES[person.trip.country]
    return Pay(at_ms, person.main, shop.account, cents, "card", currency=currency)


def hash_of(number: int, size: int) -> int:
    """Spread numbers over range(size) the same way every time (Knuth's multiplicative hash)."""
    return number * 2_654_435_761 % 2**32 % size


def _sales(world: World, rng: Random, person: Person, day_ms: int) -> Iterator[Action]:
    """Strangers pay a seller; from time to time the takings go on to savings, a friend or a supplier."""
    for _ in range(count(rng, 1.2)):
        buyer = world.someone(rng)
        at_ms = moment_ms(rng, day_ms)
        yield login(world, rng, buyer, at_ms - _pause_ms(rng))
        yield Pay(at_ms, buyer.main, person.main, tidy(rng, around(rng, 6_500, 0.9)), "app")
    if rng.random() < 0.15:
        own = [person.savings] if person.savings is not None else []
        dst = rng.choice([*own, rng.choice(world.shops).account, rng.choice(person.friends or [person]).main])
        yield Pay(moment_ms(rng, day_ms), person.main, dst, 0, "app", of_balance=rng.uniform(0.2, 0.7))


def _branch(world: World, rng: Random, day_ms: int) -> Iterator[Action]:
    """Some still go to a branch, in its hours."""
    for _ in range(count(rng, len(world.people) * 0.012)):
        person = world.someone(rng)
        at_ms = day_ms + 9 * HOUR_MS + int(rng.random() * 7 * HOUR_MS)
        dst = world.someone(rng).main if rng.random() < 0.3 else rng.choice(person.friends or [person]).main
        yield Pay(at_ms, person.main, dst, tidy(rng, around(rng, 22_000, 1.0)), "branch")
