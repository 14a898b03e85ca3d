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
from deploy.demo.world import Account, Device, World


@register
class AccountTakeover:
    """Login from elsewhere; often the contact is changed; minutes to days later the money leaves."""

    name = "account_takeover"
    share = 0.25

    def plan(self, world: World, rng: Random, start_ms: int) -> list[Action]:
        """One victim, from the first login to the money's next stop."""
        takeover = _Takeover(world, rng)
        takeover.empty(takeover.get_in(start_ms))
        return takeover.actions


class _Takeover:
    """One episode while it is planned."""

    def __init__(self, world: World, rng: Random) -> None:
        self.world, self.rng = world, rng
        self.victim, self.crime = world.someone(rng), Underworld.of(world)
        self.channel = rng.choice(("app", "app", "app", "web"))
        self.actions: list[Action] = []

    def get_in(self, at_ms: int) -> int:
        """Logins and the changed contact, or some of that; when it is done."""
        rng, device = self.rng, self._device()
        for _ in range(rng.choice((0, 0, 0, 1, 1, 2))):  # looks around first
            self._login(at_ms, device if rng.random() < 0.7 else self.crime.device(rng))
            at_ms += int(around(rng, 3 * HOUR_MS, 1.8))
        self._login(at_ms, device)
        if rng.random() < 0.6:
            at_ms += int(around(rng, 12 * MINUTE_MS, 1.5))
            self._change_contact(at_ms)
        if rng.random() < 0.35:  # comes back later: hours, or some days
            if rng.random() < 0.5:
                at_ms = max(at_ms, moment_ms(rng, at_ms - at_ms % DAY_MS + rng.randrange(0, 5) * DAY_MS, "night"))
            at_ms += int(around(rng, 2 * HOUR_MS, 1.0))
            self._login(at_ms, device)
        return at_ms

    def empty(self, at_ms: int) -> None:
        """Transfers out, to one payee or two, in one to four parts; perhaps a small one to try."""
        rng, victim = self.rng, self.victim
        at_ms += int(around(rng, 8 * MINUTE_MS, 1.2))
        payees = [self._payee(at_ms) for _ in range(rng.choice((1, 1, 1, 2)))]
        if victim.savings is not None and rng.random() < 0.5:
            share = rng.uniform(0.5, 1.0)
            self.actions.append(Pay(at_ms, victim.savings, victim.main, 0, self.channel, True, of_balance=share))
            at_ms += int(around(rng, 3 * MINUTE_MS, 0.8))
        if rng.random() < 0.2:
            cents = tidy(rng, around(rng, 1_500, 0.7))
            self.actions.append(Pay(at_ms, victim.main, payees[0][0], cents, self.channel, fraud=True))
            at_ms += int(around(rng, 20 * MINUTE_MS, 1.2))
        parts = rng.choice((1, 1, 2, 2, 3, 4))
        for _ in range(parts):
            account, mule = rng.choice(payees)
            when_ms = max(at_ms, mule.ready_ms if mule is not None else 0)
            self._drain(account, when_ms, parts)
            if mule is not None:
                self._pass_on(mule, when_ms)
            at_ms += int(around(rng, 15 * MINUTE_MS, 1.5))

    def _device(self) -> Device:
        """A device of theirs; or the victim's own, steered from outside."""
        if self.rng.random() < 0.15 and self.victim.device is not None:
            return self.victim.device
        return self.crime.device(self.rng)

    def _login(self, at_ms: int, device: Device) -> None:
        self.actions.append(Login(at_ms, self.victim, device, hideout(self.world, self.rng), fraud=True))

    def _change_contact(self, at_ms: int) -> None:
        if self.rng.random() < 0.65:
            field, value = "phone", self.crime.number(self.rng)
        else:
            field, value = "email", names.email(self.rng, self.victim.name)
        self.actions.append(ChangeProfile(at_ms, self.victim, field, value, fraud=True))

    def _payee(self, at_ms: int) -> tuple[Account, Mule | None]:
        rng, world = self.rng, self.world
        roll, known = rng.random(), self.crime.mule(rng, at_ms)
        if roll < 0.15:
            return rng.choice(world.shops_of("exchange", "giftcards", "electronics", "remittance")).account, None
        if roll < 0.7 and known is not None:
            return known.account, known
        mule, opening = recruit(world, rng, at_ms, herded=False)
        self.crime.mules.append(mule)
        self.actions += opening
        return mule.account, mule

    def _drain(self, dst: Account, at_ms: int, parts: int) -> None:
        """A large part of what is there, or a sum that stays under the eye."""
        rng, src = self.rng, self.victim.main
        if rng.random() < 0.4:
            cents = tidy(rng, around(rng, 80_000, 0.9))
            self.actions.append(Pay(at_ms, src, dst, cents, self.channel, fraud=True, stretch=True))
        else:
            share = rng.uniform(0.35, 0.97) / parts**0.5
            self.actions.append(Pay(at_ms, src, dst, 0, self.channel, fraud=True, of_balance=share))

    def _pass_on(self, mule: Mule, at_ms: int) -> None:
        """The mule keeps some and sends the rest on, or draws it at a cash point."""
        rng = self.rng
        at_ms = waking(rng, at_ms + int(around(rng, 3 * HOUR_MS, 1.1)))
        shop = rng.choice(self.world.shops_of("exchange", "remittance", "cashpoint", "giftcards"))
        channel = "card" if shop.category == "cashpoint" else "app"
        share = rng.uniform(0.4, 0.95)
        self.actions.append(login(self.world, rng, mule.person, at_ms - int(around(rng, 100_000, 0.7))))
        self.actions.append(Pay(at_ms, mule.account, shop.account, 0, channel, fraud=True, of_balance=share))
