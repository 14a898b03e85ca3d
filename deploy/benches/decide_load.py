"""The load generator of `ringwatch bench decide`: requests at random moments, however many are on their way.

It speaks HTTP/1.1 by itself, a request at a time on each connection: a general client takes as long for a request as
the server under test, on the same cores, and slows down with every request that waits.
"""

from __future__ import annotations

import asyncio
import gc
import random
import time
from multiprocessing.connection import Connection
from urllib.parse import urlsplit

import msgspec

PATIENCE_S = 10.0
OPENED = 16  # connections to begin with; more where all of them wait


class Load(msgspec.Struct, frozen=True):
    """Whom to ask how often, for how long."""

    url: str
    token: str
    per_s: float
    for_s: float
    seed: int


class Answered(msgspec.Struct, frozen=True, array_like=True):
    """One request: milliseconds from its intended moment, how late it was sent, and what came back."""

    took_ms: float
    late_ms: float
    status: int
    fallback: bool = False
    reviewed: bool = False


class _Said(msgspec.Struct):
    fallback: str | None = None
    verdict: str = ""


_said = msgspec.json.Decoder(_Said)
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def put_load(told: Connection, load: Load, bodies: list[bytes]) -> None:
    """Ask, and tell what came back."""
    gc.freeze()
    told.send(asyncio.run(_Generator(load).run(bodies)))


class _Generator:
    def __init__(self, load: Load) -> None:
        self._load, self._at = load, urlsplit(load.url)
        self._idle: list[Streams] = []

    async def run(self, bodies: list[bytes]) -> list[Answered]:
        """Each request at its moment."""
        chance, load = random.Random(self._load.seed), self._load
        self._idle = [await self._open() for _ in range(OPENED)]
        sent, due_s = list[asyncio.Task[Answered]](), time.perf_counter() + 0.1
        end_s = due_s + load.for_s
        while due_s < end_s:
            await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            number = len(sent)
            request = self._request(bodies[number % len(bodies)], f"{load.seed}-{number}")
            sent.append(asyncio.create_task(self._ask(request, due_s)))
            due_s += chance.expovariate(load.per_s)
        return list(await asyncio.gather(*sent))

    async def _open(self) -> Streams:
        return await asyncio.open_connection(self._at.hostname, self._at.port)

    def _request(self, body: bytes, key: str) -> bytes:
        head = (
            f"POST /v1/score HTTP/1.1\r\nHost: {self._at.netloc}\r\nAuthorization: Bearer {self._load.token}\r\n"
            f"Content-Type: application/json\r\nIdempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    async def _ask(self, request: bytes, due_s: float) -> Answered:
        late_ms = 1e3 * (time.perf_counter() - due_s)
        try:
            async with asyncio.timeout(PATIENCE_S):
                streams = self._idle.pop() if self._idle else await self._open()
                status, body = await _spoken(streams, request)
        except (OSError, TimeoutError, EOFError):
            return Answered(1e3 * (time.perf_counter() - due_s), late_ms, 0)
        took_ms = 1e3 * (time.perf_counter() - due_s)
        self._idle.append(streams)
        said = _said.decode(body)
        return Answered(took_ms, late_ms, status, said.fallback is not None, said.verdict in ("review", "decline"))


async def _spoken(streams: Streams, request: bytes) -> tuple[int, bytes]:
    """Status and body of one answer, whose length its head says."""
    reader, writer = streams
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
    return int(head.split(b" ", 2)[1]), await reader.readexactly(length)
