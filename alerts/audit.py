"""The audit trail: who did what, when. Written in the transaction of the deed, never changed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from alerts.models import Audit


async def record(
    session: AsyncSession, *, tenant: str, actor: str, action: str, subject: str, detail: dict[str, Any], at_us: int
) -> None:
    """Add one line in the caller's transaction."""
    row = {"tenant": tenant, "actor": actor, "action": action, "subject": subject, "detail": detail, "at_us": at_us}
    await session.execute(insert(Audit).values(row))
