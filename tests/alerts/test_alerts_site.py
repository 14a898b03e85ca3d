"""The pages and the API over HTTP, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from alertdata import event, ring_score, score
from alertsite import TOKEN, Serve, Site, settings

from alerts.auth import COOKIE, AuthSettings
from alerts.services import open_services

pytestmark = pytest.mark.anyio

BEARER = {"authorization": f"Bearer {TOKEN}"}
PAGE = {"accept": "text/html"}
KEY = "0123456789abcdef"
HOSTILE = "<img src=x onerror=alert(1)>\"'</script><script>alert(2)</script>{{7*7}}"


@pytest.fixture
async def program(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    """A program that sends the token."""
    async with httpx.AsyncClient(base_url=site.base, headers=BEARER) as client:
        yield client


@pytest.fixture
async def browser(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that has signed in."""
    async with httpx.AsyncClient(base_url=site.base, headers=PAGE | {"origin": site.base}) as client:
        answer = await client.post("/login", data={"token": TOKEN, "analyst": "Eva"})
        assert answer.status_code == 303
        yield client


@pytest.fixture
async def stranger(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    """Nobody we know."""
    async with httpx.AsyncClient(base_url=site.base) as client:
        yield client


# Who may come in


@pytest.mark.parametrize(
    "path", ["/api/alerts", "/api/alerts/1", "/api/alerts/1/ring", "/api/status", "/api/alerts/stream"]
)
async def test_the_api_refuses_strangers(stranger: httpx.AsyncClient, path: str) -> None:
    assert (await stranger.get(path)).status_code == 401


@pytest.mark.parametrize("path", ["/", "/alerts/1", "/rows", "/status"])
async def test_pages_send_strangers_to_the_sign_in(stranger: httpx.AsyncClient, path: str) -> None:
    answer = await stranger.get(path, headers=PAGE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/login", "/static/common.js"])
async def test_probes_metrics_and_the_sign_in_are_open(stranger: httpx.AsyncClient, path: str) -> None:
    assert (await stranger.get(path)).status_code == 200


async def test_a_wrong_bearer_token_is_refused_and_then_waits(stranger: httpx.AsyncClient) -> None:
    wrong = {"authorization": "Bearer not-the-token-at-all"}
    codes = [(await stranger.get("/api/alerts", headers=wrong)).status_code for _ in range(11)]
    assert codes == [401] * 10 + [429]


async def test_an_address_that_failed_too_often_locks_nobody_out(stranger: httpx.AsyncClient, site: Site) -> None:
    """Behind a proxy everybody has one address."""
    for _ in range(11):
        await stranger.post("/login", data={"token": "wrong"}, headers={"origin": site.base})
    bearer = await stranger.get("/api/alerts", headers={"authorization": f"Bearer {TOKEN}"})
    form = await stranger.post("/login", data={"token": TOKEN}, headers={"origin": site.base})
    assert (bearer.status_code, form.status_code, form.headers["location"]) == (200, 303, "/")


async def test_the_session_cookie_is_out_of_reach_for_scripts_and_other_sites(
    stranger: httpx.AsyncClient, site: Site
) -> None:
    answer = await stranger.post("/login", data={"token": TOKEN}, headers={"origin": site.base})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and "secure" not in cookie


async def test_the_cookie_is_for_tls_only_where_the_settings_say_so(serve: Serve, tmp_path: Any) -> None:
    secure = settings(f"sqlite:///{tmp_path}/tls.db", auth=AuthSettings(TOKEN, secure_cookie=True))
    async with await open_services(secure) as services:
        base = (await serve(services)).base
        async with httpx.AsyncClient(base_url=base) as client:
            answer = await client.post("/login", data={"token": TOKEN}, headers={"origin": base})
            assert "; secure" in answer.headers["set-cookie"].lower()


async def test_a_one_time_link_signs_in_once(site: Site, stranger: httpx.AsyncClient) -> None:
    link = site.services.auth.one_time_link()
    assert (await stranger.get(link)).status_code == 200
    assert (await stranger.get("/")).status_code == 200
    async with httpx.AsyncClient(base_url=site.base) as second:
        assert (await second.get(link)).status_code == 401
        assert (await second.get("/")).status_code == 303


async def test_signing_out_ends_the_session(browser: httpx.AsyncClient) -> None:
    copied = {"cookie": f"{COOKIE}={browser.cookies[COOKIE]}"}
    assert (await browser.post("/logout")).status_code == 303
    assert (await browser.get("/", headers=copied)).headers["location"] == "/login"


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "http://127.0.0.1:1"])
@pytest.mark.parametrize("path", ["/alerts/1/decision", "/api/alerts/1/decision", "/logout"])
async def test_a_post_that_another_page_had_sent_is_refused(
    browser: httpx.AsyncClient, path: str, origin: str | None
) -> None:
    del browser.headers["origin"]
    headers = {"origin": origin} if origin else {}
    answer = await browser.post(path, data={"verdict": "fraud", "key": KEY}, headers=headers)
    assert answer.status_code == 403


