"""Ledger: turns actions into row changes. It alone gives ids and commit times, in the order of time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any, TypeVar

from deploy.demo.actions import (
    Action,
    Cancel,
    ChangeProfile,
    Correct,
    Leave,
    Login,
    MendReport,
    MoveAccounts,
    OpenAccount,
    OpenCustomer,
    Pay,
    Pending,
    Report,
    Settle,
)
from deploy.demo.change import Row, RowChange
from deploy.demo.rhythm import around, tidy
from deploy.demo.settings import MINUTE_MS
from deploy.demo.world import Account, Device, Person, World
from ingest.events import Op

_AT_ONCE = frozenset({"card", "standing"})
"""Channels whose transfers are settled when they are booked."""

Thing = TypeVar("Thing")


class Ledger:
    """The bank's books. `schedule` takes what follows later (a settlement, a correction)."""

    def __init__(self, world: World, rng: Random, schedule: Callable[[Action], None]) -> None:
        """Start with empty tables."""
        self.world, self.rng, self.schedule = world, rng, schedule
        self.last_ids: dict[str, int] = {}
        self.event_ms = 0
        self.commit_ms = 0
        self.commits = 0
        self._parts: list[tuple[str, Op, Row | None, Row | None]] = []
        self._handlers: dict[type, Callable[[Any, int], None]] = {
            Login: self._login,
            Pay: self._pay,
            ChangeProfile: self._change_profile,
            OpenCustomer: self._open_customer,
            OpenAccount: self._open_account,
            MoveAccounts: self._move_accounts,
            Leave: self._leave,
            Settle: self._settle,
            Correct: self._correct,
            Cancel: self._cancel,
            Report: self._report,
            MendReport: self._mend_report,
        }

    def write(self, action: Action) -> list[RowChange]:
        """Carry out an action as one transaction; empty if it can't be (declined, already gone).

        The row of an event (login, transfer, profile change) is the last of its transaction. Moments
        are distinct: an action planned for a taken millisecond happens one later.
        """
        at_ms = max(action.at_ms, self.event_ms + 1)
        self._handlers[type(action)](action, at_ms)
        if not self._parts:
            return []
        self.event_ms = at_ms
        return self._commit(at_ms + 3 + int(self.rng.expovariate(0.1)))

    def load(self, at_ms: int, batch: int = 100) -> Iterator[RowChange]:
        """Write the world's customers, accounts and devices as they are at the start, oldest first."""
        everybody = sorted(self.world.companies + self.world.people, key=lambda person: person.created_ms)
        accounts = sorted((a for p in everybody for a in p.accounts), key=lambda account: account.opened_ms)
        devices = {d: None for p in self.world.people for d in _devices(p)}
        oldest_first = sorted(devices, key=lambda device: device.first_seen_ms)
        yield from self._insert_all(self._insert_person, everybody, at_ms, batch)
        yield from self._insert_all(self._insert_account, accounts, at_ms, batch)
        yield from self._insert_all(self._insert_device, oldest_first, at_ms, batch)

    def _insert_all(
        self, insert: Callable[[Thing], None], things: list[Thing], at_ms: int, batch: int
    ) -> Iterator[RowChange]:
        for first in range(0, len(things), batch):
            for thing in things[first : first + batch]:
                insert(thing)
            yield from self._commit(at_ms)

    def _commit(self, at_ms: int) -> list[RowChange]:
        self.commit_ms = max(at_ms, self.commit_ms + 1)
        self.commits += 1
        when, number = self.commit_ms, self.commits
        changes = [RowChange(table, op, before, after, when, number) for table, op, before, after in self._parts]
        self._parts.clear()
        return changes

    def _insert(self, table: str, row: Row) -> Row:
        self.last_ids[table] = row["id"] = self.last_ids.get(table, 0) + 1
        self._parts.append((table, Op.CREATE, None, row))
        return row

    def _update(self, table: str, row: Row, **columns: object) -> Row:
        after = {**row, **columns}
        self._parts.append((table, Op.UPDATE, row, after))
        return after

    def _insert_person(self, person: Person) -> None:
        person.row = self._insert("users", {
            "id": 0, "name": person.name, "country": person.country, "phone": person.phone,
            "email": person.email, "address": person.address, "created_at": person.created_ms,
        })  # fmt: skip
        person.id = person.row["id"]

    def _insert_account(self, account: Account) -> None:
        row = {"id": 0, "user_id": account.owner.id, "kind": account.kind, "opened_at": account.opened_ms}
        account.row = self._insert("accounts", row)
        account.id = account.row["id"]

    def _insert_device(self, device: Device) -> None:
        device.id = self._insert("devices", {"id": 0, "model": device.model, "first_seen": device.first_seen_ms})["id"]

    def _login(self, action: Login, at_ms: int) -> None:
        if not action.person.id:
            return
        if not action.device.id:
            action.device.first_seen_ms = at_ms
            self._insert_device(action.device)
        self._insert("logins", {
            "id": 0, "user_id": action.person.id, "device_id": action.device.id, "ip": action.ip, "at": at_ms,
        })  # fmt: skip

    def _pay(self, action: Pay, at_ms: int) -> None:
        src, dst = action.src, action.dst
        amount = action.amount_cents
        if action.of_balance:
            amount = min(tidy(self.rng, action.of_balance * src.balance_cents), src.balance_cents)
        if not src.bottomless and amount > src.balance_cents:
            amount = src.balance_cents - src.balance_cents % 100 if action.stretch else 0
        if amount < 50 or not src.id or not dst.id or src is dst:
            return
        src.balance_cents -= amount
        dst.balance_cents += amount
        at_once = action.channel in _AT_ONCE
        row = self._insert("transfers", {
            "id": 0, "src_account": src.id, "dst_account": dst.id, "amount": money(amount),
            "currency": action.currency, "channel": action.channel,
            "status": "settled" if at_once else "pending", "at": at_ms,
        })  # fmt: skip
        if not at_once:
            self._follow(Pending(row, src, dst, amount), at_ms)

    def _follow(self, pending: Pending, at_ms: int) -> None:
        """Most are settled within minutes; some are cancelled or corrected before."""
        delay = int(around(self.rng, 4 * MINUTE_MS, 0.8))
        roll = self.rng.random()
        if roll < 0.004:
            self.schedule(Cancel(at_ms + delay // 2, pending))
            return
        if roll < 0.007:
            cents = max(100, int(pending.amount_cents * self.rng.uniform(0.5, 1.0)))
            self.schedule(Correct(at_ms + delay // 2, pending, cents))
        self.schedule(Settle(at_ms + delay, pending))

    def _settle(self, action: Settle, at_ms: int) -> None:
        if action.pending.row is not None:
            action.pending.row = self._update("transfers", action.pending.row, status="settled")

    def _correct(self, action: Correct, at_ms: int) -> None:
        pending = action.pending
        if pending.row is None or money(action.amount_cents) == pending.row["amount"]:
            return
        pending.src.balance_cents += pending.amount_cents - action.amount_cents
        pending.dst.balance_cents -= pending.amount_cents - action.amount_cents
        pending.amount_cents = action.amount_cents
        pending.row = self._update("transfers", pending.row, amount=money(action.amount_cents))

    def _cancel(self, action: Cancel, at_ms: int) -> None:
        pending = action.pending
        if pending.row is None:
            return
        pending.src.balance_cents += pending.amount_cents
        pending.dst.balance_cents -= pending.amount_cents
        self._parts.append(("transfers", Op.DELETE, pending.row, None))
        pending.row = None

    def _change_profile(self, action: ChangeProfile, at_ms: int) -> None:
        person = action.person
        if not person.id or person.row[action.field] == action.value:
            return
        setattr(person, action.field, action.value)
        # The event stands first in the log: it must not see the contact it brings.
        self._insert("profile_changes", {
            "id": 0, "user_id": person.id, "field": action.field, "new_value": action.value, "at": at_ms,
        })  # fmt: skip
        person.row = self._update("users", person.row, **{action.field: action.value})

    def _open_customer(self, action: OpenCustomer, at_ms: int) -> None:
        person = action.person
        person.created_ms = at_ms
        self._insert_person(person)
        for account in person.accounts:
            account.opened_ms = at_ms
            self._insert_account(account)
        self.world.people.append(person)

    def _open_account(self, action: OpenAccount, at_ms: int) -> None:
        if action.account.owner.id and not action.account.id:
            action.account.opened_ms = at_ms
            self._insert_account(action.account)

    def _move_accounts(self, action: MoveAccounts, at_ms: int) -> None:
        for account in action.person.accounts:
            if account.id and account.row["user_id"] != action.to.id:
                account.row = self._update("accounts", account.row, user_id=action.to.id)

    def _leave(self, action: Leave, at_ms: int) -> None:
        action.person.gone = True

    def _report(self, action: Report, at_ms: int) -> None:
        row = self._insert("fraud_reports", {
            "id": 0, "event_table": action.event_table, "event_id": action.event_id,
            "is_fraud": int(action.is_fraud), "reported_at": at_ms,
        })  # fmt: skip
        if action.mend_ms:
            self.schedule(MendReport(at_ms + action.mend_ms, row, action.erase))

    def _mend_report(self, action: MendReport, at_ms: int) -> None:
        if action.erase:
            self._parts.append(("fraud_reports", Op.DELETE, action.row, None))
        else:
            self._update("fraud_reports", action.row, is_fraud=1 - action.row["is_fraud"])


def money(cents: int) -> str:
    """Cents as the text of a DECIMAL(14,2)."""
    return f"{cents // 100}.{cents % 100:02d}"


def _devices(person: Person) -> list[Device]:
    tablet = person.home.tablet if person.home is not None else None
    return [device for device in (person.device, person.computer, tablet) if device is not None]
