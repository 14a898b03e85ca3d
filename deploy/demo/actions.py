"""What can happen at the bank: planned ahead as values, written to the tables when their time comes.

`fraud` marks an event as part of an episode: the simulator notes it as truth, and no row shows it.
"""

from __future__ import annotations

from dataclasses import dataclass

from deploy.demo.change import Row
from deploy.demo.world import Account, Device, Person


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody logs in as `person`; a device that is new to the bank gets its row with it."""

    at_ms: int
    person: Person
    device: Device
    ip: str
    fraud: bool = False


@dataclass(frozen=True, slots=True)
class Pay:
    """Money moves. What the account can't cover is declined, or with `stretch` paid as far as it goes.

    With `of_balance` the amount is that share of the balance at that moment.
    """

    at_ms: int
    src: Account
    dst: Account
    amount_cents: int
    channel: str
    fraud: bool = False
    of_balance: float = 0.0
    stretch: bool = False
    currency: str = "EUR"


@dataclass(frozen=True, slots=True)
class ChangeProfile:
    """A contact of `person` is changed: field is phone, email or address."""

    at_ms: int
    person: Person
    field: str
    value: str
    fraud: bool = False


@dataclass(frozen=True, slots=True)
class OpenCustomer:
    """A new customer with their accounts, in one transaction; from then on part of the world."""

    at_ms: int
    person: Person
    fraud: bool = False


@dataclass(frozen=True, slots=True)
class OpenAccount:
    """A further account of a customer."""

    at_ms: int
    account: Account
    fraud: bool = False


@dataclass(frozen=True, slots=True)
class MoveAccounts:
    """Two customer records turn out to be one person: the accounts move to the other record."""

    at_ms: int
    person: Person
    to: Person
    fraud: bool = False


@dataclass(frozen=True, slots=True)
class Leave:
    """A customer goes: from now on no session, purchase, wage or standing order of theirs. No row says so."""

    at_ms: int
    person: Person
    fraud: bool = False


@dataclass(slots=True, eq=False)
class Pending:
    """A transfer that is not settled yet; `row` is its row as it stands, None once it is gone."""

    row: Row | None
    src: Account
    dst: Account
    amount_cents: int


@dataclass(frozen=True, slots=True)
class Settle:
    """A pending transfer is settled."""

    at_ms: int
    pending: Pending
    fraud: bool = False


@dataclass(frozen=True, slots=True)
class Correct:
    """The amount of a pending transfer is corrected."""

    at_ms: int
    pending: Pending
    amount_cents: int
    fraud: bool = False


@dataclass(frozen=True, slots=True)
class Cancel:
    """A pending transfer is cancelled: its row is deleted."""

    at_ms: int
    pending: Pending
    fraud: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """An event is reported. `mend_ms` later, if set, the report is taken back (`erase`) or turned round."""

    at_ms: int
    event_table: str
    event_id: int
    is_fraud: bool
    mend_ms: int = 0
    erase: bool = False
    fraud: bool = False


@dataclass(frozen=True, slots=True)
class MendReport:
    """A report was wrong: its row is deleted (`erase`), or says the opposite from now on."""

    at_ms: int
    row: Row
    erase: bool
    fraud: bool = False


Action = (
    Login
    | Pay
    | ChangeProfile
    | OpenCustomer
    | OpenAccount
    | MoveAccounts
    | Leave
    | Settle
    | Correct
    | Cancel
    | Report
    | MendReport
)
