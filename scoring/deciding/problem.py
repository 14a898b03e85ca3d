"""What a request that can't be taken is told: RFC 9457 problem details, with where and the mend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

MEDIA_TYPE = "application/problem+json"
LONGEST = 300  # characters of a detail: what was sent is shown in part at the most

Kind = Literal[
    "json", "field", "relation", "attribute", "contact", "time", "key", "key-reused", "too-large", "too-slow", "token",
    "too-many",
]  # fmt: skip
STATUS: dict[Kind, int] = {
    "json": 422, "field": 422, "relation": 422, "attribute": 422, "contact": 422, "time": 422, "key": 422,
    "key-reused": 422, "too-large": 413, "too-slow": 408, "token": 401, "too-many": 429,
}  # fmt: skip
TITLES: dict[Kind, str] = {
    "json": "The body is not JSON",
    "field": "A field does not fit",
    "relation": "No event of the mapping",
    "attribute": "An attribute does not fit",
    "contact": "A contact can't be taken so",
    "time": "The time does not fit",
    "key": "The Idempotency-Key does not fit",
    "key-reused": "The key was used with another body",
    "too-large": "The body is too large",
    "too-slow": "The body did not come",
    "token": "The token is not right",
    "too-many": "Too many requests",
}


class _Wire(msgspec.Struct, frozen=True, omit_defaults=True):
    type: str
    title: str
    status: int
    detail: str
    where: str = ""
    mend: str = ""


class Problem(Exception):
    """A request that can't be taken. Sending the same again has the same outcome, 408 and 429 excepted.

    Attributes:
        kind: which of the documented problems; its `type` is that section of /docs.
        where: a JSON Pointer into the body, or the header's name.
        mend: what the sender can do.
        headers: to be sent along.
    """

    def __init__(
        self, kind: Kind, detail: str, where: str = "", mend: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.kind, self.where, self.mend, self.headers = kind, where, mend, dict(headers or {})
        self.detail = detail if len(detail) <= LONGEST else f"{detail[:LONGEST]}…"

    @property
    def status(self) -> int:
        """The HTTP status."""
        return STATUS[self.kind]

    def json(self) -> bytes:
        """The body of the answer."""
        wire = _Wire(f"/docs#{self.kind}", TITLES[self.kind], self.status, self.detail, self.where, self.mend)
        return msgspec.json.encode(wire)
