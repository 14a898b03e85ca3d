"""Plant one episode of fraud at a given moment, so that a test can look for its alert."""

from __future__ import annotations

from random import Random

from deploy.demo.bank import Bank
from deploy.demo.change import RowChange


def plant(bank: Bank, kind: str = "mule_ring", at_ms: int | None = None) -> list[RowChange]:
    """One episode's changes, in commit order, from `at_ms` (default: where the stream stands).

    They use the bank's next ids, are noted in `bank.truth`, and are not yielded by the stream, which
    goes on behind them: feed them before you read on. The stream's clock stays where it was.

    Raises:
        KeyError: there is no such typology.
    """
    ledger = bank.ledger
    at_ms = ledger.commit_ms if at_ms is None else at_ms
    clock = ledger.event_ms, ledger.commit_ms
    ledger.event_ms, ledger.commit_ms = at_ms, at_ms
    episode, actions = bank.plan_episode(kind, at_ms, Random(f"{bank.settings.seed}/plant/{at_ms}/{kind}"))
    changes: list[RowChange] = []
    for action in sorted(actions, key=lambda action: action.at_ms):
        changes += bank.carry_out(action, episode)
    ledger.event_ms, ledger.commit_ms = clock
    return changes
