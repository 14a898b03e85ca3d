"""The pages an analyst works on, rendered here; scripts only add what is live."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Path, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field

from alerts import explained, ring
from alerts.auth import COOKIE, Refused, Session, TooManyTries
from alerts.decisions import LONGEST_NOTE, Ruling, Verdict
from alerts.faults import SignInNeeded
from alerts.policy import State
from alerts.queries import Filter
from alerts.security import Wired, address_of, check_origin, services_of, session_of
from alerts.services import Services
from alerts.templating import render
from alerts.views import Detail, Summary

BIGGEST_ID = 2**63 - 1
ROWS = 100
# The figures a process may give of itself, in the order they are shown: key, what it is called, unit.
FIGURES = (
    ("events_per_s", "events/s", ""),
    ("scored_per_s", "scored/s", ""),
    ("scored", "scored", ""),
    ("p50_ms", "commit → score p50", "ms"),
    ("p99_ms", "p99", "ms"),
    ("lag", "behind", ""),
    ("sim_time", "bank time", ""),
    ("mode", "mode", ""),
)

router = APIRouter(default_response_class=HTMLResponse)


async def page_analyst(request: Request) -> Session:
    """Who is asking, for a page.

    Raises:
        SignInNeeded: nobody we know.
    """
    session = await session_of(request)
    if session is None:
        raise SignInNeeded("sign in first")
    return session


PageAnalyst = Annotated[Session, Depends(page_analyst)]
AlertId = Annotated[int, Path(ge=1, le=BIGGEST_ID)]


class Shown(BaseModel):
    """What the list is asked to show; a value that is none is as if it were not given."""

    state: str = "open"
    relation: str = Field("", max_length=100)
    min: str = ""
    q: str = Field("", max_length=200)
    before: int | None = Field(None, ge=1, le=BIGGEST_ID)

    def filter(self) -> Filter:
        """As the queries take it."""
        state = State(self.state) if self.state in set(State) else None
        try:
            least = max(0.0, float(self.min or 0))
        except ValueError:
            least = 0.0
        clean = {name: getattr(self, name).strip().replace("\0", "\ufffd") for name in ("relation", "q")}
        return Filter(state, clean["relation"], least, clean["q"], self.before, ROWS)


def row(alert: Summary) -> str:
    """One row of the list."""
    return render("_row.html", alert=alert)


def figures(status: dict[str, Any]) -> list[tuple[str, str]]:
    """The process's figures as (name, text), the known ones first."""
    known = {key for key, _, _ in FIGURES}
    shown = [(label, f"{_number(status[key])} {unit}".strip()) for key, label, unit in FIGURES if key in status]
    others = ((key, value) for key, value in status.items() if key not in known)
    return shown + [(key.replace("_", " "), _number(value)) for key, value in others if _is_plain(value)]


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


async def strip(services: Services) -> dict[str, Any]:
    """What the strip above each page shows."""
    counts = await services.queries.counts()
    return {"counts": counts, "figures": figures(services.settings.status())}


@router.get("/")
async def list_page(services: Wired, who: PageAnalyst, shown: Annotated[Shown, Query()]) -> str:
    """The list. The feed id is read first, so that the stream misses nothing in between."""
    after = await services.queries.feed_head()
    alerts = await services.queries.page(shown.filter())
    return render(
        "list.html", who=who, shown=shown, alerts=alerts, after=after, more=len(alerts) == ROWS,
        relations=await services.queries.relations(), states=list(State),
        clock=services.settings.event_clock, **await strip(services),
    )  # fmt: skip


@router.get("/rows")
async def more_rows(services: Wired, who: PageAnalyst, shown: Annotated[Shown, Query()]) -> str:
    """Older rows, for the foot of the list."""
    alerts = await services.queries.page(shown.filter())
    return render("_rows.html", alerts=alerts, more=len(alerts) == ROWS, shown=shown)


