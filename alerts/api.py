"""The JSON API, the event stream, the probes; and `create_app`, which puts the pages beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path as File
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Path, Query, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from fastapi.staticfiles import StaticFiles
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field

from alerts import faults, pages, ring
from alerts.decisions import LONGEST_NOTE, Ruling, Verdict
from alerts.errors import DatabaseAway
from alerts.feed import TooManyStreams
from alerts.policy import State
from alerts.queries import LARGEST_PAGE, Filter
from alerts.security import Analyst, RequestGuard, Wired, analyst
from alerts.services import Services
from alerts.views import FeedItem

BIGGEST_ID = 2**63 - 1
READY_TIMEOUT_S = 2.0
STATIC = File(__file__).parent / "static"

AlertId = Annotated[int, Path(ge=1, le=BIGGEST_ID)]
FeedId = Annotated[int | None, Query(ge=0, le=BIGGEST_ID)]

router = APIRouter()


def answer(value: Any, status: int = 200) -> Response:
    """A JSON answer of our own values."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")


class ListQuery(BaseModel):
    """What of the list is wanted; `before` is `next` of the page before."""

    state: State | None = None
    relation: str = Field("", max_length=100)
    min_probability: float = Field(0.0, ge=0, le=1)
    q: str = Field("", max_length=200)
    before: int | None = Field(None, ge=1, le=BIGGEST_ID)
    limit: int = Field(50, ge=1, le=LARGEST_PAGE)

    def filter(self) -> Filter:
        """As the queries take it. No id holds a NUL, and Postgres refuses to look for one."""
        text = self.q.strip().replace("\0", "\ufffd")
        relation = self.relation.replace("\0", "\ufffd")
        return Filter(self.state, relation, self.min_probability, text, self.before, self.limit)


class DecisionBody(BaseModel):
    """A decision; the same `key` again (a retry) counts once."""

    verdict: Verdict
    note: str = Field("", max_length=LONGEST_NOTE)
    key: str = Field(min_length=8, max_length=64)


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process is alive."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(services: Wired) -> Response:
    """200 once the database answers and the process around is ready, else 503 with the reason."""
    try:
        await asyncio.wait_for(services.database.ping(), READY_TIMEOUT_S)
        ready, why = services.settings.ready(), "still starting"
    except (DatabaseAway, TimeoutError) as error:
        ready, why = False, str(error) or "the alerts database does not answer"
    return answer({"status": "ready"} if ready else {"status": "not ready", "reason": why}, 200 if ready else 503)


@router.get("/metrics")
async def metrics(services: Wired) -> Response:
    """Prometheus's text format."""
    return Response(generate_latest(services.metrics.registry), media_type=CONTENT_TYPE_LATEST)


@router.get("/api/status")
async def status(services: Wired, _: Analyst) -> Response:
    """Alerts by state, open streams, and what the process around says of itself."""
    return answer(
        {"alerts": await services.queries.counts(), "streams": services.tail.streams} | services.settings.status()
    )


@router.get("/api/alerts")
async def list_alerts(services: Wired, _: Analyst, query: Annotated[ListQuery, Query()]) -> Response:
    """Alerts, newest first; `next` is the `before` of the page that follows."""
    found = await services.queries.page(query.filter())
    return answer({"alerts": found, "next": found[-1].id if len(found) == query.limit else None})


async def place_in_stream(services: Wired) -> AsyncIterator[None]:
    """Hold one of the places for streams until the response has ended."""
    try:
        services.tail.enter()
    except TooManyStreams as error:
        services.metrics.refused.labels("streams").inc()
        raise HTTPException(503, str(error), {"Retry-After": "5"}) from None
    services.metrics.streams.set(services.tail.streams)
    try:
        yield
    finally:
        services.tail.leave()
        services.metrics.streams.set(services.tail.streams)


async def stream_start(services: Wired, after: FeedId = None, last_event_id: Annotated[str, Header()] = "") -> int:
    """The feed id to go on behind: Last-Event-ID (a reconnect), else `after`, else the newest."""
    head = await services.tail.head()
    if last_event_id.isascii() and last_event_id.isdigit():
        return min(int(last_event_id), head)
    return head if after is None else min(after, head)


async def steps(services: Services, after: int) -> AsyncIterator[FeedItem]:
    """The feed, ended quietly when the database goes: the client comes back and resumes."""
    try:
        async for item in services.tail.follow(after):
            yield item
    except DatabaseAway:
        return


@router.get(
    "/api/alerts/stream",
    response_class=EventSourceResponse,
    dependencies=[Depends(analyst), Depends(place_in_stream)],
)
async def stream(services: Wired, after: Annotated[int, Depends(stream_start)]) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events created, updated, withdrawn, decided; a comment every 15 s keeps proxies awake."""
    yield ServerSentEvent(comment="alerts", retry=1000)
    async for item in steps(services, after):
        yield ServerSentEvent(raw_data=msgspec.json.encode(item.alert).decode(), event=item.kind, id=str(item.id))


@router.get(
    "/stream/rows", response_class=EventSourceResponse, dependencies=[Depends(analyst), Depends(place_in_stream)]
)
async def stream_rows(services: Wired, after: Annotated[int, Depends(stream_start)]) -> AsyncIterator[ServerSentEvent]:
    """The same stream with the rows as the list shows them."""
    yield ServerSentEvent(comment="rows", retry=1000)
    async for item in steps(services, after):
        yield ServerSentEvent(raw_data=pages.row(item.alert), event=item.kind, id=str(item.id))


@router.get("/api/alerts/{id}")
async def get_alert(services: Wired, _: Analyst, id: AlertId) -> Response:
    """One alert with its evidence as it was scored, and its decisions."""
    return answer(await services.queries.detail(id))


@router.get("/api/alerts/{id}/ring")
async def get_ring(services: Wired, _: Analyst, id: AlertId) -> Response:
    """The ring around the alert, ready to draw."""
    detail = await services.queries.detail(id)
    return answer(ring.draw(detail.subgraph, detail.alert, detail.weights))


@router.post("/api/alerts/{id}/decision", status_code=201)
async def decide(services: Wired, who: Analyst, id: AlertId, body: DecisionBody) -> Response:
    """Record fraud or legit; a further decision corrects the one before."""
    ruling = Ruling(id, body.verdict, who.analyst, body.note.replace("\0", ""), body.key.replace("\0", ""))
    return answer(await services.decisions.decide(ruling), 201)


def create_app(services: Services) -> FastAPI:
    """The pages and the API over services that are open; closing them is the caller's."""
    app = FastAPI(title="Ringwatch alerts", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.services = services
    app.add_middleware(RequestGuard)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.include_router(router)
    app.include_router(pages.router)
    faults.install(app)
    return app
