"""Who may ask, and how often."""

from __future__ import annotations

import pytest

from scoring.deciding.access import Access
from scoring.deciding.problem import Problem

OLD, NEW = "the old token, 16+", "the new token, 16+"


def test_each_of_two_tokens_passes() -> None:
    """While one is replaced by the other."""
    access = Access([OLD, NEW], 100)
    access.admit(f"Bearer {OLD}")
    access.admit(f"bearer {NEW}")


@pytest.mark.parametrize(
    "sent", [None, "", "Bearer", "Bearer x", f"Basic {OLD}", OLD, f"Bearer {OLD}x", "Bearer \udcff"]
)
def test_anything_else_does_not(sent: str | None) -> None:
    """401, with the challenge that HTTP asks for; what was sent is not repeated."""
    with pytest.raises(Problem) as found:
        Access([OLD], 100).admit(sent)
    assert found.value.status == 401 and "Bearer" in found.value.headers["WWW-Authenticate"]
    assert OLD.encode() not in found.value.json()


def test_each_token_has_a_rate_of_its_own() -> None:
    """Past it 429, until the next second."""
    now_s = [0.0]
    access = Access([OLD, NEW], 3, lambda: now_s[0])
    for _ in range(3):
        access.admit(f"Bearer {OLD}")
    with pytest.raises(Problem) as found:
        access.admit(f"Bearer {OLD}")
    assert found.value.status == 429 and found.value.headers["Retry-After"] == "1"
    access.admit(f"Bearer {NEW}")
    now_s[0] = 1.0
    access.admit(f"Bearer {OLD}")


@pytest.mark.parametrize("tokens", [[], ["short"], [OLD, ""]])
def test_a_token_is_long(tokens: list[str]) -> None:
    """And there is one."""
    with pytest.raises(ValueError, match="16 characters"):
        Access(tokens, 1)


def test_tokens_are_not_shown() -> None:
    """Objects end up in logs."""
    assert "old" not in repr(Access([OLD], 1))
