"""The tables. The same on SQLite and Postgres; alerts/migrations makes them (a test holds the two equal).

Times: `*_us` is wall-clock microseconds, `*_ms` milliseconds, both since 1970 UTC. JSON columns hold
what the scorer said, in its wire form, and are never queried.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# SQLite numbers rows by itself only where the type is spelt INTEGER.
Id = BigInteger().with_variant(Integer(), "sqlite")
NAMES = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}


class Base(DeclarativeBase):
    """Every table of this package."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {str: Text(), int: BigInteger(), float: Float(53), bool: Boolean()}


class Alert(Base):
    """One event the policy raised: at most one per tenant and event, whatever is delivered how often."""

    __tablename__ = "alerts"
    __table_args__ = (
        UniqueConstraint("tenant", "event_id"),
        Index("ix_alerts_tenant_state_id", "tenant", "state", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    tenant: Mapped[str]
    event_id: Mapped[str]
    state: Mapped[str]  # open, confirmed, dismissed, withdrawn
    state_reason: Mapped[str]
    kind: Mapped[str]
    relation: Mapped[str]
    src: Mapped[str]
    dst: Mapped[str]
    time_ms: Mapped[int]
    attributes: Mapped[dict[str, Any]] = mapped_column(JSON)
    probability: Mapped[float]
    model: Mapped[str]
    provisional: Mapped[bool]
    incomplete: Mapped[bool]
    threshold: Mapped[float] = mapped_column(server_default="0.5")  # of alerts from before it was kept
    alert_by: Mapped[str | None]
    remarks: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    position: Mapped[str]
    revision: Mapped[int]
    read_at: Mapped[str]
    reasons: Mapped[list[str]] = mapped_column(JSON)
    contributions: Mapped[list[dict[str, Any]]] = mapped_column(JSON, deferred=True)
    subgraph: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), deferred=True)
    explanation: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), deferred=True)
    committed_ms: Mapped[int]
    created_us: Mapped[int]
    updated_us: Mapped[int]


class Waiting(Base):
    """An explanation that came before the score it explains: the newest of each event."""

    __tablename__ = "waiting_explanations"

    tenant: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[str]
    revision: Mapped[int]
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    at_us: Mapped[int] = mapped_column(index=True)


class Superseded(Base):
    """The newest score of an event that has no alert, kept where an older score may still arrive late.

    Without it a late first score would open an alert that its correction has already ruled out.
    """

    __tablename__ = "superseded"

    tenant: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[str]
    revision: Mapped[int]
    provisional: Mapped[bool] = mapped_column(server_default=false())  # of those from before it was kept
    at_us: Mapped[int] = mapped_column(index=True)


class Decision(Base):
    """What an analyst said of an alert. Append-only: changing one's mind is a further decision."""

    __tablename__ = "decisions"
    __table_args__ = (UniqueConstraint("alert_id", "request_key"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    alert_id: Mapped[int] = mapped_column(Id, ForeignKey("alerts.id"))
    analyst: Mapped[str]
    verdict: Mapped[str]  # fraud, legit
    note: Mapped[str]
    request_key: Mapped[str]  # the same key again is the same decision (a double click, a retry)
    at_us: Mapped[int]


class Audit(Base):
    """Who did what, when. Append-only."""

    __tablename__ = "audit"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    tenant: Mapped[str]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)
    at_us: Mapped[int]


class Outbox(Base):
    """Messages to send, written in the transaction that caused them; the relay sends them at least once."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_sent_us_id", "sent_us", "id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    topic: Mapped[str]
    key: Mapped[str]
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_us: Mapped[int]
    claimed_us: Mapped[int | None]
    sent_us: Mapped[int | None]


class Feed(Base):
    """What happened to alerts, in commit order: a stream resumes behind the last id it saw."""

    __tablename__ = "feed"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    tenant: Mapped[str]
    alert_id: Mapped[int] = mapped_column(Id, ForeignKey("alerts.id"))
    kind: Mapped[str]  # created, updated, withdrawn, decided
    at_us: Mapped[int]
