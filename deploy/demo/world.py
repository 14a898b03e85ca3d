"""The world of the demo bank: people, accounts, devices, homes. Mutable, and known to the simulator only.

An object's `id` is 0 until its row is written: ids are given in the order of time, whoever is behind them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from deploy.demo.change import Row
from deploy.demo.places import Places


@dataclass(slots=True, eq=False)
class Device:
    """A phone, tablet or computer."""

    model: str
    first_seen_ms: int = 0
    id: int = 0


@dataclass(slots=True, eq=False)
class Account:
    """An account; the balance steers behaviour and is in no table. Companies never run dry."""

    owner: Person
    kind: str
    opened_ms: int
    balance_cents: int = 0
    bottomless: bool = False
    id: int = 0
    row: Row = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Home:
    """Where people live: one address, one IP at a time, perhaps one tablet for all."""

    address: str
    ip: str
    shared_flat: bool = False
    tablet: Device | None = None
    members: list[Person] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Trip:
    """A stay abroad."""

    until_ms: int
    country: int
    ips: tuple[str, ...]


@dataclass(slots=True, eq=False)
class Standing:
    """A payment that leaves every month, `by_hand` from the app. A payee without an account yet gets nothing."""

    src: Account
    dst: Account
    amount_cents: int
    month_day: int
    by_hand: bool = False


@dataclass(slots=True, eq=False)
class Person:
    """A customer (or, without a home, a company)."""

    name: str
    country: str
    phone: str
    email: str
    address: str
    created_ms: int
    home: Home | None = None
    carrier: int = 0
    office: str | None = None
    vpn: bool = False
    device: Device | None = None
    computer: Device | None = None
    current: Account | None = None
    savings: Account | None = None
    salary_cents: int = 0
    sessions: float = 0.0
    cards: float = 0.0
    seller: bool = False
    friends: list[Person] = field(default_factory=list)
    shops: list[Shop] = field(default_factory=list)
    trip: Trip | None = None
    alias_of: Person | None = None
    gone: bool = False
    id: int = 0
    row: Row = field(default_factory=dict)

    @property
    def main(self) -> Account:
        """The current account every private customer has."""
        assert self.current is not None, f"{self.name} has no current account"
        return self.current

    @property
    def accounts(self) -> list[Account]:
        """The accounts in the order they are opened."""
        return [account for account in (self.current, self.savings) if account is not None]


@dataclass(slots=True, eq=False)
class Shop:
    """A merchant: what it sells decides what is paid there."""

    account: Account
    category: str
    median_cents: int
    weight: float


@dataclass(slots=True, eq=False)
class Employer:
    """A company that pays wages on one day of the month (31 is the last)."""

    account: Account
    month_day: int
    staff: list[Person] = field(default_factory=list)
    offices: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class World:
    """Everybody and everything."""

    places: Places
    people: list[Person] = field(default_factory=list)
    companies: list[Person] = field(default_factory=list)
    shops: list[Shop] = field(default_factory=list)
    employers: list[Employer] = field(default_factory=list)
    homes: list[Home] = field(default_factory=list)
    standing: list[Standing] = field(default_factory=list)
    underworld: dict[str, object] = field(default_factory=dict)
    """What typologies remember between episodes, by a name of theirs."""
    shop_weights: list[float] = field(default_factory=list)

    def shops_of(self, *categories: str) -> list[Shop]:
        """Merchants that sell one of these."""
        return [shop for shop in self.shops if shop.category in categories]

    def someone(self, rng: Random) -> Person:
        """Any customer who has an account by now, and is still there."""
        while True:
            person = rng.choice(self.people)
            if person.id and person.main.id and not person.gone:
                return person

    def some(self, rng: Random, count: int, besides: Sequence[Person] = ()) -> list[Person]:
        """Distinct customers, none of them among `besides`."""
        found: list[Person] = []
        while len(found) < count:
            person = self.someone(rng)
            if person not in found and person not in besides:
                found.append(person)
        return found
