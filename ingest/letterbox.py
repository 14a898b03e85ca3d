"""What people do with dead letters: look, send again, give up. In that order nothing is lost by a crash:
a record is sent before its letter is settled, and a record sent twice changes nothing (same Position).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

from ingest.deadletter import DeadLetter, Outcome, settled
from ingest.events import IngestError
from ingest.letterindex import LetterIndex, Spot, Wanted
from ingest.records import Message, Publisher, Record

T = TypeVar("T")

BATCH = 200  # letters settled at a time
BATCH_BYTES = 16_000_000  # and the records sent again with them: one of the largest
_PLACE = re.compile(r"[A-Za-z0-9._\-]{1,249}\[[0-9]{1,10}\]@[0-9]{1,19}")


class LetterError(IngestError):
    """What is asked of the dead letters can't be done."""


class Letters(Protocol):
    """The dead-letter topic."""

    def read(self) -> Iterator[Record]:
        """Everything it holds now, in order within a partition.

        Raises:
            Transient: no answer.
        """
        ...

    def at(self, places: Iterable[tuple[int, int]]) -> Iterator[Record]:
        """Its records at these (partition, offset), which come sorted; those that are gone are left out.

        Raises:
            Transient: no answer.
        """
        ...


def place_of(text: str) -> str:
    """A place as people give it.

    Raises:
        LetterError: it is none.
    """
    if not _PLACE.fullmatch(text):
        raise LetterError(
            f"{text[:100]!r} is no place; expected topic[partition]@offset as `ringwatch deadletter list` shows it, "
            "in quotes, since brackets mean something to a shell"
        )
    return text


class Letterbox:
    """The dead letters as they stand at one moment."""

    def __init__(self, log: Letters) -> None:
        """Reads the topic through once; memory stays bounded.

        Raises:
            Transient: no answer.
        """
        self._log = log
        self.index = LetterIndex(log.read())

    def letter(self, place: str) -> DeadLetter:
        """An open letter, whole.

        Raises:
            LetterError: there is none of this place, or not any more.
        """
        spot = self._open(place)
        for record in self._log.at([(spot.partition, spot.offset)]):
            if (letter := DeadLetter.read(record)) is not None:
                return letter
        raise LetterError(f"{place}: the letter has just left the topic (it keeps letters for a while only)")

    def named(self, places: Sequence[str]) -> list[Spot]:
        """The open letters of these places, each once, as they lie in the topic.

        Raises:
            LetterError: one is no place, or has no open letter.
        """
        return sorted({self._open(place) for place in places}, key=lambda spot: (spot.partition, spot.offset))

    def count(self, chosen: list[Spot] | Wanted) -> int:
        """How many letters these are."""
        return self.index.count(chosen) if isinstance(chosen, Wanted) else len(chosen)

    def replay(self, chosen: list[Spot] | Wanted, publisher: Publisher) -> int:
        """Send their records again, then settle them; returns how many.

        Raises:
            Transient: Kafka did not take something; what is not settled is still open.
        """
        spots = ((spot.partition, spot.offset) for spot in self._spots(chosen))
        return self._settle(self._log.at(spots), publisher)

    def drop(self, chosen: list[Spot] | Wanted, publisher: Publisher) -> int:
        """Settle them without their records; returns how many.

        Raises:
            Transient: as for `replay`.
        """
        marks = (settled(spot.place, "dropped", spot.partition) for spot in self._spots(chosen))
        return sum(_published(batch, publisher) for batch in _batches(marks, lambda mark: 1))

    def _settle(self, records: Iterable[Record], publisher: Publisher) -> int:
        done = 0
        found = ((record, letter) for record in records if (letter := DeadLetter.read(record)) is not None)
        for batch in _batches(found, lambda pair: len(pair[0].value or b"")):
            publisher.publish([letter.again() for _, letter in batch])
            outcome: Outcome = "replayed"
            done += _published([settled(letter.place, outcome, at.partition) for at, letter in batch], publisher)
        return done

    def _spots(self, chosen: list[Spot] | Wanted) -> Iterable[Spot]:
        return self.index.spots(chosen) if isinstance(chosen, Wanted) else chosen

    def _open(self, place: str) -> Spot:
        found = self.index.find(place_of(place))
        if isinstance(found, Spot):
            return found
        if found is None:
            raise LetterError(f"there is no dead letter of {place}; see: ringwatch deadletter list")
        raise LetterError(f"the dead letter of {place} was {found} already; see: ringwatch deadletter list")


def _published(messages: list[Message], publisher: Publisher) -> int:
    publisher.publish(messages)
    return len(messages)


def _batches(items: Iterable[T], size: Callable[[T], int]) -> Iterator[list[T]]:
    """Runs of at most BATCH items and about BATCH_BYTES."""
    batch: list[T] = []
    held = 0
    for item in items:
        if batch and (len(batch) == BATCH or held + size(item) > BATCH_BYTES):
            yield batch
            batch, held = [], 0
        batch.append(item)
        held += size(item)
    if batch:
        yield batch
