"""Making one customer: habits, means, device and accounts, drawn together."""

from __future__ import annotations

from random import Random

from deploy.demo import names
from deploy.demo.places import CARRIERS
from deploy.demo.rhythm import around
from deploy.demo.world import Account, Device, Home, Person, Shop, World


def new_person(world: World, rng: Random, home: Home, created_ms: int) -> Person:
    """A private customer who lives at `home`; no friends, shops or employer yet."""
    name = names.person_name(rng)
    person = Person(
        name=name,
        country=names.country(rng),
        phone=names.phone(rng),
        email=names.email(rng, name),
        address=home.address,
        created_ms=created_ms,
        home=home,
        carrier=rng.randrange(CARRIERS),
        vpn=rng.random() < 0.04,
        device=Device(names.phone_model(rng), created_ms),
        salary_cents=int(around(rng, 240_000, 0.45)),
        sessions=around(rng, 0.48, 0.6),
        cards=around(rng, 0.85, 0.5),
        seller=rng.random() < 0.012,
    )
    if rng.random() < 0.3:
        person.computer = Device(names.computer_model(rng), created_ms)
    give_accounts(rng, person)
    home.members.append(person)
    person.shops = favourites(world, rng)
    return person


def give_accounts(rng: Random, person: Person) -> None:
    """A current account with up to some months' pay, and for most a savings account."""
    balance = int(person.salary_cents * around(rng, 0.8, 0.7))
    person.current = Account(person, "current", person.created_ms, balance)
    if rng.random() < 0.55:
        balance = int(person.salary_cents * around(rng, 2.0, 1.0))
        person.savings = Account(person, "savings", person.created_ms, balance)


def favourites(world: World, rng: Random) -> list[Shop]:
    """The shops a person goes to, drawn by their popularity."""
    if not world.shop_weights:
        world.shop_weights = [shop.weight for shop in world.shops]
    return rng.choices(world.shops, world.shop_weights, k=rng.randrange(4, 10))


def new_home(world: World, rng: Random) -> Home:
    """An address with a line of its own."""
    home = Home(names.address(rng), world.places.line(rng))
    world.homes.append(home)
    return home
