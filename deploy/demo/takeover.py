"""An account takeover, replayed and explained: `python -m deploy.demo.takeover [SEED]`; takes half a minute.

A small bank lives for some weeks, then an account is taken over: a login from a new device, a changed contact,
transfers out. Each change goes through the mapping into the mirror, each event is scored by the shipped model as it
comes, and what the analyst would read of the first transfer that raises an alert is printed, as Markdown.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import takewhile

from alerts import words
from deploy.config import SHIPPED
from deploy.demo.bank import Bank
from deploy.demo.change import RowChange
from deploy.demo.ring import plant
from deploy.demo.settings import DAY_MS, HOUR_MS, BankSettings
from deploy.demo.training import change_of, demo_mapping
from graph.mirror import Mirror
from graph.model import Event
from scoring.engine import Engine
from scoring.explaining.explainer import Explainer
from scoring.explaining.explanation import Explanation
from scoring.explaining.neighbours import KnownFrauds
from scoring.score import Score
from scoring.scorer import EventScorer

SEED, USERS, DAYS = 113, 400, 30  # no model was trained on this bank
SHOWN = 8  # parts of an explanation


class Replay:
    """A mirror that a bank's changes go into, and what scores and explains their events."""

    def __init__(self) -> None:
        """Nothing has happened yet."""
        self.mirror, self.mapping, self.number = Mirror(), demo_mapping(), 0
        known = KnownFrauds(self.mirror)
        engine = Engine.load(SHIPPED)
        self.scorer = EventScorer(engine, self.mirror)
        self.explainer = Explainer(engine, self.mirror, known)

    def apply(self, row: RowChange) -> list[Event]:
        """One change; its events."""
        self.number += 1
        plan = self.mapping.plan(change_of(row, self.number))
        self.mirror.apply(plan.upserts)
        return list(plan.events)


def main(seed: int) -> None:
    """Play it and print it."""
    replay, bank = Replay(), Bank(BankSettings(seed=seed, users=USERS, days=DAYS))
    until_ms = bank.settings.start_ms + (DAYS - 1) * DAY_MS
    for row in takewhile(lambda row: row.at_ms < until_ms, bank.changes()):
        replay.apply(row)
    for _ in replay.explainer.learn():
        pass
    planted = plant(bank, "account_takeover", within_ms=HOUR_MS)
    sys.stdout.write("\n".join(_told(replay, planted)) + "\n")


def _told(replay: Replay, planted: list[RowChange]) -> Iterator[str]:
    yield "| when (UTC) | what | probability | alert |"
    yield "|---|---|---:|---|"
    alerts = list[Score]()
    for row in planted:
        for event in replay.apply(row):
            score = replay.scorer.score([event])[0]
            said = words.event(event.relation, event.src, event.dst, event.attributes)
            yield f"| {words.utc(event.time_ms)} | {said} | {score.probability:.3f} | {'yes' if score.asks else ''} |"
            alerts += [score] if score.asks else []
    for score in [score for score in alerts if score.event.relation == "TRANSFER"][:1]:
        yield from _explained(score, replay.explainer.explain(score))


def _explained(score: Score, found: Explanation) -> Iterator[str]:
    yield f"\nThe first alert on a transfer, {score.event.id}, {score.model}:\n"
    yield from (f"- {reason}" for reason in score.reasons)
    if found.reason is not None:
        yield f"\nNo full explanation: {found.reason}"
        return
    yield f"\nIn full ({found.method}, {found.steps} steps, complete to {found.relative_error:.1%}), log-odds:\n"
    for part in found.contributions[:SHOWN]:
        speaks_of = found.about.get(part.name)
        yield f"- {part.value:+.2f} {part.name}{f' ({speaks_of})' if speaks_of else ''}"
    for near in found.neighbours:
        yield f"- like {near.event_id}, known to be fraud since {words.utc(near.known_ms)} ({near.similarity:.2f})"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SEED)
