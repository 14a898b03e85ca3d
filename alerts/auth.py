"""Who may come in: one analyst token, given by the caller; there is no default.

A browser trades the token (or a link that works once) for a signed cookie, HttpOnly and SameSite=Strict.
Programs send the token as Bearer. Failed tries are limited per address; what is right always passes, since
many may share an address (a proxy, an office), and nobody guesses a token or link of 16 characters or more.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from alerts.errors import AlertsError, BadSettings
from alerts.limits import Counters

COOKIE = "ringwatch_session"
SHORTEST_TOKEN = 16
LONGEST_NAME = 60


class Refused(AlertsError):
    """The token, link or cookie is not good."""


class TooManyTries(AlertsError):
    """Wrong once more, from an address that has failed too often: wait `retry_after_s`."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many failed tries from this address: wait {retry_after_s // 60} minutes")
        self.retry_after_s = retry_after_s


class Session(msgspec.Struct, frozen=True):
    """What the cookie says: the name the analyst gave, a number of its own, and when it ends."""

    analyst: str
    nonce: str
    until_s: int


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """How sign-in behaves.

    Attributes:
        token: what analysts and programs sign in with; at least 16 characters.
        secure_cookie: send the cookie over TLS only. True wherever the page is served over TLS.
    """

    token: str
    secure_cookie: bool = False
    session_s: int = 12 * 3600
    tries: int = 10
    tries_window_s: int = 300

    def __post_init__(self) -> None:
        """Raises BadSettings: the token is too short to be one."""
        if len(self.token) < SHORTEST_TOKEN:
            raise BadSettings(
                f"analyst token: {len(self.token)} characters, expected at least {SHORTEST_TOKEN}; "
                "make one with python3 -c 'import secrets; print(secrets.token_urlsafe(24))'"
            )

    def __repr__(self) -> str:
        """Without the token: settings end up in logs."""
        return "AuthSettings(token=…)"


class Auth:
    """Checks tokens, links and cookies."""

    def __init__(self, settings: AuthSettings, counters: Counters, clock_s: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self._counters = counters
        self._clock_s = clock_s
        # From the token, so that replicas agree, and changing the token ends every session.
        self._key = hashlib.sha256(b"ringwatch session key\0" + settings.token.encode()).digest()
        self._links: set[bytes] = set()

    def one_time_link(self) -> str:
        """A path (`/login?token=…`) that signs in once, in this process."""
        code = secrets.token_urlsafe(24)
        self._links.add(_digest(code))
        return f"/login?token={code}"

    async def check_token(self, token: str, address: str) -> None:
        """Make sure `token` is the analyst token.

        Raises:
            Refused: it is not. TooManyTries: it is not, and this address has failed too often.
        """
        if not hmac.compare_digest(_digest(token), _digest(self.settings.token)):
            await self._count_failure(address)
            raise Refused("the token is not right")

    async def use_link(self, code: str, address: str) -> None:
        """Use up a one-time link.

        Raises:
            Refused: unknown, or used before. TooManyTries: the same, and this address has failed too often.
        """
        if _digest(code) not in self._links:
            await self._count_failure(address)
            raise Refused("this link was used before or is not of this server: sign in with the token")
        self._links.remove(_digest(code))

    def cookie(self, analyst: str) -> str:
        """A signed session for a cookie's value."""
        until_s = int(self._clock_s()) + self.settings.session_s
        session = Session(clean_name(analyst), secrets.token_hex(8), until_s)
        body = base64.urlsafe_b64encode(msgspec.json.encode(session)).decode()
        return f"{body}.{self._sign(body)}"

    async def session(self, cookie: str) -> Session:
        """Read a cookie's value.

        Raises:
            Refused: not signed by us, over, or signed out.
        """
        body, _, signature = cookie.rpartition(".")
        if not hmac.compare_digest(self._sign(body).encode(), signature.encode()):
            raise Refused("the session is not ours")
        session = msgspec.json.decode(base64.urlsafe_b64decode(body), type=Session)
        if session.until_s <= self._clock_s():
            raise Refused("the session is over")
        if await self._counters.count(f"signed_out:{session.nonce}"):
            raise Refused("signed out")
        return session

    async def sign_out(self, session: Session) -> None:
        """End a session before its time."""
        await self._counters.add(f"signed_out:{session.nonce}", self.settings.session_s)

    async def _count_failure(self, address: str) -> None:
        if await self._counters.count(f"tries:{address}") >= self.settings.tries:
            raise TooManyTries(self.settings.tries_window_s)
        await self._counters.add(f"tries:{address}", self.settings.tries_window_s)

    def _sign(self, body: str) -> str:
        return hmac.new(self._key, body.encode(), hashlib.sha256).hexdigest()


def clean_name(name: str) -> str:
    """A name fit for the record: printable, not too long, `analyst` when there is none."""
    return "".join(character for character in name if character.isprintable()).strip()[:LONGEST_NAME] or "analyst"


def _digest(text: str) -> bytes:
    """Equal lengths for the comparison, whatever was sent."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()
