"""Plant one episode of fraud at a given moment, so that a test can look for its alert."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from deploy.demo.actions import Action
from deploy.demo.bank import Bank
from deploy.demo.change import RowChange


def plant(
    bank: Bank, kind: str = "mule_ring", at_ms: int | None = None, within_ms: int | None = None
) -> list[RowChange]:
    """One episode's changes, in commit order, from `at_ms` on (default: where the stream stands).

    An episode takes hours to days; `within_ms` squeezes it into that time, order kept.

    The changes use the bank's next ids, are noted in `bank.truth`, and are not yielded by the
    stream, which goes on behind them: apply them before you read on. The stream's clock stays where
    it was, and what follows from them (settlements, reports) comes in the stream.

    Raises:
        KeyError: there is no such typology.
    """
    ledger = bank.ledger
    at_ms = ledger.commit_ms if at_ms is None else at_ms
    episode, actions = bank.plan_episode(kind, at_ms, Random(f"{bank.settings.seed}/plant/{at_ms}/{kind}"))
    clock = ledger.event_ms, ledger.commit_ms
    ledger.event_ms, ledger.commit_ms = at_ms, at_ms
    changes: list[RowChange] = []
    for action in _squeezed(actions, at_ms, within_ms):
        changes += bank.carry_out(action, episode)
    ledger.event_ms, ledger.commit_ms = clock
    return changes


def _squeezed(actions: Sequence[Action], at_ms: int, within_ms: int | None) -> list[Action]:
    in_order = sorted(actions, key=lambda action: action.at_ms)
    length_ms = in_order[-1].at_ms - at_ms
    if within_ms is None or length_ms <= within_ms:
        return in_order
    return [replace(a, at_ms=at_ms + max(0, a.at_ms - at_ms) * within_ms // length_ms) for a in in_order]
