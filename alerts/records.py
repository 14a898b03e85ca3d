"""A Score as a row of `alerts`: what is checked before it may be stored, and the columns it fills."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from alerts.errors import BadScore
from scoring.score import Score

# Postgres refuses index entries over a third of a page (2,704 bytes): an id is an index entry.
LONGEST_ID = 500
INT64 = 2**63


def check(score: Score) -> None:
    """Make sure a score can be stored by either database.

    Raises:
        BadScore: with the reason; another try would end the same.
    """
    event = score.event
    for name, value in (("event id", event.id), ("source", event.src), ("target", event.dst)):
        if not 0 < len(value) <= LONGEST_ID:
            raise BadScore(event.id, f"{name} has {len(value)} characters, expected 1 to {LONGEST_ID}", score)
    for name, text in (("event id", event.id), ("source", event.src), ("target", event.dst), ("model", score.model),
                       ("relation", event.relation), ("position", event.pos), ("read_at", score.read_at),
                       ("alert_by", score.alert_by or "")):  # fmt: skip
        if "\0" in text or not _is_unicode(text):
            raise BadScore(event.id, f"{name} holds a NUL or half a character, which no database stores", score)
    for name, share in (("probability", score.probability), ("threshold", score.threshold)):
        if not (math.isfinite(share) and 0 <= share <= 1):
            raise BadScore(event.id, f"{name} {share!r} is not between 0 and 1", score)
    for name, number in (("time_ms", event.time_ms), ("known_ms", event.known_ms), ("revision", score.revision)):
        if not -INT64 <= number < INT64:
            raise BadScore(event.id, f"{name} {number} does not fit 64 bits", score)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def columns(score: Score) -> dict[str, Any]:
    """The facts of a score. Evidence (reasons, contributions, subgraph) is there if the scorer sent it:
    a score that nobody will look at has none, and what was seen when the alert was raised stays.

    Raises:
        BadScore: something in it has no JSON form.
    """
    event = score.event
    row: dict[str, Any] = {
        "kind": event.kind,
        "relation": event.relation,
        "src": event.src,
        "dst": event.dst,
        "time_ms": event.time_ms,
        "attributes": _plain(score, event.attributes),
        "probability": score.probability,
        "model": score.model,
        "provisional": score.provisional,
        "incomplete": score.incomplete,
        "threshold": score.threshold,
        "alert_by": score.alert_by,
        "remarks": list(score.remarks),
        "position": event.pos,
        "revision": score.revision,
        "read_at": score.read_at,
        "committed_ms": event.known_ms,
    }
    if score.subgraph is not None or score.reasons:
        row["reasons"] = _plain(score, score.reasons)
        row["contributions"] = _plain(score, score.contributions)
        row["subgraph"] = _plain(score, score.subgraph)
    return row


def _plain(score: Score, value: object) -> Any:
    return plain(score.event.id, value, score)


def plain(event_id: str, value: object, of: object) -> Any:
    """The JSON form, without NUL (Postgres stores the escape but can't read it back as text).

    Raises:
        BadScore: it has none; names the event and `of`, the record it came in.
    """
    try:
        encoded = msgspec.json.encode(value)
    except (UnicodeEncodeError, TypeError, ValueError, msgspec.MsgspecError) as error:
        raise BadScore(event_id, f"has no JSON form: {error}", of) from error
    return msgspec.json.decode(encoded.replace(b"\\u0000", b"\\ufffd"))
