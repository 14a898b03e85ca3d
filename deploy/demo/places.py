"""Where logins come from: home lines, carriers' shared addresses, offices, VPNs, abroad.

All addresses are private or carrier-grade ones (RFC 1918, RFC 6598): none belongs to anybody.
"""

from __future__ import annotations

from random import Random

CARRIERS = 4
COUNTRIES = 12


class Places:
    """The address pools of this world."""

    def __init__(self, rng: Random, users: int) -> None:
        """Make the shared pools, sized by the number of users."""
        nat = max(4, users // 120)
        self.carriers = [[_ip(rng, 100, 64 + c) for _ in range(nat)] for c in range(CARRIERS)]
        self.vpns = [_ip(rng, 10, 200) for _ in range(max(6, users // 80))]
        self.abroad = [[_ip(rng, 10, 100 + c) for _ in range(max(5, users // 100))] for c in range(COUNTRIES)]

    def line(self, rng: Random) -> str:
        """A home line's address, as a provider hands them out."""
        return _ip(rng, 10, rng.randrange(16, 80))

    def office(self, rng: Random) -> str:
        """A company's address."""
        return _ip(rng, 10, rng.randrange(80, 100))

    def mobile(self, rng: Random, carrier: int) -> str:
        """One of the addresses a carrier's customers share."""
        return rng.choice(self.carriers[carrier])

    def vpn(self, rng: Random) -> str:
        """One of the addresses a VPN's customers share."""
        return rng.choice(self.vpns)

    def foreign(self, rng: Random, country: int) -> str:
        """An address abroad: half of them hotels and carriers shared by travellers."""
        return rng.choice(self.abroad[country]) if rng.random() < 0.5 else _ip(rng, 10, 100 + country)


def _ip(rng: Random, first: int, second: int) -> str:
    return f"{first}.{second}.{rng.randrange(256)}.{rng.randrange(1, 255)}"
