"""New customers: alone, brought by somebody, or a whole household within days. Honest ones share things too."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from deploy.demo import names
from deploy.demo.actions import Action, OpenCustomer, Pay
from deploy.demo.large_sums import loan
from deploy.demo.people import new_home, new_person
from deploy.demo.population import befriend, employ, share, take_on_bills
from deploy.demo.rhythm import around, moment_ms, tidy
from deploy.demo.routine import login
from deploy.demo.settings import DAY_MS, HOUR_MS, MINUTE_MS
from deploy.demo.world import Device, Home, Person, World


def arrival(world: World, rng: Random, person: Person, day_ms: int) -> Iterator[Action]:
    """A new customer (`person` brought them). Many are sent money within hours, and spend it."""
    shares = rng.random() < 0.3 and person.home is not None
    home = person.home if shares and person.home is not None else new_home(world, rng)
    guest = _guest(world, rng, home, moment_ms(rng, day_ms))
    if rng.random() < 0.8:
        befriend(guest, person)
        befriend(guest, rng.choice(person.friends or [person]))
    yield from _settle_in(world, rng, guest)


def family(world: World, rng: Random, person: Person, day_ms: int) -> Iterator[Action]:
    """A household comes to the bank within days: one address and line, perhaps one number, one tablet, one phone."""
    home = new_home(world, rng)
    at_ms = moment_ms(rng, day_ms)
    for _ in range(rng.choice((2, 2, 3, 4))):
        _guest(world, rng, home, at_ms)
        at_ms += int(around(rng, 14 * HOUR_MS, 1.4))
    if rng.random() < 0.6:
        home.tablet = Device(names.computer_model(rng))
    share(rng, home.members)
    befriend(home.members[0], person)
    for guest in home.members:
        for mate in home.members:
            befriend(guest, mate)
        yield from _settle_in(world, rng, guest)


def _guest(world: World, rng: Random, home: Home, at_ms: int) -> Person:
    guest = new_person(world, rng, home, at_ms)
    for account in guest.accounts:
        account.balance_cents = 0
    return guest


def _settle_in(world: World, rng: Random, guest: Person) -> Iterator[Action]:
    """The account is opened, looked at, sent money; work and bills begin; some take a loan in the first weeks."""
    at_ms = guest.created_ms
    employ(world, rng, guest)
    take_on_bills(world, rng, guest)
    yield OpenCustomer(at_ms, guest)
    yield login(world, rng, guest, at_ms + int(around(rng, 9 * MINUTE_MS, 1.0)))
    for _ in range(rng.choice((0, 1, 1, 2, 3, 4))):
        giver = rng.choice(guest.friends) if guest.friends and rng.random() < 0.7 else world.someone(rng)
        cents = tidy(rng, around(rng, 35_000, 1.1))
        in_ms = at_ms + int(around(rng, 14 * HOUR_MS, 1.2))
        yield Pay(in_ms, giver.main, guest.main, cents, "app")
        if rng.random() < 0.45:
            dst = guest.savings or rng.choice(world.shops).account
            out_ms = in_ms + int(around(rng, 5 * HOUR_MS, 1.2))
            yield Pay(out_ms, guest.main, dst, int(cents * rng.uniform(0.5, 1)), "app", stretch=True)
    if rng.random() < 0.3:
        yield from loan(world, rng, guest, at_ms - at_ms % DAY_MS + rng.randrange(2, 28) * DAY_MS)
