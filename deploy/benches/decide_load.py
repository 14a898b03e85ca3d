"""The load generator of `ringwatch bench decide`: requests at random moments, however many are on their way."""

from __future__ import annotations

import asyncio
import gc
import random
import time
from multiprocessing.connection import Connection

import httpx
import msgspec

CONNECTIONS = 256
PATIENCE_S = 10.0


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


def put_load(told: Connection, load: Load, bodies: list[bytes]) -> None:
    """Ask, and tell what came back."""
    gc.freeze()
    told.send(asyncio.run(_put(load, bodies)))


async def _put(load: Load, bodies: list[bytes]) -> list[Answered]:
    chance = random.Random(load.seed)
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    headers = {"Authorization": f"Bearer {load.token}", "Content-Type": "application/json"}
    async with httpx.AsyncClient(base_url=load.url, headers=headers, limits=limits, timeout=PATIENCE_S) as client:
        await client.get("/healthz")
        sent, due_s = list[asyncio.Task[Answered]](), time.perf_counter() + 0.1
        end_s, number = due_s + load.for_s, 0
        while due_s < end_s:
            await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            headers = {"Idempotency-Key": f"{load.seed}-{number}"}
            sent.append(asyncio.create_task(_ask(client, bodies[number % len(bodies)], headers, due_s)))
            due_s += chance.expovariate(load.per_s)
            number += 1
        return list(await asyncio.gather(*sent))


async def _ask(client: httpx.AsyncClient, body: bytes, headers: dict[str, str], due_s: float) -> Answered:
    late_ms = 1e3 * (time.perf_counter() - due_s)
    try:
        answer = await client.post("/v1/score", content=body, headers=headers)
    except httpx.HTTPError:
        return Answered(1e3 * (time.perf_counter() - due_s), late_ms, 0)
    took_ms = 1e3 * (time.perf_counter() - due_s)
    said = _said.decode(answer.content)
    return Answered(
        took_ms, late_ms, answer.status_code, said.fallback is not None, said.verdict not in ("", "approve")
    )
