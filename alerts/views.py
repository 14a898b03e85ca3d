"""What leaves this package about an alert: JSON values, made from rows."""

from __future__ import annotations

from typing import Any

import msgspec

from alerts import words
from alerts.models import Alert
from alerts.models import Decision as DecisionRow


class Summary(msgspec.Struct, frozen=True):
    """An alert in a list. `amount` and `event` are for people; `*_us` is wall-clock microseconds."""

    id: int
    event_id: str
    state: str
    state_reason: str
    event: str
    amount: str | None
    kind: str
    relation: str
    src: str
    dst: str
    time_ms: int
    attributes: dict[str, Any]
    probability: float
    model: str
    provisional: bool
    incomplete: bool
    threshold: float
    alert_by: str | None
    remarks: list[str]
    position: str
    revision: int
    reasons: list[str]
    committed_ms: int
    created_us: int
    updated_us: int


class Decision(msgspec.Struct, frozen=True):
    """What an analyst said."""

    id: int
    alert_id: int
    analyst: str
    verdict: str
    note: str
    at_us: int


class Detail(msgspec.Struct, frozen=True):
    """An alert with its evidence as it was scored, and what was said of it (newest first).

    Attributes:
        contributions: what the scorer said at once.
        explanation: the full one (`scoring.explaining.explanation.Explanation`), once it is there.
        near_alerts: of the frauds that the explanation names, by event, the numbers of their alerts.
    """

    alert: Summary
    contributions: list[dict[str, Any]]
    subgraph: dict[str, Any] | None
    decisions: list[Decision]
    newer_open: int | None
    older_open: int | None
    explanation: dict[str, Any] | None = None
    near_alerts: dict[str, int] = {}

    @property
    def weights(self) -> list[dict[str, Any]]:
        """The contributions, those of the full explanation where it has some."""
        full = self.explanation
        return self.contributions if full is None or full["method"] == "none" else full["contributions"]


class FeedItem(msgspec.Struct, frozen=True):
    """One step of the feed: what happened, and the alert as it stands now."""

    id: int
    kind: str
    alert: Summary


def summary(row: Alert) -> Summary:
    """The row as people and the API see it."""
    made = ("event", "amount", "remarks")
    plain = {name: getattr(row, name) for name in Summary.__struct_fields__ if name not in made}
    return Summary(
        event=words.event(row.relation, row.src, row.dst, row.attributes),
        amount=words.amount_of(row.attributes),
        remarks=row.remarks or [],  # of an alert from before they were kept
        **plain,
    )


def decision(row: DecisionRow) -> Decision:
    """The row as people and the API see it."""
    return Decision(**{name: getattr(row, name) for name in Decision.__struct_fields__})