async def test_a_sign_in_that_another_page_had_sent_is_refused(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.post("/login", data={"token": TOKEN}, headers={"origin": "http://evil.example"})
    assert answer.status_code == 403 and "set-cookie" not in answer.headers


async def test_a_body_no_form_of_ours_has_is_refused(program: httpx.AsyncClient) -> None:
    answer = await program.post("/login", content=b"token=" + b"x" * 70_000)
    assert answer.status_code == 413


# The API


async def test_the_list_is_newest_first_and_pages_by_id(site: Site, program: httpx.AsyncClient) -> None:
    await site.services.intake.accept([score(of=event(f"transfers:{at}:transfer", at)) for at in range(1, 6)])
    first = (await program.get("/api/alerts", params={"limit": 3})).json()
    rest = (await program.get("/api/alerts", params={"limit": 3, "before": first["next"]})).json()
    assert [alert["id"] for alert in first["alerts"] + rest["alerts"]] == [5, 4, 3, 2, 1]
    assert rest["next"] is None


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ({"state": "open"}, 2), ({"state": "confirmed"}, 0), ({"relation": "LOGIN"}, 1), ({"min_probability": 0.96}, 1),
        ({"q": "device:D-7"}, 1), ({"q": "%"}, 0), ({"q": "_"}, 0), ({"q": "a\0b"}, 0),
    ],
)  # fmt: skip
async def test_the_list_is_filtered(site: Site, program: httpx.AsyncClient, filter: dict[str, Any], found: int) -> None:
    login = event("logins:1:login", 7, relation="LOGIN", src="User:3", dst="Device:d-7", attributes={})
    await site.services.intake.accept([score(0.95), score(0.97, of=login)])
    assert len((await program.get("/api/alerts", params=filter)).json()["alerts"]) == found


@pytest.mark.parametrize(
    "path", ["/api/alerts/7", "/api/alerts/7/ring", "/api/alerts/x", "/api/alerts/99999999999999999999", "/nothing"]
)
async def test_what_is_not_there_is_404(program: httpx.AsyncClient, path: str) -> None:
    answer = await program.get(path)
    assert answer.status_code == 404 and answer.json()["error"]


@pytest.mark.parametrize("path", ["/alerts/7", "/alerts/x", "/alerts/0", "/nothing"])
async def test_a_page_that_is_not_there_says_so_in_a_page(browser: httpx.AsyncClient, path: str) -> None:
    answer = await browser.get(path)
    assert answer.status_code == 404 and "<h1>Not here</h1>" in answer.text


async def test_a_decision_by_the_api_is_recorded_under_the_name_given(site: Site, program: httpx.AsyncClient) -> None:
    await site.services.intake.accept([score()])
    body = {"verdict": "fraud", "note": "mule", "key": KEY}
    answer = await program.post("/api/alerts/1/decision", json=body, headers={"x-analyst": "robot"})
    assert answer.status_code == 201
    detail = (await program.get("/api/alerts/1")).json()
    assert detail["alert"]["state"] == "confirmed"
    assert [(each["analyst"], each["note"]) for each in detail["decisions"]] == [("robot", "mule")]


