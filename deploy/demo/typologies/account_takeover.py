"""Account takeover: a stranger gets into an account, makes it theirs, and empties it."""

from __future__ import annotations

from random import Random

from deploy.demo import names
from deploy.demo.actions import Action, ChangeProfile, Login, Pay
from deploy.demo.rhythm import around, moment_ms, tidy
from deploy.demo.routine import login
from deploy.demo.settings import DAY_MS, HOUR_MS, MINUTE_MS
from deploy.demo.typologies.typology import register
from deploy.demo.typologies.underworld import Mule, Underworld, hideout, recruit, waking
from deploy.demo.world import Account, Device, Person, World


@register
class AccountTakeover:
    """Login from elsewhere; often the contact is changed; minutes to days later the money leaves."""

    name = "account_takeover"
    share = 0.5

    def plan(self, world: World, rng: Random, start_ms: int) -> list[Action]:
        """One victim, from the first login to the money's next stop."""
        victim, crime = world.someone(rng), Underworld.of(world)
        device, ip = self._way_in(world, rng, victim, crime)
        at_ms = start_ms
        actions: list[Action] = []
        for _ in range(rng.choice((0, 0, 0, 1, 1, 2))):  # looks around first
            scout = device if rng.random() < 0.7 else crime.device(rng)
            actions.append(Login(at_ms, victim, scout, hideout(world, rng), fraud=True))
            at_ms += int(around(rng, 3 * HOUR_MS, 1.8))
        actions.append(Login(at_ms, victim, device, ip, fraud=True))
        if rng.random() < 0.6:
            at_ms += int(around(rng, 12 * MINUTE_MS, 1.5))
            actions.append(self._contact(rng, victim, crime, at_ms))
        if rng.random() < 0.35:  # comes back later: hours, or some days
            at_ms = moment_ms(rng, at_ms + rng.randrange(0, 5) * DAY_MS, "night") if rng.random() < 0.5 else at_ms
            at_ms = max(at_ms, actions[-1].at_ms) + int(around(rng, 2 * HOUR_MS, 1.0))
            actions.append(Login(at_ms, victim, device, hideout(world, rng), fraud=True))
        return actions + self._empty(world, rng, victim, crime, at_ms)

    def _way_in(self, world: World, rng: Random, victim: Person, crime: Underworld) -> tuple[Device, str]:
        """A device of theirs; or the victim's own, steered from outside."""
        if rng.random() < 0.15 and victim.device is not None:
            return victim.device, hideout(world, rng)
        return crime.device(rng), hideout(world, rng)

    def _contact(self, rng: Random, victim: Person, crime: Underworld, at_ms: int) -> ChangeProfile:
        if rng.random() < 0.65:
            return ChangeProfile(at_ms, victim, "phone", crime.number(rng), fraud=True)
        return ChangeProfile(at_ms, victim, "email", names.email(rng, victim.name), fraud=True)

    def _empty(self, world: World, rng: Random, victim: Person, crime: Underworld, at_ms: int) -> list[Action]:
        """Transfers out, to one payee or two, in one to four parts; perhaps a small one to try."""
        actions: list[Action] = []
        at_ms += int(around(rng, 8 * MINUTE_MS, 1.2))
        payees = [self._payee(world, rng, crime, actions, at_ms) for _ in range(rng.choice((1, 1, 1, 2)))]
        channel = rng.choice(("app", "app", "app", "web"))
        if victim.savings is not None and rng.random() < 0.5:
            share = rng.uniform(0.5, 1.0)
            actions.append(Pay(at_ms, victim.savings, victim.main, 0, channel, fraud=True, of_balance=share))
            at_ms += int(around(rng, 3 * MINUTE_MS, 0.8))
        if rng.random() < 0.2:
            actions.append(
                Pay(at_ms, victim.main, payees[0][0], tidy(rng, around(rng, 1_500, 0.7)), channel, fraud=True)
            )
            at_ms += int(around(rng, 20 * MINUTE_MS, 1.2))
        parts = rng.choice((1, 1, 2, 2, 3, 4))
        for _ in range(parts):
            account, mule = rng.choice(payees)
            when_ms = max(at_ms, mule.ready_ms if mule is not None else 0)
            actions.append(self._drain(rng, victim, account, when_ms, channel, parts))
            if mule is not None:
                actions += self._pass_on(world, rng, mule, when_ms)
            at_ms += int(around(rng, 15 * MINUTE_MS, 1.5))
        return actions

    def _payee(
        self, world: World, rng: Random, crime: Underworld, actions: list[Action], at_ms: int
    ) -> tuple[Account, Mule | None]:
        roll, known = rng.random(), crime.mule(world, rng, at_ms)
        if roll < 0.15:
            return rng.choice(world.shops_of("exchange", "giftcards", "electronics", "remittance")).account, None
        if roll < 0.7 and known is not None:
            return known.account, known
        mule, opening = recruit(world, rng, at_ms, herded=False)
        crime.mules.append(mule)
        actions += opening
        return mule.account, mule

    def _drain(self, rng: Random, victim: Person, dst: Account, at_ms: int, channel: str, parts: int) -> Pay:
        """A large part of what is there, or a sum that stays under the eye."""
        if rng.random() < 0.4:
            cents = tidy(rng, around(rng, 80_000, 0.9))
            return Pay(at_ms, victim.main, dst, cents, channel, fraud=True, stretch=True)
        return Pay(at_ms, victim.main, dst, 0, channel, fraud=True, of_balance=rng.uniform(0.35, 0.97) / parts**0.5)

    def _pass_on(self, world: World, rng: Random, mule: Mule, at_ms: int) -> list[Action]:
        """The mule keeps some and sends the rest on, or draws it at a cash point."""
        at_ms = waking(rng, at_ms + int(around(rng, 3 * HOUR_MS, 1.1)))
        shop = rng.choice(world.shops_of("exchange", "remittance", "cashpoint", "giftcards"))
        channel = "card" if shop.category == "cashpoint" else "app"
        share = rng.uniform(0.4, 0.95)
        pay = Pay(at_ms, mule.account, shop.account, 0, channel, fraud=True, of_balance=share)
        return [login(world, rng, mule.person, at_ms - int(around(rng, 100_000, 0.7))), pay]
