"""The transactional outbox's relay: what was committed with a decision is sent, at least once.

A row is claimed, sent, then marked. A relay that dies in between leaves a claim that runs out, and the
row is sent again; receivers know a label by its decision id. Rows are claimed, never read by "id beyond
the last": a transaction may commit a smaller id later.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import structlog
from sqlalchemy import or_, select, update

from alerts.clock import NowUs, now_us
from alerts.database import Database
from alerts.errors import DatabaseAway
from alerts.metrics import Metrics
from alerts.models import Outbox

log = structlog.get_logger(__name__)

Publish = Callable[[str, str, bytes], Awaitable[None]]
"""publish(topic, key, value): returns once the receiver has it; raises to be tried again."""


class Relay:
    """Sends what stands in the outbox. Several may run: each claims rows of its own."""

    def __init__(
        self,
        database: Database,
        publish: Publish,
        *,
        metrics: Metrics,
        batch: int = 100,
        claim_s: float = 30.0,
        idle_s: float = 1.0,
        clock_us: NowUs = now_us,
    ) -> None:
        self.database = database
        self.publish = publish
        self.metrics = metrics
        self.batch = batch
        self.claim_us = int(claim_s * 1e6)
        self.idle_s = idle_s
        self.clock_us = clock_us

    async def run(self, wake: asyncio.Event) -> None:
        """Send until cancelled; `wake` says that something was written."""
        failures = 0
        while True:
            try:
                sent = await self.send_once()
                failures = 0
            except asyncio.CancelledError:
                raise
            except Exception as error:  # whatever the publisher raises: the row stays and is tried again
                failures += 1
                sent = 0
                pause_s = min(30.0, self.idle_s * 2 ** min(failures, 5))
                log.warning("outbox_retry", reason=str(error)[:200], retry_in_s=pause_s)
                await asyncio.sleep(pause_s)
            if sent < self.batch:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self.idle_s):  # as in fanout.py, not wait_for
                        await wake.wait()
                wake.clear()

    async def send_once(self) -> int:
        """Send one batch, in order; how many were sent. On a fault the rest is released and it is raised."""
        rows = await self.claim()
        sent: list[int] = []
        try:
            for row in rows:
                await self.publish(row.topic, row.key, msgspec.json.encode(row.payload))
                sent.append(row.id)
        finally:
            await self._finish(sent, [row.id for row in rows[len(sent) :]])
        return len(sent)

    async def claim(self) -> Sequence[Outbox]:
        """Take up to a batch of unsent rows that nobody holds a claim on."""
        now = self.clock_us()
        free = or_(Outbox.claimed_us.is_(None), Outbox.claimed_us < now - self.claim_us)
        query = select(Outbox).where(Outbox.sent_us.is_(None), free).order_by(Outbox.id).limit(self.batch)
        async with self.database.read() as session:  # the usual answer is "nothing": no write lock for that
            if not (await session.scalars(query.limit(1))).all():
                return []
        async with self.database.write() as session:
            rows = (await session.scalars(query.with_for_update(skip_locked=True))).all()
            ids = [row.id for row in rows]
            await session.execute(
                update(Outbox).where(Outbox.id.in_(ids)).values(claimed_us=now),
                execution_options={"synchronize_session": False},
            )
        return rows

    async def _finish(self, sent: list[int], rest: list[int]) -> None:
        if not sent and not rest:
            return
        with contextlib.suppress(DatabaseAway):  # the claim runs out by itself: sent again, which is harmless
            async with self.database.write() as session:
                now = self.clock_us()
                await session.execute(update(Outbox).where(Outbox.id.in_(sent)).values(sent_us=now))
                await session.execute(update(Outbox).where(Outbox.id.in_(rest)).values(claimed_us=None))
        self.metrics.outbox.inc(len(sent))
