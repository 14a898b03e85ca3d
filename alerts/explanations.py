"""Explanations in: each is put beside the score it explains, or kept until that comes. Any order, any repetition."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from alerts.clock import NowUs, now_us
from alerts.database import Database
from alerts.errors import BadScore
from alerts.fanout import Fanout
from alerts.metrics import Metrics
from alerts.models import Alert, Feed, Waiting
from alerts.records import LONGEST_ID, plain
from scoring.explaining.explanation import Explanation
from scoring.score import Score

Place = tuple[str, int]  # position and revision: which score of an event


class Explanations:
    """Takes explanations in; safe to repeat with the same ones, in any order and any batches."""

    def __init__(
        self,
        database: Database,
        fanout: Fanout,
        *,
        tenant: str = "bank",
        metrics: Metrics | None = None,
        clock_us: NowUs = now_us,
    ) -> None:
        self.database, self.fanout, self.tenant = database, fanout, tenant
        self.metrics, self.clock_us = metrics or Metrics(), clock_us

    async def accept(self, explanations: Sequence[Explanation]) -> list[int]:
        """Store them in one transaction, and wake the streams.

        Returns:
            The alerts that have a new explanation; what explains an older score than an alert shows is let go.

        Raises:
            BadScore: one of them (its `.score`) can't be stored; nothing was written. Go on without it.
            DatabaseAway: nothing was written; try the same batch again.
        """
        newest = _newest(explanations)
        if not newest:
            return []
        async with self.database.write_feed(self.tenant) as session:
            there = await self._alerts(session, list(newest))
            shown = [self._shown(there[event], one) for event, one in newest.items() if event in there]
            changed = [id for id in shown if id is not None]
            early = [one for event, one in newest.items() if event not in there or _place(there[event]) < _at(one)]
            await self._wait(session, early)
            await session.flush()
            if changed:
                await session.execute(insert(Feed), [self._feed(id) for id in sorted(changed)])
        for outcome, many in (("shown", len(changed)), ("early", len(early))):
            self.metrics.explanations.labels(outcome).inc(many)
        if changed:
            await self.fanout.publish()
        return sorted(changed)

    async def _alerts(self, session: AsyncSession, events: list[str]) -> dict[str, Alert]:
        query = select(Alert).where(Alert.tenant == self.tenant, Alert.event_id.in_(events))
        return {alert.event_id: alert for alert in await session.scalars(query.options(undefer(Alert.explanation)))}

    def _shown(self, alert: Alert, one: Explanation) -> int | None:
        """Put it on the alert if it explains the score shown there, and no fuller one does already."""
        held = alert.explanation
        fuller = held is None or (held["method"] == "none" and one.method != "none")
        if _place(alert) != _at(one) or not fuller:
            return None
        alert.explanation = _body(one)
        return alert.id

    async def _wait(self, session: AsyncSession, early: Sequence[Explanation]) -> None:
        """Keep what came before its score, unless a newer one of the event is kept already."""
        events = [one.event_id for one in early]
        query = select(Waiting).where(Waiting.tenant == self.tenant, Waiting.event_id.in_(events))
        kept = {row.event_id: row for row in await session.scalars(query)} if events else {}
        for one in early:
            held = kept.get(one.event_id)
            if held is not None and _place(held) > _at(one):
                continue
            named = {"tenant": self.tenant, "event_id": one.event_id}
            facts = {"position": one.pos, "revision": one.revision, "body": _body(one), "at_us": self.clock_us()}
            await session.merge(Waiting(**named, **facts))

    def _feed(self, id: int) -> dict[str, Any]:
        return {"tenant": self.tenant, "alert_id": id, "kind": "updated", "at_us": self.clock_us()}


async def adopt(session: AsyncSession, tenant: str, alerts: Mapping[int, Score]) -> None:
    """Give alerts, by their numbers, what has waited for the score they show from now on."""
    scores = {score.event.id: (id, (score.event.pos, score.revision)) for id, score in alerts.items()}
    waits = (Waiting.tenant == tenant, Waiting.event_id.in_(list(scores)))
    done: list[str] = []
    for row in await session.scalars(select(Waiting).where(*waits)):
        id, place = scores[row.event_id]
        if _place(row) == place:
            await session.execute(update(Alert).where(Alert.id == id).values(explanation=row.body))
        if _place(row) <= place:
            done.append(row.event_id)
    if done:
        await session.execute(delete(Waiting).where(Waiting.tenant == tenant, Waiting.event_id.in_(done)))


def _newest(explanations: Sequence[Explanation]) -> dict[str, Explanation]:
    newest: dict[str, Explanation] = {}
    for one in explanations:
        _check(one)
        held = newest.get(one.event_id)
        if held is None or _at(held) <= _at(one):
            newest[one.event_id] = one
    return newest


def _check(one: Explanation) -> None:
    """Make sure it can be stored by either database, and shown.

    Raises:
        BadScore: with the reason; another try would end the same.
    """
    if not 0 < len(one.event_id) <= LONGEST_ID or "\0" in one.event_id + one.pos:
        raise BadScore(one.event_id, "an explanation of an event whose id no database stores", one)
    numbers = (one.rest, one.logit, one.reference, one.completeness_error, one.relative_error)
    if not all(map(math.isfinite, (*numbers, *(part.value for part in one.contributions)))):
        raise BadScore(one.event_id, "an explanation with a number that is not finite", one)


def _body(one: Explanation) -> dict[str, Any]:
    body: dict[str, Any] = plain(one.event_id, one, one)
    return body


def _place(row: Alert | Waiting) -> Place:
    return row.position, row.revision


def _at(one: Explanation) -> Place:
    return one.pos, one.revision