@pytest.mark.parametrize(
    "body",
    [{}, {"verdict": "maybe", "key": KEY}, {"verdict": "fraud"}, {"verdict": "fraud", "key": KEY, "note": "x" * 2001}],
)
async def test_a_decision_that_is_none_is_refused_by_field(
    site: Site, program: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    await site.services.intake.accept([score()])
    answer = await program.post("/api/alerts/1/decision", json=body)
    assert answer.status_code == 422 and "body." in answer.json()["error"]


async def test_a_decision_by_the_form_needs_no_script(site: Site, browser: httpx.AsyncClient) -> None:
    await site.services.intake.accept([score()])
    answer = await browser.post("/alerts/1/decision", data={"verdict": "legit", "key": KEY, "note": "known payee"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/alerts/1")
    page = (await browser.get("/alerts/1")).text
    assert "Not fraud</b> Eva" in page and "known payee" in page


async def test_the_status_carries_what_the_process_says_of_itself(serve: Serve, tmp_path: Any) -> None:
    live = settings(f"sqlite:///{tmp_path}/status.db", status=lambda: {"events_per_s": 1234.5, "mode": "embedded"})
    async with (
        await open_services(live) as services,
        httpx.AsyncClient(base_url=(await serve(services)).base, headers=BEARER) as client,
    ):
        status = (await client.get("/api/status")).json()
        strip = (await client.get("/status")).text
    assert status["events_per_s"] == 1234.5 and status["alerts"]["open"] == 0
    assert "events/s <b>1,234</b>" in strip and "mode <b>embedded</b>" in strip


async def test_a_process_that_is_not_ready_says_so(serve: Serve, tmp_path: Any) -> None:
    early = settings(f"sqlite:///{tmp_path}/early.db", ready=lambda: False)
    async with (
        await open_services(early) as services,
        httpx.AsyncClient(base_url=(await serve(services)).base) as client,
    ):
        answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["reason"]) == (503, "still starting")


async def test_metrics_count_scores_by_what_became_of_them(site: Site, program: httpx.AsyncClient) -> None:
    await site.services.intake.accept([score(), score(0.1, of=event("transfers:2:transfer"))])
    text = (await program.get("/metrics")).text
    assert 'ringwatch_alert_scores_total{action="raise"} 1.0' in text
    assert 'ringwatch_alert_scores_total{action="ignore"} 1.0' in text


# The stream


async def read_stream(site: Site, count: int, path: str = "/api/alerts/stream", **asked: Any) -> list[dict[str, str]]:
    """The next `count` events."""
    events: list[dict[str, str]] = []
    async with (
        httpx.AsyncClient(base_url=site.base, headers=BEARER, timeout=10) as client,
        client.stream("GET", path, **asked) as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if line and name:
                fields[name] = fields[name] + "\n" + value if name in fields else value
            elif not line:
                events += [fields] if "id" in fields else []
                fields = {}
            if len(events) == count:
                break
    return events


async def test_the_stream_resumes_behind_the_last_event_id(site: Site) -> None:
    await site.services.intake.accept([score(of=event(f"transfers:{at}:transfer", at)) for at in range(1, 5)])
    first = await read_stream(site, 2, params={"after": 0})
    rest = await read_stream(site, 2, headers={"last-event-id": first[-1]["id"]}, params={"after": 0})
    assert [each["id"] for each in first + rest] == ["1", "2", "3", "4"]
    assert {each["event"] for each in first + rest} == {"created"}


async def test_the_stream_tells_updates_withdrawals_and_decisions(site: Site) -> None:
    services = site.services
    reading = asyncio.create_task(read_stream(site, 4, params={"after": 0}))
    await services.intake.accept([score(0.9, provisional=True)])
    await services.intake.accept([score(0.95, revision=2)])
    async with httpx.AsyncClient(base_url=site.base, headers=BEARER) as client:
        await client.post("/api/alerts/1/decision", json={"verdict": "legit", "key": KEY})
    await services.intake.accept([score(0.95, of=event("transfers:2:transfer"))])
    steps = await asyncio.wait_for(reading, 10)
    assert [step["event"] for step in steps] == ["created", "updated", "decided", "created"]


async def test_a_last_event_id_from_another_life_starts_at_the_newest(site: Site) -> None:
    await site.services.intake.accept([score()])
    reading = asyncio.create_task(read_stream(site, 1, headers={"last-event-id": "999"}))
    while not site.services.tail.streams:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    await site.services.intake.accept([score(0.9, revision=2)])
    assert (await asyncio.wait_for(reading, 10))[0]["id"] == "2"


async def test_a_client_that_leaves_gives_its_place_back(site: Site) -> None:
    await site.services.intake.accept([score()])
    for _ in range(3):
        await read_stream(site, 1, params={"after": 0})
    async with asyncio.timeout(10):
        while site.services.tail.streams:
            await asyncio.sleep(0.02)


async def test_more_streams_than_there_are_places_are_told_to_come_back(serve: Serve, tmp_path: Any) -> None:
    async with (
        await open_services(settings(f"sqlite:///{tmp_path}/full.db", most_streams=0)) as services,
        httpx.AsyncClient(base_url=(await serve(services)).base, headers=BEARER) as client,
    ):
        answer = await client.get("/api/alerts/stream")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


# What an attacker writes into the bank's database


async def test_hostile_text_is_inert_on_every_page_and_in_the_stream(site: Site, browser: httpx.AsyncClient) -> None:
    attributes = {"amount": HOSTILE, "currency": HOSTILE, "field": HOSTILE, HOSTILE: HOSTILE}
    about = event(HOSTILE, src=f"{HOSTILE}:1", dst=f"Account:{HOSTILE}", relation=HOSTILE, attributes=attributes)
    await site.services.intake.accept([score(of=about, reasons=(HOSTILE, "b"), model=HOSTILE)])
    await browser.post("/alerts/1/decision", data={"verdict": "fraud", "key": KEY, "note": HOSTILE})
    rows = (await read_stream(site, 1, "/stream/rows", params={"after": 0}))[0]["data"]
    for text in [
        (await browser.get(path)).text for path in ("/?state=all", "/alerts/1", f"/?q={HOSTILE}", "/rows?state=all")
    ] + [rows]:
        assert "<img src=x" not in text and "<script>alert" not in text


async def test_every_answer_forbids_inline_script_and_framing(
    browser: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    for answer in [
        await browser.get("/"),
        await browser.get("/nothing"),
        await stranger.get("/api/alerts"),
        await stranger.get("/login"),
    ]:
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self';" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert answer.headers["cache-control"] == "no-store"
        assert "<script>" not in answer.text and " style=" not in answer.text and " onclick=" not in answer.text


async def test_the_page_shows_the_event_in_words_and_its_money(site: Site, browser: httpx.AsyncClient) -> None:
    await site.services.intake.accept([ring_score(provisional=True)])
    page = (await browser.get("/")).text
    assert "Transfer from account 17 to account 99" in page
    assert "12,345.67 CZK" in page and ">provisional</span>" in page and "2026-10-14 17:46:40" in page


async def test_the_page_says_that_part_of_the_neighbourhood_could_not_be_read(
    site: Site, browser: httpx.AsyncClient
) -> None:
    """In a sentence where the reasons stand; nothing of it where all was read."""
    await site.services.intake.accept([ring_score()])
    assert "could not be read" not in (await browser.get("/alerts/1")).text
    await site.services.intake.accept([ring_score(revision=2, incomplete=True)])
    page = (await browser.get("/alerts/1")).text
    assert "Part of this neighbourhood could not be read" in page and ">incomplete</span>" in page