@router.get("/status")
async def status_strip(services: Wired, who: PageAnalyst) -> str:
    """The strip, asked for every two seconds."""
    return render("_status.html", **await strip(services))


@router.get("/alerts/{id}")
async def detail_page(services: Wired, who: PageAnalyst, id: AlertId) -> str:
    """One alert."""
    detail = await services.queries.detail(id)
    after = await services.queries.feed_head()
    return render(
        "detail.html", who=who, after=after, clock=services.settings.event_clock,
        ring=ring.draw(detail.subgraph, detail.alert, detail.weights), why=explained.why(detail),
        **_panel(detail), **await strip(services),
    )  # fmt: skip


@router.get("/alerts/{id}/why")
async def why_part(services: Wired, who: PageAnalyst, id: AlertId) -> str:
    """Why, alone: for an open page whose explanation has come."""
    detail = await services.queries.detail(id)
    return render("_why.html", alert=detail.alert, why=explained.why(detail))


@router.post("/alerts/{id}/decision")
async def decide(
    request: Request,
    services: Wired,
    who: PageAnalyst,
    id: AlertId,
    verdict: Annotated[Verdict, Form()],
    key: Annotated[str, Form(min_length=8, max_length=64)],
    note: Annotated[str, Form(max_length=LONGEST_NOTE)] = "",
) -> Response:
    """Record a decision; the panel comes back for the script, the page without one."""
    await services.decisions.decide(Ruling(id, verdict, who.analyst, note.replace("\0", ""), key.replace("\0", "")))
    if not request.headers.get("hx-request"):
        return RedirectResponse(f"/alerts/{id}", 303)
    return HTMLResponse(render("_panel.html", **_panel(await services.queries.detail(id))))


def _panel(detail: Detail) -> dict[str, Any]:
    return {"detail": detail, "alert": detail.alert, "key": secrets.token_hex(16)}


@router.get("/login")
async def login_page(request: Request, services: Wired, token: str = "") -> Response:
    """The form; or, with a one-time link's token, straight in."""
    if not token:
        return HTMLResponse(render("login.html", message=""))
    try:
        await services.auth.use_link(token, address_of(request))
    except (Refused, TooManyTries) as error:
        if await session_of(request):  # the link again, in the browser that has used it
            return RedirectResponse("/", 303)
        return _refused(request, error)
    # A page that goes on by itself: a redirect from another site's link would come without the new cookie.
    return _signed_in(services, "analyst", HTMLResponse(render("signed_in.html")))


@router.post("/login")
async def login(
    request: Request,
    services: Wired,
    token: Annotated[str, Form(max_length=500)],
    analyst: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Trade the token for a session."""
    check_origin(request)
    try:
        await services.auth.check_token(token.strip(), address_of(request))
    except (Refused, TooManyTries) as error:
        return _refused(request, error)
    return _signed_in(services, analyst, RedirectResponse("/", 303))


@router.post("/logout")
async def logout(services: Wired, who: PageAnalyst) -> Response:
    """End the session, here and for whoever copied the cookie."""
    if not who.nonce:
        raise HTTPException(400, "a Bearer token has no session to end")
    await services.auth.sign_out(who)
    response = RedirectResponse("/login", 303)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=services.settings.auth.secure_cookie)
    return response


def _signed_in(services: Services, analyst: str, response: Response) -> Response:
    settings = services.settings.auth
    response.set_cookie(
        COOKIE, services.auth.cookie(analyst), max_age=settings.session_s, httponly=True, samesite="strict",
        secure=settings.secure_cookie,
    )  # fmt: skip
    return response


def _refused(request: Request, error: Refused | TooManyTries) -> Response:
    limited = isinstance(error, TooManyTries)
    services_of(request).metrics.refused.labels("tries" if limited else "token").inc()
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, TooManyTries) else {}
    return HTMLResponse(render("login.html", message=str(error)), 429 if limited else 401, headers)
