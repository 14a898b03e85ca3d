"""What a simulated bank is like: the numbers that shape it."""

from __future__ import annotations

from dataclasses import dataclass

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class BankSettings:
    """Same settings, same stream.

    Attributes:
        seed: of every random draw.
        users: private customers at the start (companies come on top).
        days: length of the stream from `start_ms`; None goes on for ever.
        start_ms: midnight UTC of the first day; 2026-01-05 is a Monday.
        fraud_share: share of fraud among scoreable events, on average.
        new_customers: new private customers a day, per customer.
        typologies: names of those in play; None is every registered one.
    """

    seed: int = 7
    users: int = 2_000
    days: int | None = None
    start_ms: int = 1_767_571_200_000
    fraud_share: float = 0.005
    new_customers: float = 0.001
    typologies: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse what can't be simulated.

        Raises:
            ValueError: names the setting and what it may be.
        """
        if self.users < 50:
            raise ValueError(f"users is {self.users}: a bank of fewer than 50 has no social life to simulate")
        if not 0 <= self.fraud_share <= 0.2:
            raise ValueError(f"fraud_share is {self.fraud_share}: give a share between 0 and 0.2")
        if self.start_ms % DAY_MS:
            raise ValueError(f"start_ms is {self.start_ms}: give midnight UTC, a multiple of {DAY_MS}")
