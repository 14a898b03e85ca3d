"""What criminals have at hand: mule accounts used again and again, devices, addresses, numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from deploy.demo import names
from deploy.demo.actions import Action, OpenCustomer
from deploy.demo.people import new_home, new_person
from deploy.demo.places import CARRIERS, COUNTRIES
from deploy.demo.rhythm import around, moment_ms
from deploy.demo.routine import login
from deploy.demo.settings import DAY_MS, HOUR_MS, MINUTE_MS
from deploy.demo.world import Account, Device, Person, World


@dataclass(slots=True, eq=False)
class Mule:
    """Somebody whose account passes money on. `ready_ms`: not before; `herded`: the ring logs in itself."""

    person: Person
    ready_ms: int
    herded: bool

    @property
    def account(self) -> Account:
        """The account used."""
        return self.person.main


@dataclass(slots=True, eq=False)
class Underworld:
    """What episodes share."""

    mules: list[Mule] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, world: World) -> Underworld:
        """This world's."""
        found = world.underworld.setdefault("underworld", cls())
        assert isinstance(found, Underworld)
        return found

    def device(self, rng: Random) -> Device:
        """A device to act from: a third of the time one that was used before."""
        if self.devices and rng.random() < 0.3:
            return rng.choice(self.devices)
        model = names.phone_model(rng) if rng.random() < 0.6 else names.computer_model(rng)
        self.devices = [*self.devices[-15:], Device(model)]
        return self.devices[-1]

    def number(self, rng: Random) -> str:
        """A phone number to divert codes to: sometimes used before."""
        if self.numbers and rng.random() < 0.3:
            return rng.choice(self.numbers)
        self.numbers = [*self.numbers[-15:], names.phone(rng)]
        return self.numbers[-1]

    def mule(self, rng: Random, at_ms: int) -> Mule | None:
        """A mule that is ready by then, if there is one."""
        del self.mules[:-200]
        ready = [mule for mule in self.mules[-60:] if mule.ready_ms <= at_ms]
        return rng.choice(ready) if ready else None


def hideout(world: World, rng: Random) -> str:
    """An address to act from: a rented home line, a carrier's, a VPN's, one abroad."""
    roll = rng.random()
    if roll < 0.35:
        return world.places.line(rng)
    if roll < 0.62:
        return world.places.mobile(rng, rng.randrange(CARRIERS))
    return world.places.vpn(rng) if roll < 0.85 else world.places.foreign(rng, rng.randrange(COUNTRIES))


def recruit(world: World, rng: Random, start_ms: int, herded: bool) -> tuple[Mule, list[Action]]:
    """An old customer lends the account, or a new one opens it for this; both go on living beside it."""
    if rng.random() < 0.6:
        return Mule(world.someone(rng), start_ms, herded), []
    at_ms = moment_ms(rng, start_ms - start_ms % DAY_MS + rng.randrange(0, 3) * DAY_MS)
    at_ms = max(at_ms, start_ms + MINUTE_MS)
    person = new_person(world, rng, new_home(world, rng), at_ms)
    for account in person.accounts:
        account.balance_cents = 0
    person.friends = world.some(rng, rng.randrange(0, 3), [person])
    opening: list[Action] = [OpenCustomer(at_ms, person)]
    opening.append(login(world, rng, person, at_ms + int(around(rng, 9 * MINUTE_MS, 1.0))))
    ready_ms = at_ms + int(around(rng, 20 * HOUR_MS, 1.2))
    return Mule(person, ready_ms, herded), opening


def waking(rng: Random, at_ms: int) -> int:
    """Mules sleep: what falls between 0 and 6 o'clock mostly waits for the morning."""
    into_ms = at_ms % DAY_MS
    if into_ms < 6 * HOUR_MS and rng.random() < 0.7:
        return at_ms - into_ms + 6 * HOUR_MS + int(around(rng, 100 * MINUTE_MS, 0.6))
    return at_ms
