"""The headers every answer carries, and who is asking: the cookie, the Bearer token, the Origin."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Request
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alerts.auth import COOKIE, Refused, Session, TooManyTries, clean_name
from alerts.services import Services

# Nothing inline, nothing from elsewhere, no frame around us, forms only to us.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
LARGEST_BODY = 65_536  # a note of 2,000 characters is at most 24 KB, form-encoded
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class RequestGuard:
    """Adds the headers and refuses bodies no form of ours has; plain ASGI, so that streams pass untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ())) + HEADERS
                if not scope["path"].startswith("/static/") and not any(h[0] == b"cache-control" for h in headers):
                    headers.append((b"cache-control", b"no-store"))
                message = {**message, "headers": headers}
            await send(message)

        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif _body_too_large(scope):
            refusal = JSONResponse({"error": f"send at most {LARGEST_BODY} bytes, with Content-Length"}, 413)
            await refusal(scope, receive, send_with_headers)
        else:
            await self.app(scope, receive, send_with_headers)


def _body_too_large(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"0")
    return b"transfer-encoding" in headers or not length.isdigit() or int(length) > LARGEST_BODY


def services_of(request: Request) -> Services:
    """The services of the app that serves this request."""
    services: Services = request.app.state.services
    return services


def address_of(request: Request) -> str:
    """The caller's address, for the limit on failed tries."""
    return request.client.host if request.client else "unknown"


def check_origin(request: Request) -> None:
    """Refuse a request that a page of another origin had the browser send (OWASP, "CSRF prevention").

    Browsers send Origin with every POST; one without it does not come from our pages.

    Raises:
        HTTPException: 403.
    """
    if request.method in SAFE_METHODS:
        return
    origin = request.headers.get("origin", "")
    if not origin or urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower():
        services_of(request).metrics.refused.labels("origin").inc()
        raise HTTPException(403, "the request does not come from a page of this server (Origin)")


async def session_of(request: Request) -> Session | None:
    """Who is asking, by Bearer token or cookie; None when nobody we know.

    Raises:
        HTTPException: 401 for a wrong token, 429 for one after too many, 403 for another page's request.
    """
    services = services_of(request)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        try:
            await services.auth.check_token(token.strip(), address_of(request))
        except Refused as error:
            services.metrics.refused.labels("token").inc()
            raise HTTPException(401, str(error), {"WWW-Authenticate": "Bearer"}) from None
        except TooManyTries as error:
            services.metrics.refused.labels("tries").inc()
            raise HTTPException(429, str(error), {"Retry-After": str(error.retry_after_s)}) from None
        return Session(clean_name(request.headers.get("x-analyst", "api")), "", 0)
    try:
        session = await services.auth.session(request.cookies.get(COOKIE, ""))
    except Refused:
        return None
    check_origin(request)
    return session


async def analyst(request: Request) -> Session:
    """Who is asking, for the API.

    Raises:
        HTTPException: 401 when nobody we know, and as `session_of`.
    """
    session = await session_of(request)
    if session is None:
        raise HTTPException(401, "sign in, or send the token as Bearer", {"WWW-Authenticate": "Bearer"})
    return session


Analyst = Annotated[Session, Depends(analyst)]
Wired = Annotated[Services, Depends(services_of)]
