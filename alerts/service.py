"""Intake: scores in, alerts in SQL. The database alone decides what is new.

A marker in Redis set before the commit would be quicker to ask, and loses the alert when the process
dies between the two: the score comes again, the marker says "seen", and nobody ever sees it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from alerts.clock import NowUs, now_us
from alerts.database import Database
from alerts.explanations import adopt
from alerts.fanout import Fanout
from alerts.metrics import Metrics
from alerts.models import Alert, Feed, Superseded, Waiting
from alerts.policy import Action, Known, Policy, State, Step
from alerts.records import check, columns
from scoring.score import Score

IDS_PER_QUERY = 500
FEED_KIND = {
    Action.RAISE: "created", Action.REOPEN: "updated", Action.UPDATE: "updated", Action.WITHDRAW: "withdrawn",
}  # fmt: skip
NEXT_STATE = {Action.RAISE: State.OPEN, Action.REOPEN: State.OPEN, Action.WITHDRAW: State.WITHDRAWN}
NO_EVIDENCE: dict[str, Any] = {"reasons": [], "contributions": [], "subgraph": None}


class Intake:
    """Takes scores in; safe to repeat with the same scores, in any order and any batches."""

    def __init__(
        self,
        database: Database,
        policy: Policy,
        fanout: Fanout,
        *,
        tenant: str = "bank",
        metrics: Metrics | None = None,
        clock_us: NowUs = now_us,
    ) -> None:
        self.database = database
        self.policy = policy
        self.fanout = fanout
        self.tenant = tenant
        self.metrics = metrics or Metrics()
        self.clock_us = clock_us

    async def accept(self, scores: Sequence[Score]) -> list[int]:
        """Store what the policy makes of `scores`, in one transaction, and wake the streams.

        Returns:
            The alerts that were created or changed; empty for what was seen before.

        Raises:
            BadScore: one score (its `.score`) can't be stored; nothing was written. Go on without it.
            DatabaseAway: nothing was written; try the same batch again.
        """
        newest = _newest(scores)
        if not newest:
            return []
        changed, steps = await self._transaction(newest)
        self._count(newest, steps)
        if changed:
            await self.fanout.publish()
        return changed

    async def purge(self, older_than_us: int) -> None:
        """Forget superseded scores and waiting explanations noted before `older_than_us`: nothing comes that late."""
        async with self.database.write() as session:
            await session.execute(delete(Superseded).where(Superseded.at_us < older_than_us))
            await session.execute(delete(Waiting).where(Waiting.at_us < older_than_us))

    async def _transaction(self, newest: dict[str, Score]) -> tuple[list[int], dict[str, Step]]:
        async with self.database.write_feed(self.tenant) as session:
            known, ids = await self._known(session, list(newest))
            steps = {event: self.policy.step(score, known.get(event)) for event, score in newest.items()}
            await self._remember(session, newest, steps)
            made = await self._raise(session, newest, steps)
            changed = {id: steps[event].action for event, id in made.items()}
            for event, id in ids.items():
                if steps[event].action is not Action.IGNORE:
                    await self._change(session, id, newest[event], steps[event])
                    changed[id] = steps[event].action
                    made[event] = id
            if changed:
                await adopt(session, self.tenant, {id: newest[event] for event, id in made.items()})
                await session.execute(insert(Feed), [self._feed(id, changed[id]) for id in sorted(changed)])
            return sorted(changed), steps

    async def _known(self, session: AsyncSession, events: list[str]) -> tuple[dict[str, Known], dict[str, int]]:
        known: dict[str, Known] = {}
        ids: dict[str, int] = {}
        for part in _parts(events):
            seen = select(
                Superseded.event_id, Superseded.position, Superseded.revision, Superseded.provisional
            ).where(
                Superseded.tenant == self.tenant, Superseded.event_id.in_(part)
            )
            for event, position, revision, provisional in await session.execute(seen):
                known[event] = Known(position, revision, None, provisional)
            there = select(
                Alert.event_id, Alert.id, Alert.position, Alert.revision, Alert.state, Alert.provisional
            ).where(
                Alert.tenant == self.tenant, Alert.event_id.in_(part)
            )
            for event, id, position, revision, state, provisional in await session.execute(there):
                known[event] = Known(position, revision, State(state), provisional)
                ids[event] = id
        return known, ids

    async def _raise(self, session: AsyncSession, newest: dict[str, Score], steps: dict[str, Step]) -> dict[str, int]:
        now = self.clock_us()
        rows = [
            NO_EVIDENCE
            | columns(newest[event])
            | {"tenant": self.tenant, "event_id": event, "created_us": now, "updated_us": now}
            | {"state": State.OPEN, "state_reason": steps[event].reason}
            for event in newest
            if steps[event].action is Action.RAISE
        ]
        if not rows:
            return {}
        made = await session.execute(insert(Alert).returning(Alert.event_id, Alert.id), rows)
        return {row.event_id: row.id for row in made}

    async def _change(self, session: AsyncSession, id: int, score: Score, step: Step) -> None:
        values = columns(score) | {"updated_us": self.clock_us(), "state_reason": step.reason}
        if "subgraph" in values:
            values["explanation"] = None  # it explained what was seen before
        if step.action in NEXT_STATE:
            values["state"] = NEXT_STATE[step.action]
        await session.execute(update(Alert).where(Alert.id == id).values(values))

    async def _remember(self, session: AsyncSession, newest: dict[str, Score], steps: dict[str, Step]) -> None:
        events = [event for event in newest if steps[event].action is Action.REMEMBER]
        for part in _parts(events):
            old = delete(Superseded).where(Superseded.tenant == self.tenant, Superseded.event_id.in_(part))
            await session.execute(old)
            await session.execute(insert(Superseded), [self._superseded(newest[event]) for event in part])

    def _feed(self, id: int, action: Action) -> dict[str, Any]:
        return {"tenant": self.tenant, "alert_id": id, "kind": FEED_KIND[action], "at_us": self.clock_us()}

    def _superseded(self, score: Score) -> dict[str, Any]:
        name = {"tenant": self.tenant, "event_id": score.event.id}
        said = {"position": score.event.pos, "revision": score.revision, "provisional": score.provisional}
        return name | said | {"at_us": self.clock_us()}

    def _count(self, newest: dict[str, Score], steps: dict[str, Step]) -> None:
        now_s = self.clock_us() / 1e6
        for event, step in steps.items():
            self.metrics.scores.labels(step.action.value).inc()
            if step.action is Action.RAISE:
                self.metrics.commit_to_alert_s.observe(max(0.0, now_s - newest[event].event.known_ms / 1e3))


def _newest(scores: Sequence[Score]) -> dict[str, Score]:
    """The newest score of each event; Raises BadScore."""
    newest: dict[str, Score] = {}
    for score in scores:
        check(score)
        held = newest.get(score.event.id)
        if held is None or held.rank < score.rank:
            newest[score.event.id] = score
    return newest


def _parts(events: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(events), IDS_PER_QUERY):
        yield events[start : start + IDS_PER_QUERY]
