"""The HTTP face: `POST /v1/score`, the probes, the metrics, the page that explains it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import structlog
from fastapi import FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scoring.deciding.access import Access
from scoring.deciding.decider import Decider
from scoring.deciding.openapi import description, page
from scoring.deciding.problem import MEDIA_TYPE, Problem
from scoring.deciding.request import LARGEST_BODY

log = structlog.get_logger("decide")

BODY_S = 1.0  # as long as the longest deadline: a body that takes longer to come is no question yet
READ_ANYWAY = 16 * LARGEST_BODY  # bytes that are let pass: who is hung up on while sending never reads why
ARRIVED = "ringwatch.arrived_s"
CLOSE = {"Connection": "close"}  # the rest of the body is not waited for
HEADERS = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]


@dataclass(frozen=True, slots=True)
class Readiness:
    """For /readyz: `why` not, else None. `healthy`: whether a restart is no help."""

    why: str | None = None
    healthy: bool = True


class Arrivals:
    """Notes when a request arrived, before anything of it is read; plain ASGI, outermost."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope[ARRIVED] = time.monotonic()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
            await send(message)

        await self.app(scope, receive, send_with_headers)


def create_app(decider: Decider, access: Access, ready: Callable[[], Readiness]) -> FastAPI:
    """The app over a decider, whose closing is the caller's."""
    app = FastAPI(title="Ringwatch decisions", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Arrivals)
    metrics = decider.parts.metrics

    @app.post("/v1/score")
    async def score(request: Request) -> Response:
        try:
            access.admit(request.headers.get("authorization"))
            body = await _body(request)
            reply = await decider.answer(body, request.headers.get("idempotency-key"), request.scope[ARRIVED])
        except Problem as problem:
            metrics.refused.labels(problem.kind).inc()
            return _refusal(problem)
        return Response(reply.body, 200, REPLAYED if reply.replayed else None, "application/json")

    @app.get("/healthz")
    async def healthz() -> Response:
        found = ready()
        return _json({"status": "ok"} if found.healthy else {"status": "stuck", "reason": found.why}, found.healthy)

    @app.get("/readyz")
    async def readyz() -> Response:
        why = ready().why
        return _json({"status": "ready"} if why is None else {"status": "not ready", "reason": why}, why is None)

    @app.get("/metrics")
    async def shown() -> Response:
        metrics.silent_s.set(decider.parts.graph().silent_s or 0.0)
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    @app.get("/openapi.json")
    async def openapi() -> Response:
        return _json(described, True)

    @app.get("/docs")
    async def docs() -> Response:
        return Response(page(described), media_type="text/html", headers=PAGE_HEADERS)

    @app.exception_handler(HTTPException)
    async def other(request: Request, error: HTTPException) -> Response:
        return _json({"type": "about:blank", "title": str(error.detail), "status": error.status_code,
                      "detail": "this server has POST /v1/score; see /docs"}, error.status_code)  # fmt: skip

    described = description(decider.parts.requests.scoreable.relations)
    return app


REPLAYED = {"Idempotent-Replayed": "true"}
PAGE_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}


async def _body(request: Request) -> bytes:
    """The body, as far as it may go.

    Raises:
        Problem: it is too large, or does not come.
    """
    try:
        async with asyncio.timeout(BODY_S):
            body, size = bytearray(), 0
            async for chunk in request.stream():
                size += len(chunk)
                if size <= LARGEST_BODY:
                    body += chunk
                elif size > READ_ANYWAY:
                    break
            if size > LARGEST_BODY:
                raise _too_large()
            return bytes(body)
    except TimeoutError:
        raise Problem("too-slow", f"the whole body did not come within {BODY_S:g} s", "",
                      "send it at once; nothing was decided", CLOSE) from None  # fmt: skip


def _too_large() -> Problem:
    mend = "send one transfer, with what the mapping reads of it"
    return Problem("too-large", f"more than {LARGEST_BODY:,} bytes", "", mend, CLOSE)


def _refusal(problem: Problem) -> Response:
    return Response(problem.json(), problem.status, problem.headers, MEDIA_TYPE)


def _json(value: object, status: int | bool) -> Response:
    code = (200 if status else 503) if isinstance(status, bool) else status
    kind = "application/json" if code in (200, 503) else MEDIA_TYPE
    return Response(msgspec.json.encode(value), code, media_type=kind)
