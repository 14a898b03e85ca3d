"""Bank: a simulated bank as a seeded, time-ordered stream of row changes."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from heapq import heappop, heappush
from pathlib import Path
from random import Random

import msgspec

from deploy.demo.actions import Action, ChangeProfile, Login, Pay
from deploy.demo.bills import due_today
from deploy.demo.change import RowChange
from deploy.demo.ledger import Ledger
from deploy.demo.moments import moments_of
from deploy.demo.population import populate
from deploy.demo.reports import Desk
from deploy.demo.rhythm import moment_ms
from deploy.demo.routine import ordinary_day
from deploy.demo.settings import DAY_MS, BankSettings
from deploy.demo.tables import EVENT_TABLES
from deploy.demo.truth import Truth, write_truth
from deploy.demo.typologies import Typology, typologies

EVENTS_PER_USER = 2.0
"""Scoreable events a customer makes on an average day: what the fraud share is taken of."""


class Bank:
    """A simulated bank. Same settings, same stream.

    Attributes:
        world: who is there; changes as the stream is read.
        truth: fraud events so far. Never part of the stream; only evaluation may read it.
    """

    def __init__(self, settings: BankSettings | None = None) -> None:
        """Make the world as it stands on the first day; nothing is simulated before it is read.

        Raises:
            ValueError: the settings name a typology that does not exist.
        """
        self.settings = settings or BankSettings()
        self.world = populate(self.settings, self._rng("world"))
        self.ledger = Ledger(self.world, self._rng("ledger"), self.schedule)
        self.desk = Desk(self._rng("desk"))
        self.truth: list[Truth] = []
        self.typologies = _chosen(self.settings.typologies)
        self._queue: list[tuple[int, int, Action, tuple[str, str] | None]] = []
        self._planned = 0
        self._episodes = 0
        rng = self._rng("owed")
        total = sum(typology.share for typology in self.typologies.values())
        self._owed = {name: rng.uniform(-22, 0) * each.share / total for name, each in self.typologies.items()}
        self._stream = self._run()

    def changes(self) -> Iterator[RowChange]:
        """The stream, in commit order; first the customers there are. One per bank: a further call goes on."""
        return self._stream

    def schedule(self, action: Action, episode: tuple[str, str] | None = None) -> None:
        """Let an action happen at its time, or at once if that has passed; episode is (typology, name)."""
        self._planned += 1
        heappush(self._queue, (action.at_ms, self._planned, action, episode))

    def plan_episode(self, kind: str, at_ms: int, rng: Random) -> tuple[tuple[str, str], list[Action]]:
        """One episode of a typology from `at_ms` on: (typology, name of the episode), and its actions.

        Raises:
            KeyError: there is no such typology.
        """
        if kind not in self.typologies:
            raise KeyError(f"no typology {kind!r}: there are {', '.join(self.typologies)}")
        self._episodes += 1
        actions = self.typologies[kind].plan(self.world, rng, at_ms)
        return (kind, f"{kind}-{self._episodes}"), actions

    def carry_out(self, action: Action, episode: tuple[str, str] | None) -> list[RowChange]:
        """Write an action; note the truth of it; let the desk hear of it."""
        changes = self.ledger.write(action)
        if not changes or not isinstance(action, Login | Pay | ChangeProfile):
            return changes
        event = next(change for change in changes if change.table in EVENT_TABLES)
        if action.fraud and episode is not None:
            self.truth.append(Truth(event.table, event.row_id, *episode))
            party = action.src.owner.id if isinstance(action, Pay) else action.person.id
            for report in self.desk.fraud(event, episode[1], party):
                self.schedule(report)
        else:
            self.desk.ordinary(event)
        return changes

    def _run(self) -> Iterator[RowChange]:
        start_ms, day = self.settings.start_ms, 0
        yield from self.ledger.load(start_ms)
        while self.settings.days is None or day < self.settings.days:
            day_ms = start_ms + day * DAY_MS
            self._plan_day(day, day_ms)
            while self._queue and self._queue[0][0] < day_ms + DAY_MS:
                _, _, action, episode = heappop(self._queue)
                yield from self.carry_out(action, episode)
            day += 1

    def _plan_day(self, day: int, day_ms: int) -> None:
        for action in moments_of(self.world, self._rng(f"moments/{day}"), day_ms, self.settings.new_customers):
            self.schedule(action)
        for action in due_today(self.world, self._rng(f"bills/{day}"), day_ms):
            self.schedule(action)
        for action in ordinary_day(self.world, self._rng(f"routine/{day}"), day_ms):
            self.schedule(action)
        self._plan_fraud(self._rng(f"fraud/{day}"), day_ms)

    def _plan_fraud(self, rng: Random, day_ms: int) -> None:
        """Each typology is owed its share of the events; an episode is planned when enough are owed."""
        events = self.settings.fraud_share * EVENTS_PER_USER * len(self.world.people)
        total = sum(typology.share for typology in self.typologies.values())
        for name, typology in self.typologies.items():
            self._owed[name] += events * typology.share / total * rng.expovariate(1)
            while self._owed[name] > 0:
                at_ms = moment_ms(rng, day_ms, "night" if rng.random() < 0.25 else "app")
                episode, actions = self.plan_episode(name, at_ms, rng)
                self._owed[name] -= max(1, sum(action.fraud for action in actions))
                for action in actions:
                    self.schedule(action, episode)

    def _rng(self, purpose: str) -> Random:
        """A source of randomness of its own, so that one part's draws don't shift another's."""
        return Random(f"{self.settings.seed}/{purpose}")


def _chosen(names: tuple[str, ...] | None) -> dict[str, Typology]:
    known = typologies()
    for name in names or ():
        if name not in known:
            raise ValueError(f"typologies: {name!r} does not exist; there are {', '.join(known)}")
    return known if names is None else {name: known[name] for name in names}


def main() -> None:
    """Write a stream and, to a file of its own, the truth."""
    parser = argparse.ArgumentParser(prog="python -m deploy.demo.bank", description=main.__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--users", type=int, default=2_000)
    parser.add_argument("--out", type=Path, required=True, help="row changes, one JSON object a line")
    parser.add_argument("--truth", type=Path, help="what really was fraud; for evaluation only")
    args = parser.parse_args()
    bank = Bank(BankSettings(seed=args.seed, days=args.days, users=args.users))
    encode, changes, events = msgspec.json.encode, 0, 0
    with args.out.open("wb") as out:
        for change in bank.changes():
            out.write(encode(change) + b"\n")
            changes += 1
            events += change.table in EVENT_TABLES and change.op == "c"
    if args.truth:
        write_truth(args.truth, bank.truth)
    print(f"{changes} changes, {events} events, {len(bank.truth)} of them fraud")


if __name__ == "__main__":
    main()
