"""Who may ask, and how often."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Sequence

from scoring.deciding.problem import Problem

SHORTEST_TOKEN = 16
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="ringwatch decide"'}


class Access:
    """Bearer tokens; two of them while one is replaced. Each has a rate of its own."""

    def __init__(self, tokens: Sequence[str], per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Each token may ask `per_s` times a second, and as often at once.

        Raises:
            ValueError: no token, or one is too short.
        """
        if not tokens or any(len(token) < SHORTEST_TOKEN for token in tokens):
            raise ValueError(f"expected tokens of at least {SHORTEST_TOKEN} characters each, one or more")
        self._digests = [_digest(token) for token in tokens]
        self._per_s, self._clock = per_s, clock
        self._left = [(max(1.0, per_s), clock()) for _ in tokens]  # of each: requests it may send, as of when

    def __repr__(self) -> str:
        """Without the tokens."""
        return f"Access({len(self._digests)} tokens, {self._per_s:g}/s)"

    def admit(self, authorization: str | None) -> None:
        """Count a request.

        Raises:
            Problem: 401, the token is not right; 429, it asks too often.
        """
        scheme, _, token = (authorization or "").partition(" ")
        asked, whose = _digest(token.strip()), None
        for number, digest in enumerate(self._digests):  # all of them: the time must not tell which
            if hmac.compare_digest(asked, digest):
                whose = number
        if scheme.lower() != "bearer" or whose is None:
            raise Problem("token", "no token, or not a right one", "Authorization",
                          "send Authorization: Bearer and one of RINGWATCH_DECIDE_TOKENS", CHALLENGE)  # fmt: skip
        self._count(whose)

    def _count(self, whose: int) -> None:
        left, since_s = self._left[whose]
        now_s = self._clock()
        left = min(max(1.0, self._per_s), left + (now_s - since_s) * self._per_s)
        if left < 1:
            raise Problem("too-many", f"more than {self._per_s:g} requests a second with this token", "Authorization",
                          "wait a second, or raise RINGWATCH_DECIDE_PER_S", {"Retry-After": "1"})  # fmt: skip
        self._left[whose] = (left - 1, now_s)


def _digest(text: str) -> bytes:
    """Equal lengths for the comparison, whatever was sent."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()
