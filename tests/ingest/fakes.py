"""A log, a sink and a publisher in memory: they keep the promises of ingest.records and can be told to fail.

One `Faults` is shared by all three, so that a test can name the step that fails: "poll", "write",
"publish", "commit". Each step notes itself in `steps` once it has taken effect.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from zlib import crc32

import msgspec

from graph.mapping import Mapping as BankMapping
from graph.mapping import Plan
from graph.mirror import Mirror
from graph.model import Incomplete
from graph.sink import GraphSink
from ingest.events import Change, Reject
from ingest.records import DEAD_LETTERS, Message, Record
from ingest.worker import Item


class Crash(BaseException):
    """The process is gone: nothing may catch this."""


class Faults:
    """What to raise, before or after a step took effect, and what happened."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self._before: dict[str, list[BaseException]] = defaultdict(list)
        self._after: dict[str, list[BaseException]] = defaultdict(list)

    def before(self, step: str, *errors: BaseException) -> None:
        """Raise these, one a time, before the step."""
        self._before[step] += errors

    def after(self, step: str, *errors: BaseException) -> None:
        """Raise these, one a time, once the step has taken effect."""
        self._after[step] += errors

    def run(self, step: str, effect: Callable[[], None]) -> None:
        """The step."""
        if self._before[step]:
            raise self._before[step].pop(0)
        effect()
        self.steps.append(step)
        if self._after[step]:
            raise self._after[step].pop(0)


class LogSource:
    """A Source over records; uncommitted ones come again to whoever opens it anew."""

    def __init__(self, records: Sequence[Record], faults: Faults) -> None:
        self.log: dict[tuple[str, int], list[Record]] = defaultdict(list)
        for record in records:
            self.log[record.topic, record.partition].append(record)
        self.committed: dict[tuple[str, int], int] = defaultdict(int)
        self.alive, self._fresh = 0, True
        self.commits: list[int] = []
        self.when_empty: Callable[[], None] = lambda: None
        self._faults = faults
        self._taken: dict[tuple[str, int], int] = defaultdict(int)

    def reopen(self) -> None:
        """A new process: reads on from what was committed."""
        self._fresh = True
        for part, records in self.log.items():
            self._taken[part] = sum(record.offset < self.committed[part] for record in records)

    def poll(self, limit: int, timeout_s: float) -> list[Record]:
        """See Source.poll; partitions take turns."""
        self._faults.run("poll", lambda: None)
        batch: list[Record] = []
        while len(batch) < limit and (behind := sorted(place for place, n in self.lag().items() if n)):
            for part in behind[: limit - len(batch)]:
                batch.append(self.log[part][self._taken[part]])
                self._taken[part] += 1
        if not batch:
            self.when_empty()
        return batch

    def commit(self, offsets: Mapping[tuple[str, int], int]) -> None:
        """See Source.commit."""
        self._faults.run("commit", lambda: self.committed.update(offsets))
        self.commits += offsets.values()

    def lag(self) -> dict[tuple[str, int], int]:
        """See Source.lag."""
        return {part: len(records) - self._taken[part] for part, records in self.log.items()}

    def reassigned(self) -> bool:
        """See Source.reassigned."""
        fresh, self._fresh = self._fresh, False
        return fresh

    def keep_alive(self) -> None:
        """See Source.keep_alive."""
        self.alive += 1


class MemoryPublisher:
    """A Publisher that keeps what it was given."""

    def __init__(self, faults: Faults) -> None:
        self.messages: list[Message] = []
        self._faults = faults

    def publish(self, messages: Sequence[Message]) -> None:
        """See Publisher.publish."""
        self._faults.run("publish", lambda: self.messages.extend(messages))

    def of(self, topic: str) -> list[dict[str, object]]:
        """What a topic's messages hold, decoded: what shares a record counts one by one."""
        read = [msgspec.json.decode(message.value) for message in self.messages if message.topic == topic]
        return [each for value in read for each in (value if isinstance(value, list) else [value])]


class FaultySink(GraphSink):
    """The graph's own sink over a mirror, refusing what a test wants refused."""

    def __init__(self, mapping: BankMapping, mirror: Mirror, faults: Faults, refuses: Callable[[Item], bool]) -> None:
        super().__init__(mapping, mirror, "w1")
        self.planned: list[tuple[Change, bool]] = []
        self._faults, self._refuses = faults, refuses

    def plan(self, change: Change, whole: bool) -> Plan:
        """Notes how each change was planned."""
        self.planned.append((change, whole))
        return super().plan(change, whole)

    def write(self, items: Sequence[Item], marks: Sequence[Incomplete]) -> None:
        """All or nothing, like a store that refuses a batch for one of its upserts."""
        if any(self._refuses(item) for item in items):
            raise Reject("the store refuses this")
        self._faults.run("write", lambda: super(FaultySink, self).write(items, marks))


class MemoryTopics:
    """Topics in memory: what is published can be read. A Publisher, the Letters, and a step to fail at."""

    def __init__(self, faults: Faults | None = None, partitions: int = 3) -> None:
        self.parts: dict[str, list[list[Record]]] = defaultdict(lambda: [[] for _ in range(partitions)])
        self._faults = faults or Faults()

    def publish(self, messages: Sequence[Message]) -> None:
        """See Publisher.publish: to the partition named, else that of the key."""

        def effect() -> None:
            for message in messages:
                parts = self.parts[message.topic]
                number = crc32(message.key or b"") % len(parts) if message.partition is None else message.partition
                at = (message.topic, number, len(parts[number]))
                parts[number].append(Record(*at, message.key, message.value, message.headers))

        self._faults.run("publish", effect)

    def records(self, topic: str) -> list[Record]:
        """All of a topic."""
        return [record for part in self.parts[topic] for record in part]

    def read(self) -> Iterator[Record]:
        """See Letters.read."""
        yield from self.records(DEAD_LETTERS)

    def at(self, places: Iterable[tuple[int, int]]) -> Iterator[Record]:
        """See Letters.at."""
        for part, offset in places:
            yield from (record for record in self.parts[DEAD_LETTERS][part] if record.offset == offset)
