"""Tokens, links and cookies, alone."""

from __future__ import annotations

import pytest
from alertsite import TOKEN

from alerts.auth import Auth, AuthSettings, Refused, TooManyTries, clean_name
from alerts.errors import BadSettings
from alerts.limits import MemoryCounters

pytestmark = pytest.mark.anyio


class Clock:
    def __init__(self) -> None:
        self.s = 1_000_000.0

    def __call__(self) -> float:
        return self.s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def auth(clock: Clock) -> Auth:
    return Auth(AuthSettings(TOKEN, tries=3), MemoryCounters(clock), clock)


def test_there_is_no_default_token() -> None:
    with pytest.raises(TypeError):
        AuthSettings()  # type: ignore[call-arg]


@pytest.mark.parametrize("token", ["", "short", "x" * 15])
def test_a_token_too_short_to_be_one_is_refused_with_the_mend(token: str) -> None:
    with pytest.raises(BadSettings, match="at least 16; make one with"):
        AuthSettings(token)


def test_settings_do_not_print_the_token() -> None:
    assert TOKEN not in repr(AuthSettings(TOKEN))


async def test_a_link_works_once(auth: Auth) -> None:
    code = auth.one_time_link().removeprefix("/login?token=")
    await auth.use_link(code, "a")
    with pytest.raises(Refused, match="used before"):
        await auth.use_link(code, "a")


async def test_the_analyst_token_is_no_link(auth: Auth) -> None:
    with pytest.raises(Refused):
        await auth.use_link(TOKEN, "a")


async def fail_three_times(auth: Auth) -> None:
    for _ in range(3):
        with pytest.raises(Refused):
            await auth.check_token("wrong", "a")


async def test_after_too_many_failures_a_further_wrong_token_waits(auth: Auth, clock: Clock) -> None:
    await fail_three_times(auth)
    with pytest.raises(TooManyTries, match="wait 5 minutes"):
        await auth.check_token("wrong", "a")
    with pytest.raises(TooManyTries):
        await auth.use_link("wrong", "a")
    with pytest.raises(Refused):
        await auth.check_token("wrong", "another address")
    clock.s += 301
    with pytest.raises(Refused):
        await auth.check_token("wrong", "a")


async def test_the_right_token_passes_however_often_its_address_has_failed(auth: Auth) -> None:
    await fail_three_times(auth)
    await auth.check_token(TOKEN, "a")


async def test_a_fresh_link_passes_however_often_its_address_has_failed(auth: Auth) -> None:
    await fail_three_times(auth)
    await auth.use_link(auth.one_time_link().removeprefix("/login?token="), "a")


async def test_a_session_says_who_until_it_is_over(auth: Auth, clock: Clock) -> None:
    cookie = auth.cookie("Eva Nová")
    assert (await auth.session(cookie)).analyst == "Eva Nová"
    clock.s += auth.settings.session_s
    with pytest.raises(Refused, match="over"):
        await auth.session(cookie)


async def test_a_signed_out_session_is_over_for_its_copies_too(auth: Auth) -> None:
    cookie = auth.cookie("Eva")
    await auth.sign_out(await auth.session(cookie))
    with pytest.raises(Refused, match="signed out"):
        await auth.session(cookie)


@pytest.mark.parametrize("change", ["", "x", ".", "é.é", lambda cookie: cookie[:-1], lambda cookie: "A" + cookie])
async def test_a_cookie_changed_by_a_letter_is_refused(auth: Auth, change: object) -> None:
    changed = change(auth.cookie("Eva")) if callable(change) else change
    with pytest.raises(Refused):
        await auth.session(str(changed))


async def test_another_token_ends_every_session(auth: Auth) -> None:
    other = Auth(AuthSettings("another-token-for-tests"), MemoryCounters())
    with pytest.raises(Refused):
        await other.session(auth.cookie("Eva"))


@pytest.mark.parametrize(
    ("given", "kept"), [("  Eva ", "Eva"), ("", "analyst"), ("a\nb\0c", "abc"), ("x" * 99, "x" * 60)]
)
def test_a_name_is_made_fit_for_the_record(given: str, kept: str) -> None:
    assert clean_name(given) == kept
