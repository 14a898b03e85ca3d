"""What analysts decide: state, decision, audit line, feed step and the label to send, in one transaction."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from alerts import audit, views
from alerts.clock import NowUs, now_us
from alerts.database import Database
from alerts.errors import NoSuchAlert
from alerts.fanout import Fanout
from alerts.metrics import Metrics
from alerts.models import Alert, Decision, Feed, Outbox
from alerts.policy import State
from ingest.records import LABELS

LONGEST_NOTE = 2000


class Verdict(StrEnum):
    """What an analyst can say."""

    FRAUD = "fraud"
    LEGIT = "legit"


@dataclass(frozen=True, slots=True)
class Ruling:
    """A decision to record. `request_key` names the request: sent twice, it counts once."""

    alert_id: int
    verdict: Verdict
    analyst: str
    note: str
    request_key: str


class Decisions:
    """Records rulings of one tenant's analysts."""

    def __init__(
        self, database: Database, fanout: Fanout, *, tenant: str, metrics: Metrics, clock_us: NowUs = now_us
    ) -> None:
        self.database = database
        self.fanout = fanout
        self.tenant = tenant
        self.metrics = metrics
        self.clock_us = clock_us
        self.written = asyncio.Event()  # wakes the outbox relay of this process

    async def decide(self, ruling: Ruling) -> views.Decision:
        """Record a ruling. A further one on the same alert corrects the one before.

        Raises:
            NoSuchAlert: there is none of that number.
            DatabaseAway: nothing was written; try again later.
        """
        async with self.database.write_feed(self.tenant) as session:
            alert = await session.scalar(
                select(Alert).where(Alert.tenant == self.tenant, Alert.id == ruling.alert_id).with_for_update()
            )
            if alert is None:
                raise NoSuchAlert(f"there is no alert {ruling.alert_id}")
            same = select(Decision).where(Decision.alert_id == alert.id, Decision.request_key == ruling.request_key)
            known = await session.scalar(same)
            if known is not None:
                return views.decision(known)
            made = await self._record(session, alert, ruling)
        self.metrics.decisions.labels(ruling.verdict.value).inc()
        self.written.set()
        await self.fanout.publish()
        return made

    async def _record(self, session: AsyncSession, alert: Alert, ruling: Ruling) -> views.Decision:
        now = self.clock_us()
        decision = Decision(
            alert_id=alert.id, analyst=ruling.analyst, verdict=ruling.verdict.value, note=ruling.note,
            request_key=ruling.request_key, at_us=now,
        )  # fmt: skip
        session.add(decision)
        await session.flush()
        before = alert.state
        alert.state = State.CONFIRMED if ruling.verdict is Verdict.FRAUD else State.DISMISSED
        alert.state_reason = f"decided by {ruling.analyst}"
        alert.updated_us = now
        session.add(Feed(tenant=self.tenant, alert_id=alert.id, kind="decided", at_us=now))
        await session.execute(insert(Outbox).values(self._label(alert, decision)))
        detail = {"decision": decision.id, "verdict": decision.verdict, "before": before, "after": str(alert.state)}
        await audit.record(
            session, tenant=self.tenant, actor=ruling.analyst, action="decide", subject=f"alert:{alert.id}",
            detail=detail, at_us=now,
        )  # fmt: skip
        return views.decision(decision)

    def _label(self, alert: Alert, decision: Decision) -> dict[str, object]:
        payload = {
            "event": alert.event_id,
            "fraud": decision.verdict == Verdict.FRAUD,
            "decided_at": decision.at_us // 1000,
            "analyst": decision.analyst,
            "alert": alert.id,
            "decision": decision.id,
            "event_time": alert.time_ms,
        }
        key = {"topic": LABELS, "key": alert.event_id, "created_us": decision.at_us}
        return key | {"payload": payload, "claimed_us": None, "sent_us": None}
