"""Bust-out: an account is built up for weeks until it looks sound, then emptied within hours, then silence."""

from __future__ import annotations

from random import Random

from deploy.demo.actions import Action, Leave, OpenCustomer, Pay
from deploy.demo.people import new_home, new_person
from deploy.demo.rhythm import around, price, tidy
from deploy.demo.routine import login
from deploy.demo.settings import DAY_MS, HOUR_MS, MINUTE_MS
from deploy.demo.typologies.typology import register
from deploy.demo.typologies.underworld import Underworld, waking
from deploy.demo.world import Account, Person, World


@register
class BustOut:
    """The owner is in it: own device, own address, payments that grow between a few who know each other."""

    name = "bust_out"
    share = 0.16

    def plan(self, world: World, rng: Random, start_ms: int) -> list[Action]:
        """One account, from the first payment of the build-up to the last that the bank lets through."""
        bust = _Bust(world, rng, start_ms)
        bust.drain(bust.build_up(start_ms))
        return bust.actions


class _Bust:
    """One episode while it is planned."""

    def __init__(self, world: World, rng: Random, start_ms: int) -> None:
        self.world, self.rng, self.crime = world, rng, Underworld.of(world)
        self.actions: list[Action] = []
        self.person = self._newcomer(start_ms) if rng.random() < 0.5 else world.someone(rng)
        self.confederates = self._confederates(start_ms)

    def build_up(self, start_ms: int) -> int:
        """Payments between confederates, account and shops, each somewhat larger; when the last of them came in."""
        rng, days = self.rng, self.rng.uniform(6, 24)
        steps = int(days * rng.uniform(0.4, 0.9)) + 2
        growth, at_ms = rng.uniform(4, 15), start_ms
        for step in range(1, steps + 1):
            at_ms = waking(rng, start_ms + int((step - rng.random() * 0.9) / steps * days * DAY_MS) + 2 * HOUR_MS)
            self._build(at_ms, around(rng, 4_000, 0.6) * growth ** (step / steps))
        for friend in rng.sample(self.confederates, min(len(self.confederates), rng.choice((1, 1, 2)))):
            at_ms = waking(rng, at_ms + int(around(rng, 7 * HOUR_MS, 1.0)))
            self._pay(friend, self.person.main, at_ms, tidy(rng, around(rng, 70_000, 0.7)), stretch=True)
        return at_ms

    def drain(self, at_ms: int) -> None:
        """Within hours: savings come over, and in three to seven payments all that is there goes out."""
        rng, person = self.rng, self.person
        at_ms = waking(rng, at_ms + int(around(rng, 8 * HOUR_MS, 1.0)))
        self.actions.append(login(self.world, rng, person, at_ms))
        if person.savings is not None:
            at_ms += int(around(rng, 3 * MINUTE_MS, 0.7))
            share = rng.uniform(0.8, 1.0)
            self.actions.append(Pay(at_ms, person.savings, person.main, 0, "app", of_balance=share))
        mule, pause_ms = self.crime.mule(rng, at_ms), around(rng, 25 * MINUTE_MS, 0.8)
        for left in range(rng.randrange(3, 8), 0, -1):
            at_ms += int(around(rng, pause_ms, 1.0))
            self._take(at_ms, None if mule is None else mule.account, last=left == 1)
        if rng.random() < 0.8:
            self.actions.append(Leave(at_ms + int(around(rng, 12 * HOUR_MS, 0.8)), person))

    def _take(self, at_ms: int, mule: Account | None, last: bool) -> None:
        """One payment of the drain; by card nobody sees more than the shop, the last one takes what is left."""
        rng = self.rng
        shop = rng.choice(self.world.shops_of("exchange", "giftcards", "electronics", "cashpoint", "online"))
        dst = mule if mule is not None and rng.random() < 0.3 else shop.account
        cash = dst is shop.account and shop.category == "cashpoint"
        bought = dst is shop.account and not last and shop.category not in ("cashpoint", "exchange")
        by_card = cash or (bought and rng.random() < 0.8)
        cents = price(rng, shop.median_cents * 2.0, 0.8) if bought else 0
        share = 0.0 if bought else (1.0 if last else rng.uniform(0.15, 0.5))
        channel = "card" if by_card else "app"
        self.actions.append(Pay(at_ms, self.person.main, dst, cents, channel, fraud=True, of_balance=share))

    def _build(self, at_ms: int, cents: float) -> None:
        rng, person = self.rng, self.person
        roll, friend = rng.random(), rng.choice(self.confederates)
        if roll < 0.45:
            self._pay(friend, person.main, at_ms, tidy(rng, cents))
        elif roll < 0.75:
            self._pay(person, friend.main, at_ms, tidy(rng, cents))
        else:
            shop = rng.choice(person.shops)
            self.actions.append(Pay(at_ms, person.main, shop.account, price(rng, cents), "card"))

    def _pay(self, person: Person, dst: Account, at_ms: int, cents: int, stretch: bool = False) -> None:
        """From an ordinary session; no fraud yet, nobody has lost anything."""
        self.actions.append(login(self.world, self.rng, person, at_ms - int(around(self.rng, 100_000, 0.7))))
        self.actions.append(Pay(at_ms, person.main, dst, cents, "app", stretch=stretch))

    def _newcomer(self, at_ms: int) -> Person:
        """Opened for this; lives as anybody does until then."""
        rng = self.rng
        person = new_person(self.world, rng, new_home(self.world, rng), at_ms)
        for account in person.accounts:
            account.balance_cents = 0
        person.friends = self.world.some(rng, rng.randrange(1, 4))
        self.actions.append(OpenCustomer(at_ms, person))
        self.actions.append(login(self.world, rng, person, at_ms + int(around(rng, 9 * MINUTE_MS, 1.0))))
        return person

    def _confederates(self, at_ms: int) -> list[Person]:
        """Two to four: people of the trade, friends, others."""
        rng, found = self.rng, list[Person]()
        for _ in range(rng.randrange(2, 5)):
            mule = self.crime.mule(rng, at_ms)
            known = [friend for friend in self.person.friends if friend.id]
            pool = [mule.person] if mule is not None and rng.random() < 0.5 else known
            person = rng.choice(pool or self.world.some(rng, 1, [self.person]))
            if person is not self.person and person not in found:
                found.append(person)
        return found or self.world.some(rng, 2, [self.person])
