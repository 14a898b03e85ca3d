"""Synthetic identity: people who don't exist, opened one by one, well behaved for weeks, then cashed out."""

from __future__ import annotations

from random import Random

from deploy.demo.actions import Action, Leave, Login, OpenCustomer, Pay
from deploy.demo.people import new_home, new_person
from deploy.demo.population import befriend, employ
from deploy.demo.rhythm import around, moment_ms, price, tidy
from deploy.demo.routine import login
from deploy.demo.settings import DAY_MS, HOUR_MS, MINUTE_MS
from deploy.demo.typologies.typology import register
from deploy.demo.typologies.underworld import Underworld, hideout, waking
from deploy.demo.world import Account, Device, Person, World


@register
class SyntheticIdentity:
    """Three or four of them share addresses, phones and devices; loans come in, and all of it goes out."""

    name = "synthetic_identity"
    share = 0.18

    def plan(self, world: World, rng: Random, start_ms: int) -> list[Action]:
        """One circle, from the first account opened to the last cent."""
        circle = _Circle(world, rng)
        open_ms = circle.open(start_ms)
        circle.cash_out(open_ms + int(rng.uniform(4, 22) * DAY_MS))
        return circle.actions


class _Circle:
    """One episode while it is planned."""

    def __init__(self, world: World, rng: Random) -> None:
        self.world, self.rng, self.crime = world, rng, Underworld.of(world)
        self.homes = [new_home(world, rng) for _ in range(rng.choice((1, 2, 2)))]
        self.devices = [self.crime.device(rng) for _ in range(rng.choice((1, 2)))]
        self.numbers = [self.crime.number(rng) for _ in range(rng.choice((1, 2)))]
        self.people: list[Person] = []
        self.actions: list[Action] = []

    def open(self, at_ms: int) -> int:
        """Customers one after another, hours or days apart; when the last is there. They then live as anybody does."""
        rng = self.rng
        for _ in range(rng.choice((3, 3, 3, 4))):
            person = self._invent(at_ms)
            self.actions.append(OpenCustomer(at_ms, person))
            self.actions.append(login(self.world, rng, person, at_ms + int(around(rng, 9 * MINUTE_MS, 1.0))))
            for _ in range(rng.choice((0, 1, 1, 2))):
                self._pay_in(person, at_ms + int(around(rng, 20 * HOUR_MS, 1.2)))
            day_ms = at_ms - at_ms % DAY_MS
            at_ms = max(at_ms + MINUTE_MS, moment_ms(rng, day_ms + int(around(rng, 1.5, 0.9)) * DAY_MS))
        return at_ms

    def cash_out(self, at_ms: int) -> None:
        """All within hours, or one after another over days; perhaps all to one account."""
        rng = self.rng
        gap_ms = rng.choice((HOUR_MS, 20 * HOUR_MS))
        mule = self.crime.mule(rng, at_ms) if rng.random() < 0.4 else None
        herder = self.crime.device(rng) if rng.random() < 0.4 else None
        for person in rng.sample(self.people, len(self.people)):
            at_ms = waking(rng, at_ms)
            if rng.random() < 0.5:
                self._borrow(person, at_ms - int(around(rng, 5 * HOUR_MS, 1.0)))
            self._log_in(person, at_ms, herder)
            self._empty(person, at_ms, None if mule is None else mule.account)
            at_ms += int(around(rng, gap_ms, 0.8))

    def _invent(self, at_ms: int) -> Person:
        """A name with an address, mostly a number and a device, that others of the circle have too."""
        rng = self.rng
        person = new_person(self.world, rng, rng.choice(self.homes), at_ms)
        for account in person.accounts:
            account.balance_cents = 0
        if rng.random() < 0.75:
            person.device = rng.choice(self.devices)
        if person.device not in self.devices or rng.random() < 0.4:
            person.phone = rng.choice(self.numbers)
        if rng.random() < 0.6:
            employ(self.world, rng, person)
        for other in self.people:
            if rng.random() < 0.5:
                befriend(person, other)
        person.friends += self.world.some(rng, rng.randrange(1, 4), person.friends)
        self.people.append(person)
        return person

    def _pay_in(self, person: Person, at_ms: int) -> None:
        """Something to live on, from somebody of the trade or from anybody."""
        mule = self.crime.mule(self.rng, at_ms)
        giver = self.world.someone(self.rng).main if mule is None or self.rng.random() < 0.6 else mule.account
        self.actions.append(Pay(at_ms, giver, person.main, tidy(self.rng, around(self.rng, 35_000, 1.1)), "app"))

    def _borrow(self, person: Person, at_ms: int) -> None:
        """A loan that nobody will pay back."""
        lender = self.rng.choice(self.world.shops_of("lender")).account
        cents = tidy(self.rng, around(self.rng, 110_000, 0.7))
        self.actions.append(Pay(at_ms, lender, person.main, cents, "web", fraud=True))

    def _log_in(self, person: Person, at_ms: int, herder: Device | None) -> None:
        """From one device for all of them, which is fraud; or as in all the weeks before, which is none."""
        if herder is None:
            self.actions.append(login(self.world, self.rng, person, at_ms))
        else:
            self.actions.append(Login(at_ms, person, herder, hideout(self.world, self.rng), fraud=True))

    def _empty(self, person: Person, at_ms: int, collector: Account | None) -> None:
        """One session takes all there is; half of them are never seen again."""
        rng = self.rng
        for left in range(rng.choice((1, 1, 2)), 0, -1):
            at_ms += int(around(rng, 6 * MINUTE_MS, 1.3))
            shop = rng.choice(self.world.shops_of("exchange", "remittance", "giftcards", "cashpoint", "electronics"))
            dst = collector if collector is not None and rng.random() < 0.6 else shop.account
            bought = dst is shop.account and shop.category in ("electronics", "giftcards")
            by_card = dst is shop.account and (shop.category == "cashpoint" or (bought and rng.random() < 0.6))
            cents = price(rng, shop.median_cents * 2.0, 0.8) if bought else 0
            share = 0.0 if bought else rng.uniform(0.6, 1.0) if left == 1 else rng.uniform(0.15, 0.6)
            channel = "card" if by_card else "app"
            self.actions.append(Pay(at_ms, person.main, dst, cents, channel, fraud=True, of_balance=share))
        if rng.random() < 0.5:
            self.actions.append(Leave(at_ms + int(around(rng, DAY_MS, 0.8)), person))
