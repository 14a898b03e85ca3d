"""What people and programs see when a request can't be served: JSON for the API, a page for a browser."""

from __future__ import annotations

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from alerts.errors import AlertsError, DatabaseAway, NoSuchAlert
from alerts.templating import render

TITLES = {403: "Refused", 404: "Not here", 429: "Too many tries", 503: "Away for a moment"}


class SignInNeeded(AlertsError):
    """A page was asked for by nobody we know."""


def _respond(request: Request, status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    wants_page = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")
    if not wants_page:
        return JSONResponse({"error": message}, status, headers)
    page = render("error.html", title=TITLES.get(status, "That did not work"), message=message)
    return Response(page, status, headers, "text/html")


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException | HTTPException)
    message = str(error.detail) if error.status_code != 404 else "there is nothing at this address"
    return _respond(request, error.status_code, message, dict(error.headers or {}))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = error.errors()
    if any(fault["loc"][0] == "path" for fault in faults):
        return _respond(request, 404, "there is nothing at this address")
    places = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in faults)
    return _respond(request, 422, places[:500])


async def _missing(request: Request, error: Exception) -> Response:
    return _respond(request, 404, str(error))


async def _away(request: Request, error: Exception) -> Response:
    return _respond(request, 503, "the alerts database does not answer: try again in a moment", {"Retry-After": "2"})


async def _sign_in(request: Request, error: Exception) -> Response:
    if request.headers.get("hx-request"):
        return Response(status_code=204, headers={"HX-Redirect": "/login"})
    return RedirectResponse("/login", 303)


def install(app: FastAPI) -> None:
    """Have `app` answer faults so."""
    app.add_exception_handler(StarletteHTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(NoSuchAlert, _missing)
    app.add_exception_handler(DatabaseAway, _away)
    app.add_exception_handler(SignInNeeded, _sign_in)
