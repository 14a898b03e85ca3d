"""What this package raises.

AlertsError
├── DatabaseAway   transient: try the same call again, later
├── BadScore       permanent: this one score can't be stored; dead-letter it and go on
├── NoSuchAlert    the alert asked for is not there
└── BadSettings    stop: the settings have to be changed first
"""

from __future__ import annotations


class AlertsError(Exception):
    """Base of what this package raises."""


class DatabaseAway(AlertsError):
    """The database did not answer, or asked to try again. Nothing was written; `retry_after_s` is a hint."""

    def __init__(self, reason: str, retry_after_s: float = 1.0) -> None:
        super().__init__(f"the alerts database is away ({reason}): try again in {retry_after_s:g} s")
        self.retry_after_s = retry_after_s


class BadScore(AlertsError):
    """A score that can't become an alert, whatever the number of tries: dead-letter it with this reason."""

    def __init__(self, event_id: str, reason: str, score: object = None) -> None:
        super().__init__(f"score of event {event_id[:80]!r}: {reason}")
        self.event_id = event_id
        self.reason = reason
        self.score = score  # the very value that was refused, so that a batch can go on without it


class NoSuchAlert(AlertsError):
    """There is no alert of that number for this tenant."""


class BadSettings(AlertsError):
    """A setting can't be used; the message names it and the mend."""
