"""Structuring: a large sum leaves in parts that each stay under a limit, and comes together elsewhere (smurfing)."""

from __future__ import annotations

from collections import defaultdict
from random import Random

from deploy.demo.actions import Action, Pay
from deploy.demo.rhythm import LIMITS_CENTS, around, below
from deploy.demo.routine import login
from deploy.demo.settings import DAY_MS, HOUR_MS, MINUTE_MS
from deploy.demo.typologies.typology import register
from deploy.demo.typologies.underworld import Underworld, recruit, waking
from deploy.demo.world import Account, Person, World

FEWEST_PARTS, MOST_PARTS = 4, 6


@register
class Structuring:
    """One owner, three to five helpers, some days."""

    name = "structuring"
    share = 0.16

    def plan(self, world: World, rng: Random, start_ms: int) -> list[Action]:
        """One sum, from the first part to the last one that is gathered."""
        scheme = _Scheme(world, rng, start_ms)
        scheme.gather(scheme.split(start_ms))
        return scheme.actions


class _Scheme:
    """One episode while it is planned."""

    def __init__(self, world: World, rng: Random, start_ms: int) -> None:
        self.world, self.rng, self.crime = world, rng, Underworld.of(world)
        self.actions: list[Action] = []
        self.limit = rng.choice(LIMITS_CENTS)
        self.owner = max(world.some(rng, 12), key=_wealth)
        self.helpers: list[Person] = []
        for _ in range(rng.choice((3, 3, 4, 5))):
            self.helpers.append(self._helper(start_ms))
        self.collector = self._collector(start_ms)

    def split(self, start_ms: int) -> dict[Person, list[tuple[int, int]]]:
        """Parts to the helpers over one to nine days; (when, cents) of what each got."""
        rng, got = self.rng, defaultdict[Person, list[tuple[int, int]]](list)
        self._bring_over(start_ms)
        days = rng.uniform(1, 9)
        parts = min(MOST_PARTS, max(FEWEST_PARTS, int(_wealth(self.owner) * rng.uniform(0.3, 0.8) / self.limit)))
        moments = sorted(start_ms + int((0.05 + rng.random() * days) * DAY_MS) for _ in range(parts))
        for number, at_ms in enumerate(moments):
            helper, when_ms = self.helpers[number % len(self.helpers)], waking(rng, at_ms)
            cents = below(rng, self.limit if rng.random() < 0.8 else self.limit // 3)
            self._pay(self.owner, helper.main, when_ms, cents)
            got[helper].append((when_ms, cents))
        return got

    def gather(self, got: dict[Person, list[tuple[int, int]]]) -> None:
        """Each helper keeps a little and sends the rest on, under the limit again."""
        rng = self.rng
        for helper, parts in got.items():
            left = int(sum(cents for _, cents in parts) * rng.uniform(0.85, 1.0))
            at_ms = max(when_ms for when_ms, _ in parts)
            while left > 2_000:
                at_ms = waking(rng, at_ms + int(around(rng, 15 * HOUR_MS, 1.0)))
                cents = min(left if rng.random() < 0.5 else left // 1_000 * 1_000, below(rng, self.limit))
                self._pay(helper, self.collector, at_ms, cents)
                left -= cents
                if rng.random() < 0.25:  # the rest stays, or goes in cash
                    break

    def _pay(self, person: Person, dst: Account, at_ms: int, cents: int) -> None:
        """From an ordinary session; the payment is what is wrong."""
        rng = self.rng
        if rng.random() < 0.75:
            self.actions.append(login(self.world, rng, person, at_ms - int(around(rng, 100_000, 0.7))))
        channel = rng.choice(("app", "app", "app", "web"))
        self.actions.append(Pay(at_ms, person.main, dst, cents, channel, fraud=True, stretch=True))

    def _bring_over(self, at_ms: int) -> None:
        """Savings come to the current account first; that is no fraud yet."""
        savings = self.owner.savings
        if savings is not None:
            share = self.rng.uniform(0.6, 1.0)
            self.actions.append(Pay(at_ms + MINUTE_MS, savings, self.owner.main, 0, "app", of_balance=share))

    def _helper(self, at_ms: int) -> Person:
        """A friend, somebody of the trade, anybody."""
        rng, roll = self.rng, self.rng.random()
        mule, taken = self.crime.mule(rng, at_ms), [self.owner, *self.helpers]
        friends = [friend for friend in self.owner.friends if friend.id and not friend.gone and friend not in taken]
        if roll < 0.4 and friends:
            return rng.choice(friends)
        if roll < 0.75 and mule is not None and mule.person not in taken:
            return mule.person
        return self.world.some(rng, 1, taken)[0]

    def _collector(self, at_ms: int) -> Account:
        """Mostly an account of the trade, known or opened for this; else coins or a transfer abroad."""
        rng = self.rng
        if rng.random() < 0.2:
            return rng.choice(self.world.shops_of("exchange", "remittance", "dealer")).account
        known = self.crime.mule(rng, at_ms)
        taken = [self.owner, *self.helpers]
        if known is not None and known.person not in taken and rng.random() < 0.5:
            return known.account
        mule, opening = recruit(self.world, rng, at_ms, herded=False)
        self.crime.mules.append(mule)
        self.actions += opening
        return mule.account


def _wealth(person: Person) -> int:
    return sum(account.balance_cents for account in person.accounts)
