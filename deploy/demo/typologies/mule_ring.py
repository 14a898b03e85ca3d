"""Mule ring: money from many victims runs together, through one to three layers, and out, within hours."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from deploy.demo.actions import Action, Pay
from deploy.demo.rhythm import around, tidy
from deploy.demo.routine import login
from deploy.demo.settings import DAY_MS, HOUR_MS, MINUTE_MS
from deploy.demo.typologies.typology import register
from deploy.demo.typologies.underworld import Mule, Underworld, hideout, recruit, slip_in, waking
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


@register
class MuleRing:
    """Five to twelve accounts that work together for weeks."""

    name = "mule_ring"
    share = 0.5

    def plan(self, world: World, rng: Random, start_ms: int) -> list[Action]:
        """One run: victims pay in, the layers pass on, the collector cashes out."""
        actions: list[Action] = []
        ring = self._ring(world, rng, start_ms, actions)
        entry, wave_hours = ring.layer(0), around(rng, 6, 0.8)
        start_ms = max(start_ms, ring.ready_ms)
        money: dict[Mule, tuple[int, int]] = {}
        for victim in world.some(rng, rng.randrange(3, 10), [mule.person for mule in ring.mules]):
            mule = rng.choice(entry)
            at_ms = waking(rng, start_ms + int(rng.random() * wave_hours * HOUR_MS))
            cents = tidy(rng, around(rng, 32_000, 0.9))
            actions.append(login(world, rng, victim, at_ms - int(around(rng, 100_000, 0.7))))
            actions.append(Pay(at_ms, victim.main, mule.account, cents, "app", fraud=True, stretch=True))
            before_ms, so_far = money.get(mule, (0, 0))
            money[mule] = max(before_ms, at_ms), so_far + cents
        for number in range(1, ring.layers + 1):
            receivers = ring.layer(number) if number < ring.layers else [ring.mules[-1]]
            money = self._pass_on(world, rng, ring, money, receivers, actions)
        return actions + self._cash_out(world, rng, ring, money)

    def _ring(self, world: World, rng: Random, start_ms: int, actions: list[Action]) -> Ring:
        """A ring that is still at work, mostly; or a new one."""
        crime = Underworld.of(world)
        rings = world.underworld.setdefault("rings", [])
        assert isinstance(rings, list)
        alive = [ring for ring in rings if ring.until_ms > start_ms]
        if alive and (len(alive) > 2 or rng.random() < 0.6):
            found: Ring = rng.choice(alive)
            return found
        mules: list[Mule] = []
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
        return ring

    def _pass_on(
        self,
        world: World,
        rng: Random,
        ring: Ring,
        money: dict[Mule, tuple[int, int]],
        receivers: list[Mule],
        actions: list[Action],
    ) -> dict[Mule, tuple[int, int]]:
        """Each mule keeps a commission and splits the rest over one or two of the next layer."""
        arrived: dict[Mule, tuple[int, int]] = {}
        for mule, (last_ms, cents) in money.items():
            at_ms = waking(rng, last_ms + int(around(rng, 70 * MINUTE_MS, 1.0)))
            if rng.random() < 0.6:
                ip = ring.ip if rng.random() < 0.6 else hideout(world, rng)
                actions.append(slip_in(rng, mule, ring.device, ip, world, at_ms - int(around(rng, 100_000, 0.7))))
            targets = rng.sample(receivers, min(len(receivers), rng.choice((1, 1, 2))))
            for dst in targets:
                part = int(cents * rng.uniform(0.86, 0.98) / len(targets))
                part = part if rng.random() < 0.4 else max(100, tidy(rng, part))
                actions.append(Pay(at_ms, mule.account, dst.account, part, "app", fraud=True, stretch=True))
                before_ms, so_far = arrived.get(dst, (0, 0))
                arrived[dst] = max(before_ms, at_ms), so_far + part
                at_ms += int(around(rng, 6 * MINUTE_MS, 1.2))
        return arrived

    def _cash_out(self, world: World, rng: Random, ring: Ring, money: dict[Mule, tuple[int, int]]) -> list[Action]:
        """The collector turns it into coins, cards, cash, or sends it on; sometimes it just stays."""
        actions: list[Action] = []
        shops = world.shops_of("exchange", "remittance", "giftcards", "cashpoint")
        for mule, (last_ms, cents) in money.items():
            at_ms, parts = last_ms, rng.choice((0, 1, 1, 2, 3))
            for _ in range(parts):
                at_ms = waking(rng, at_ms + int(around(rng, 2 * HOUR_MS, 1.0)))
                shop = rng.choice(shops)
                channel = "card" if shop.category == "cashpoint" else "app"
                part = tidy(rng, cents * rng.uniform(0.6, 1.0) / parts)
                actions.append(Pay(at_ms, mule.account, shop.account, part, channel, fraud=True, stretch=True))
        return actions
