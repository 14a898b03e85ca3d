"""The watermark of one worker: the position up to which everything it was given is dealt with."""

from __future__ import annotations

from collections.abc import Collection

from ingest.reading import Batch
from ingest.records import LABELS

Place = tuple[str, int]


class Progress:
    """As far as the slowest partition that still holds records, else as far as was seen. Never moves back."""

    def __init__(self) -> None:
        self.through = ""
        self.last: dict[Place, str] = {}

    def advance(self, batch: Batch, behind: Collection[Place]) -> str | None:
        """The watermark behind this batch. `behind` are the partitions that held more when it was polled."""
        for place, token in _dealt(batch).items():
            if place[0] != LABELS:  # decisions have no place in the bank's log
                self.last[place] = max(token, self.last.get(place, ""))
        waiting = {place for place in behind if place[0] != LABELS}
        if waiting <= self.last.keys():
            reached = min((self.last[place] for place in waiting), default=max(self.last.values(), default=""))
            self.through = max(self.through, reached)
        return self.through or None


def _dealt(batch: Batch) -> dict[Place, str]:
    """The last position of each partition. Items are sealed in log order; letters are as they were read."""
    reached = {(item.record.topic, item.record.partition): item.change.position.token for item in batch.items}
    for letter in batch.letters:
        if letter.position:
            place = letter.topic, letter.partition
            reached[place] = max(letter.position, reached.get(place, ""))
    return reached
