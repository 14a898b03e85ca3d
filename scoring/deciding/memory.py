"""What was answered, by idempotency key: a retry gets the first answer, byte for byte."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from scoring.deciding.problem import Problem

KEPT_S = 24 * 3_600.0
MOST = 100_000  # answers of about 1 KB each
LONGEST_KEY = 255
PLAIN_KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?").fullmatch


class Entry(msgspec.Struct, gc=False, eq=False):
    """One key: what was asked under it, and the answer as soon as there is one.

    The collector does not look at it: among 100,000 of them it would take longer than a deadline.
    """

    fingerprint: bytes
    since_s: float
    waiting: asyncio.Future[None] | None  # until there is an answer, or none will come
    answer: bytes | None = None

    async def settled(self, within_s: float) -> bytes | None:
        """The answer, if there is one in time."""
        if self.waiting is not None:
            await asyncio.wait([self.waiting], timeout=max(0.0, within_s))
        return self.answer

    def settle(self, answer: bytes | None) -> None:
        """The answer, or that none will come."""
        self.answer = answer
        if self.waiting is not None:
            self.waiting.set_result(None)
            self.waiting = None


class Memory:
    """Of this process; used from its loop alone. The oldest are forgotten first."""

    def __init__(self, most: int = MOST, kept_s: float = KEPT_S, clock: Callable[[], float] = time.monotonic) -> None:
        """At most so many answers, each for so long. `clock` gives seconds that only rise."""
        self._most, self._kept_s, self._clock = most, kept_s, clock
        self._entries: OrderedDict[str, Entry] = OrderedDict()

    def __len__(self) -> int:
        """How many keys it remembers."""
        return len(self._entries)

    def claim(self, key: str, fingerprint: bytes) -> tuple[Entry, bool]:
        """The key's entry, and whether it is the caller's: then `entry.settle` or `release` has to follow.

        Raises:
            Problem: the key was used with another body.
        """
        self._forget()
        found = self._entries.get(key)
        if found is not None:
            same(found.fingerprint, fingerprint)
            return found, False
        made = Entry(fingerprint, self._clock(), asyncio.get_running_loop().create_future())
        self._entries[key] = made
        return made, True

    def release(self, key: str, entry: Entry) -> None:
        """There is no answer that may be given again: the next one with this key begins anew."""
        if self._entries.get(key) is entry:
            del self._entries[key]
        entry.settle(None)

    def _forget(self) -> None:
        until_s = self._clock() - self._kept_s
        while self._entries:
            key, oldest = next(iter(self._entries.items()))
            if len(self._entries) < self._most and oldest.since_s > until_s:
                return
            del self._entries[key]


def key_of(header: str | None, id: str) -> str:
    """The key a request goes by: its Idempotency-Key, bare or as a quoted string, else its id.

    See draft-ietf-httpapi-idempotency-key-header-07, section 2.1.

    Raises:
        Problem: it is no key.
    """
    if header is None:
        return f"id:{id}"
    quoted = len(header) > 1 and header[0] == header[-1] == '"'
    text = header[1:-1] if quoted else header
    if len(text) > LONGEST_KEY or not PLAIN_KEY(text):
        raise Problem("key", f"{len(text)} characters, expected 1 to {LONGEST_KEY} printable ones of ASCII",
                      "Idempotency-Key", "send a UUID for each transfer, the same for its retries")  # fmt: skip
    return f"key:{text}"


def fingerprint_of(body: bytes) -> bytes:
    """What two bodies are compared by."""
    return hashlib.sha256(body).digest()


def same(known: bytes, asked: bytes) -> None:
    """Raises Problem: the key was used with another body."""
    if known != asked:
        raise Problem("key-reused", "this key came with another body before", "Idempotency-Key",
                      "send the first body again, byte for byte, or a key of its own (without the header, "
                      "the id is the key)")  # fmt: skip
