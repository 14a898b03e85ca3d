"""Reading alerts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from alerts.database import Database
from alerts.errors import NoSuchAlert
from alerts.models import Alert, Feed
from alerts.models import Decision as DecisionRow
from alerts.policy import State
from alerts.views import Decision, Detail, FeedItem, Summary, decision, summary

LARGEST_PAGE = 200


@dataclass(frozen=True, slots=True)
class Filter:
    """Which alerts: None and the empty text mean any. `before` is the id to go on behind."""

    state: State | None = None
    relation: str = ""
    min_probability: float = 0.0
    text: str = ""
    before: int | None = None
    limit: int = 50


class Queries:
    """Reads of one tenant's alerts. Every method raises DatabaseAway when the database is."""

    def __init__(self, database: Database, tenant: str) -> None:
        self.database = database
        self.tenant = tenant

    async def page(self, wanted: Filter) -> list[Summary]:
        """Alerts, newest first."""
        query = select(Alert).where(Alert.tenant == self.tenant, Alert.probability >= wanted.min_probability)
        if wanted.state is not None:
            query = query.where(Alert.state == wanted.state)
        if wanted.relation:
            query = query.where(Alert.relation == wanted.relation)
        if wanted.before is not None:
            query = query.where(Alert.id < wanted.before)
        if wanted.text:
            columns = (Alert.event_id, Alert.src, Alert.dst)
            query = query.where(or_(*(column.icontains(wanted.text, autoescape=True) for column in columns)))
        query = query.order_by(Alert.id.desc()).limit(min(wanted.limit, LARGEST_PAGE))
        async with self.database.read() as session:
            return [summary(row) for row in await session.scalars(query)]

    async def detail(self, id: int) -> Detail:
        """One alert with its evidence.

        Raises:
            NoSuchAlert: there is none of that number.
        """
        query = select(Alert).where(Alert.tenant == self.tenant, Alert.id == id)
        async with self.database.read() as session:
            evidence = (undefer(Alert.contributions), undefer(Alert.subgraph), undefer(Alert.explanation))
            row = await session.scalar(query.options(*evidence))
            if row is None:
                raise NoSuchAlert(f"there is no alert {id}")
            newer = await session.scalar(self._open(func.min(Alert.id)).where(Alert.id > id))
            older = await session.scalar(self._open(func.max(Alert.id)).where(Alert.id < id))
            near = await self._numbers(session, row.explanation)
            said = await self._decisions(session, id)
            return Detail(summary(row), row.contributions, row.subgraph, said, newer, older, row.explanation, near)

    async def counts(self) -> dict[str, int]:
        """How many alerts are in each state."""
        query = select(Alert.state, func.count()).where(Alert.tenant == self.tenant).group_by(Alert.state)
        async with self.database.read() as session:
            found = {row[0]: row[1] for row in await session.execute(query)}
        return {state.value: found.get(state.value, 0) for state in State}

    async def relations(self) -> list[str]:
        """The relations alerts were raised on, for the filter."""
        query = select(Alert.relation).where(Alert.tenant == self.tenant).distinct().order_by(Alert.relation)
        async with self.database.read() as session:
            return list(await session.scalars(query))

    async def feed(self, after: int, limit: int) -> list[FeedItem]:
        """What happened behind feed id `after`, in commit order."""
        query = select(Feed, Alert).join(Alert, Alert.id == Feed.alert_id)
        query = query.where(Feed.tenant == self.tenant, Feed.id > after).order_by(Feed.id).limit(limit)
        async with self.database.read() as session:
            return [FeedItem(feed.id, feed.kind, summary(alert)) for feed, alert in await session.execute(query)]

    async def feed_head(self) -> int:
        """The newest feed id, 0 if there is none."""
        query = select(func.max(Feed.id)).where(Feed.tenant == self.tenant)
        async with self.database.read() as session:
            return await session.scalar(query) or 0

    async def _numbers(self, session: AsyncSession, explanation: dict[str, Any] | None) -> dict[str, int]:
        """The alerts of the frauds an explanation names, by event."""
        events = [one["event_id"] for one in (explanation or {}).get("neighbours", ())]
        if not events:
            return {}
        query = select(Alert.event_id, Alert.id).where(Alert.tenant == self.tenant, Alert.event_id.in_(events))
        return {row[0]: row[1] for row in await session.execute(query)}

    def _open(self, pick: ColumnElement[int]) -> Select[int]:
        return select(pick).where(Alert.tenant == self.tenant, Alert.state == State.OPEN)

    async def _decisions(self, session: AsyncSession, id: int) -> list[Decision]:
        query = select(DecisionRow).where(DecisionRow.alert_id == id).order_by(DecisionRow.id.desc())
        return [decision(row) for row in await session.scalars(query)]
