"""Mule ring: money from many victims runs together, through one to three layers, and out, within hours."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from random import Random

from deploy.demo.actions import Action, Login, Pay
from deploy.demo.rhythm import around, tidy
from deploy.demo.routine import login
from deploy.demo.settings import DAY_MS, HOUR_MS, MINUTE_MS
from deploy.demo.typologies.typology import register
from deploy.demo.typologies.underworld import Mule, Underworld, hideout, recruit, waking
from deploy.demo.world import Device, World


@dataclass(slots=True, eq=False)
class Ring:
    """Mules in layers (the last is the collector), and what the herder acts from."""

    mules: list[Mule]
    layers: int
    until_ms: int
    device: Device
    ip: str

    @property
    def ready_ms(self) -> int:
        """When its last account is open."""
        return max(mule.ready_ms for mule in self.mules)

    def layer(self, number: int) -> list[Mule]:
        """Mules of a layer, 0 to layers - 1; the collector is none of them."""
        return [mule for index, mule in enumerate(self.mules[:-1]) if index % self.layers == number]


@dataclass(slots=True)
class Holding:
    """What a mule holds in one run: how much came in, and when the last of it."""

    last_ms: int = 0
    cents: int = 0

    def add(self, at_ms: int, cents: int) -> None:
        """More comes in."""
        self.last_ms, self.cents = max(self.last_ms, at_ms), self.cents + cents


@register
class MuleRing:
    """Five to twelve accounts that work together for weeks."""

    name = "mule_ring"
    share = 0.25

    def plan(self, world: World, rng: Random, start_ms: int) -> list[Action]:
        """One run: victims pay in, the layers pass on, the collector cashes out."""
        ring, opening = _ring(world, rng, start_ms)
        run = _Run(world, rng, ring)
        held = run.take_in(max(start_ms, ring.ready_ms))
        for number in range(1, ring.layers + 1):
            held = run.pass_on(held, ring.layer(number) if number < ring.layers else [ring.mules[-1]])
        run.cash_out(held)
        return opening + run.actions


def _ring(world: World, rng: Random, start_ms: int) -> tuple[Ring, list[Action]]:
    """A ring that is still at work, mostly; or a new one, with the accounts it opens."""
    rings = world.underworld.setdefault("rings", [])
    assert isinstance(rings, list)
    alive: list[Ring] = [ring for ring in rings if ring.until_ms > start_ms]
    if alive and (len(alive) > 2 or rng.random() < 0.6):
        return rng.choice(alive), []
    crime, mules, actions = Underworld.of(world), list[Mule](), list[Action]()
    for _ in range(rng.randrange(5, 13)):
        mule, opening = recruit(world, rng, start_ms, herded=rng.random() < 0.3)
        if all(mule.person is not other.person for other in mules):
            mules.append(mule)
            actions += opening
    layers = min(rng.choice((1, 2, 2, 3)), len(mules) - 1)
    until_ms = start_ms + int(around(rng, 21, 0.5) * DAY_MS)
    ring = Ring(mules, layers, until_ms, crime.device(rng), hideout(world, rng))
    rings[:] = [*alive, ring]
    crime.mules += mules
    return ring, actions


class _Run:
    """One episode while it is planned: money goes through the ring once."""

    def __init__(self, world: World, rng: Random, ring: Ring) -> None:
        self.world, self.rng, self.ring = world, rng, ring
        self.actions: list[Action] = []

    def take_in(self, start_ms: int) -> dict[Mule, Holding]:
        """Three to nine victims pay mules of the first layer, from their own devices."""
        rng, held = self.rng, defaultdict[Mule, Holding](Holding)
        hours = around(rng, 6, 0.8)
        for victim in self.world.some(rng, rng.randrange(3, 10), [mule.person for mule in self.ring.mules]):
            mule = rng.choice(self.ring.layer(0))
            at_ms = waking(rng, start_ms + int(rng.random() * hours * HOUR_MS))
            cents = tidy(rng, around(rng, 32_000, 0.9))
            self.actions.append(login(self.world, rng, victim, at_ms - self._pause_ms()))
            self.actions.append(Pay(at_ms, victim.main, mule.account, cents, "app", fraud=True, stretch=True))
            held[mule].add(at_ms, cents)
        return held

    def pass_on(self, held: dict[Mule, Holding], receivers: list[Mule]) -> dict[Mule, Holding]:
        """Each mule keeps a commission and splits the rest over one or two of the next layer."""
        rng, arrived = self.rng, defaultdict[Mule, Holding](Holding)
        for mule, holding in held.items():
            at_ms = waking(rng, holding.last_ms + int(around(rng, 70 * MINUTE_MS, 1.0)))
            if rng.random() < 0.6:
                self._login(mule, at_ms - self._pause_ms())
            targets = rng.sample(receivers, min(len(receivers), rng.choice((1, 1, 2))))
            for dst in targets:
                part = int(holding.cents * rng.uniform(0.86, 0.98) / len(targets))
                part = part if rng.random() < 0.4 else tidy(rng, part)
                self.actions.append(Pay(at_ms, mule.account, dst.account, part, "app", fraud=True, stretch=True))
                arrived[dst].add(at_ms, part)
                at_ms += int(around(rng, 6 * MINUTE_MS, 1.2))
        return arrived

    def cash_out(self, held: dict[Mule, Holding]) -> None:
        """The collector turns it into coins, cards, cash, or sends it abroad; sometimes it just stays."""
        rng = self.rng
        shops = self.world.shops_of("exchange", "remittance", "giftcards", "cashpoint")
        for mule, holding in held.items():
            at_ms, parts = holding.last_ms, rng.choice((0, 1, 1, 2, 3))
            for _ in range(parts):
                at_ms = waking(rng, at_ms + int(around(rng, 2 * HOUR_MS, 1.0)))
                shop = rng.choice(shops)
                channel = "card" if shop.category == "cashpoint" else "app"
                part = tidy(rng, holding.cents * rng.uniform(0.6, 1.0) / parts)
                self.actions.append(Pay(at_ms, mule.account, shop.account, part, channel, fraud=True, stretch=True))

    def _login(self, mule: Mule, at_ms: int) -> None:
        """By the ring where the mule is herded, else by the mule."""
        if mule.herded:
            ip = self.ring.ip if self.rng.random() < 0.6 else hideout(self.world, self.rng)
            self.actions.append(Login(at_ms, mule.person, self.ring.device, ip, fraud=True))
        else:
            self.actions.append(login(self.world, self.rng, mule.person, at_ms))

    def _pause_ms(self) -> int:
        """From a login to the payment."""
        return int(around(self.rng, 100_000, 0.7))
