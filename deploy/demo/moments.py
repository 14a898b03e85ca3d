"""What happens to people now and then: a new phone, a move, a house, a journey, a collection for a gift.

Each looks like fraud from one side: that is what makes the work hard. Rates are per person and year
unless they say otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from deploy.demo import names
from deploy.demo.actions import Action, ChangeProfile, Login, MoveAccounts, OpenAccount, Pay
from deploy.demo.arrivals import arrival, family
from deploy.demo.large_sums import farewell, in_parts, loan, spree
from deploy.demo.places import COUNTRIES
from deploy.demo.rhythm import around, count, moment_ms, tidy
from deploy.demo.routine import login
from deploy.demo.settings import DAY_MS, HOUR_MS, MINUTE_MS
from deploy.demo.world import Account, Device, Person, Trip, World

Moment = Callable[[World, Random, Person, int], Iterator[Action]]
"""(world, rng, person, midnight) → what follows from it."""


def new_phone(world: World, rng: Random, person: Person, day_ms: int) -> Iterator[Action]:
    """A new device; sometimes the number or the e-mail goes with it, sometimes a large payment follows."""
    old, person.device = person.device, Device(names.phone_model(rng))
    if rng.random() < 0.12 and old is not None and person.friends:
        heir = person.friends[0]  # handed down
        heir.device = old
    at_ms = moment_ms(rng, day_ms)
    yield login(world, rng, person, at_ms)
    if rng.random() < 0.22:
        field = rng.choice(("phone", "phone", "email"))
        yield _change(rng, person, at_ms + int(around(rng, 3 * HOUR_MS, 1.8)), field)
    if rng.random() < 0.12:
        yield from large_payment(world, rng, person, day_ms + rng.randrange(0, 4) * DAY_MS)


def new_contact(world: World, rng: Random, person: Person, day_ms: int) -> Iterator[Action]:
    """Another number or e-mail address, from an ordinary session."""
    at_ms = moment_ms(rng, day_ms)
    yield login(world, rng, person, at_ms)
    yield _change(rng, person, at_ms + int(around(rng, 3 * MINUTE_MS, 0.6)), rng.choice(("phone", "email")))


def _change(rng: Random, person: Person, at_ms: int, field: str) -> ChangeProfile:
    value = names.phone(rng) if field == "phone" else names.email(rng, person.name)
    return ChangeProfile(at_ms, person, field, value)


def move_home(world: World, rng: Random, person: Person, day_ms: int) -> Iterator[Action]:
    """A household moves: new line, new address for most of its members, a deposit, furniture."""
    home = person.home
    assert home is not None
    home.address, home.ip = names.address(rng), world.places.line(rng)
    for member in home.members:
        if rng.random() < 0.8:
            at_ms = moment_ms(rng, day_ms + rng.randrange(0, 6) * DAY_MS)
            yield login(world, rng, member, at_ms)
            yield ChangeProfile(at_ms + int(around(rng, 4 * MINUTE_MS, 0.7)), member, "address", home.address)
    payer = rng.choice(home.members)
    for _ in range(rng.randrange(1, 4)):
        dst = rng.choice((world.someone(rng).main, rng.choice(world.shops_of("landlord", "electronics")).account))
        at_ms = moment_ms(rng, day_ms + rng.randrange(0, 10) * DAY_MS)
        yield Pay(at_ms, payer.main, dst, tidy(rng, around(rng, 90_000, 0.7)), "app", stretch=rng.random() < 0.5)


def large_payment(world: World, rng: Random, person: Person, day_ms: int) -> Iterator[Action]:
    """Savings come over to the current account, and most of it goes to one payee: house, car, family, coins."""
    at_ms = moment_ms(rng, day_ms, "night" if rng.random() < 0.15 else "app")
    yield login(world, rng, person, at_ms)
    if person.savings is not None:
        at_ms += int(around(rng, 2 * MINUTE_MS, 0.6))
        yield Pay(at_ms, person.savings, person.main, 0, "app", of_balance=rng.uniform(0.4, 1.0))
    shop = rng.choice(world.shops_of("notary", "dealer", "exchange", "travel", "remittance"))
    dst = shop.account if rng.random() < 0.55 else rng.choice((world.someone(rng), *person.friends[:1])).main
    share, parts = rng.uniform(0.35, 0.98), rng.choice((1, 1, 1, 2, 3))
    for _ in range(parts):
        at_ms += int(around(rng, 12 * MINUTE_MS, 1.4))
        yield Pay(at_ms, person.main, dst, 0, "app", of_balance=share / parts)


def journey(world: World, rng: Random, person: Person, day_ms: int) -> Iterator[Action]:
    """Days abroad, often the whole household, on a few addresses there."""
    country = rng.randrange(COUNTRIES)
    ips = tuple(world.places.foreign(rng, country) for _ in range(rng.randrange(1, 4)))
    trip = Trip(day_ms + rng.randrange(2, 15) * DAY_MS, country, ips)
    together = person.home is not None and not person.home.shared_flat and rng.random() < 0.6
    for traveller in person.home.members if together and person.home is not None else (person,):
        traveller.trip = trip
    yield login(world, rng, person, moment_ms(rng, day_ms))


def collection(world: World, rng: Random, person: Person, day_ms: int) -> Iterator[Action]:
    """Friends and colleagues pay one of them within hours; what came together goes on in one payment."""
    givers = list(person.friends)
    if len(givers) < 8:
        givers += world.some(rng, rng.randrange(2, 7), [person, *givers])
    each, at_ms, total = rng.choice((500, 1_000, 1_500, 2_000, 5_000, 12_000)), moment_ms(rng, day_ms), 0
    hours = around(rng, 5, 0.8)
    for giver in givers:
        cents = each if rng.random() < 0.7 else tidy(rng, each * rng.uniform(0.5, 2.5))
        total += cents
        yield Pay(at_ms + int(rng.random() * hours * HOUR_MS), giver.main, person.main, cents, "app")
    out_ms = at_ms + int((hours + around(rng, 2, 0.9)) * HOUR_MS)
    shop = rng.choice(world.shops_of("online", "travel", "giftcards", "electronics", "charity"))
    dst = shop.account if rng.random() < 0.6 else world.someone(rng).main
    yield login(world, rng, person, out_ms - MINUTE_MS - int(rng.random() * 4 * MINUTE_MS))
    yield Pay(out_ms, person.main, dst, int(total * rng.uniform(0.8, 1.0)), "app", stretch=True)


def second_account(world: World, rng: Random, person: Person, day_ms: int) -> Iterator[Action]:
    """A customer opens a savings account and fills it."""
    if person.savings is None:
        person.savings = Account(person, "savings", day_ms)
        at_ms = moment_ms(rng, day_ms)
        yield OpenAccount(at_ms, person.savings)
        yield Pay(at_ms + int(around(rng, HOUR_MS, 1.0)), person.main, person.savings, 0, "app", of_balance=0.3)


def errand(world: World, rng: Random, person: Person, day_ms: int) -> Iterator[Action]:
    """Money passed on for somebody else: it comes in, and within hours most of it goes to a third."""
    first, last = world.someone(rng), world.someone(rng)
    giver = rng.choice(person.friends) if person.friends else first
    cents, at_ms = tidy(rng, around(rng, 40_000, 1.0)), moment_ms(rng, day_ms)
    yield Pay(at_ms, giver.main, person.main, cents, "app")
    out_ms = at_ms + int(around(rng, 3 * HOUR_MS, 1.0))
    yield login(world, rng, person, out_ms - MINUTE_MS)
    dst = rng.choice((last.main, rng.choice(world.shops).account))
    yield Pay(out_ms, person.main, dst, int(cents * rng.uniform(0.85, 1.0)), "app", stretch=True)


def borrowed(world: World, rng: Random, person: Person, day_ms: int) -> Iterator[Action]:
    """A look at the account from a friend's device, at the friend's place; perhaps a payment from there."""
    friend = rng.choice(person.friends) if person.friends else person
    there = login(world, rng, friend, moment_ms(rng, day_ms))
    yield Login(there.at_ms, person, there.device, there.ip)
    if rng.random() < 0.3:
        at_ms = there.at_ms + int(around(rng, 2 * MINUTE_MS, 0.7))
        yield Pay(at_ms, person.main, world.someone(rng).main, tidy(rng, around(rng, 12_000, 1.2)), "app")


def merge(world: World, rng: Random, person: Person, day_ms: int) -> Iterator[Action]:
    """The bank finds that one person was entered twice, and moves the accounts to one record."""
    twins = [one for one in world.people if one.alias_of is not None and one.sessions]
    if twins:
        twin = rng.choice(twins)
        twin.sessions = twin.cards = 0.0
        assert twin.alias_of is not None
        yield MoveAccounts(moment_ms(rng, day_ms), twin, twin.alias_of)


RATES: tuple[tuple[Moment, float], ...] = (
    (new_phone, 0.9),
    (new_contact, 0.6),
    (move_home, 0.12),
    (large_payment, 0.6),
    (journey, 0.9),
    (collection, 0.22),
    (second_account, 0.1),
    (errand, 1.0),
    (borrowed, 0.5),
    (merge, 0.02),
    (loan, 0.5),
    (in_parts, 0.8),
    (spree, 0.7),
    (farewell, 0.12),
)


FAMILIES = 0.12
"""Households that come to the bank together, per single new customer."""


def moments_of(world: World, rng: Random, day_ms: int, new_customers: float) -> Iterator[Action]:
    """What happens to whom on this day. `new_customers` is per customer and day."""
    size = len(world.people)
    for moment, per_year in RATES:
        for _ in range(count(rng, size * per_year / 365)):
            yield from moment(world, rng, world.someone(rng), day_ms)
    for _ in range(count(rng, size * new_customers)):
        yield from arrival(world, rng, world.someone(rng), day_ms)
    for _ in range(count(rng, size * new_customers * FAMILIES)):
        yield from family(world, rng, world.someone(rng), day_ms)
    for home in world.homes:
        if rng.random() < 1 / 40:
            home.ip = world.places.line(rng)  # the provider's lease ran out
