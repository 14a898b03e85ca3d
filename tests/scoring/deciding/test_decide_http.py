"""Decisions over HTTP, from a real server: verdicts, deadlines, retries, refusals, probes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import httpx
import pytest
from decidingsite import GOOD, TOKEN, ByAmount, Wanted, served, slowly

from graph.model import Event
from scoring.deciding.decider import GraphState
from scoring.deciding.decision import Policy
from scoring.deciding.scoring_thread import QueueLimits

pytestmark = pytest.mark.anyio


async def test_an_answer_says_verdict_probability_and_why() -> None:
    """Reasons only where somebody will ask for them."""
    judge = ByAmount()
    async with served(Wanted(judge, policy=Policy(decline_from=0.9))) as site:
        found = [(await site.ask(id=f"t{cents}", attributes={"amount": f"0.{cents}"})).json() for cents in (49, 50, 90)]
    assert [(one["verdict"], one["probability"], one["reasons"]) for one in found] == [
        ("approve", 0.49, []), ("review", 0.5, ["amount 50"]), ("decline", 0.9, ["amount 90"])
    ]  # fmt: skip
    assert found[0] | {"took_ms": 0} == {
        "id": "t49", "verdict": "approve", "probability": 0.49, "reasons": [], "model": "by-amount@1", "threshold": 0.5,
        "fallback": None, "deadline_ms": 1_000, "took_ms": 0, "watermark": {"position": "bank/7", "silent_ms": 500},
        "remarks": [],
    }  # fmt: skip
    assert judge.explained == ["t50", "t90"]


async def test_an_answer_leaves_before_its_deadline_though_scoring_hangs() -> None:
    """With the fall-back verdict, the reason, and status 200."""
    judge = ByAmount()
    judge.before = slowly(3)
    async with served(Wanted(judge, policy=Policy(fallback="decline"))) as site:
        started_s = time.monotonic()
        answer = await site.ask(deadline_ms=200)
        took_s = time.monotonic() - started_s
        assert (answer.status_code, answer.json()["verdict"], answer.json()["fallback"]) == (200, "decline", "deadline")
        assert answer.json()["took_ms"] <= 200 and took_s < 2.5  # the scorer sleeps for 3 s
        assert site.metric('ringwatch_decide_fallbacks_total{why="deadline"}') == 1


async def test_reasons_that_come_too_late_are_left_out() -> None:
    """The probability was there in time, and so is the verdict."""
    judge = ByAmount()
    judge.before_reasons = slowly(2)
    async with served(Wanted(judge)) as site:
        answer = (await site.ask(deadline_ms=400, attributes={"amount": "0.80"})).json()
    assert (answer["verdict"], answer["probability"], answer["reasons"], answer["fallback"]) == (
        "review",
        0.8,
        [],
        None,
    )
    assert [remark["code"] for remark in answer["remarks"]] == ["no_reasons"]


async def test_a_scorer_that_hangs_piles_nothing_up() -> None:
    """Where the queue is full, answers leave at once; what waited too long is never scored."""
    judge = ByAmount()
    judge.before = slowly(1.5)
    async with served(Wanted(judge, QueueLimits(waiting=2, stuck_s=60))) as site:
        first = asyncio.create_task(site.ask(id="t0", deadline_ms=300))
        await asyncio.sleep(0.1)  # it is at it
        answers = await asyncio.gather(*(site.ask(id=f"t{n}", deadline_ms=300) for n in range(1, 6)))
        whys = sorted(answer.json()["fallback"] for answer in [await first, *answers])
        assert whys == ["deadline"] * 3 + ["overloaded"] * 3
        judge.before = lambda events: None
        await asyncio.sleep(1.6)
        assert (await site.ask(id="t9")).json()["fallback"] is None
    assert judge.batches == [1, 1]


async def test_a_thread_that_stands_still_is_not_waited_for() -> None:
    """Once it is known to: answers leave at once."""
    judge = ByAmount()
    judge.before = slowly(1.5)
    async with served(Wanted(judge, QueueLimits(stuck_s=0.1))) as site:
        await site.ask(id="t0", deadline_ms=300)
        answer = (await site.ask(id="t1", deadline_ms=1_000)).json()
    assert answer["fallback"] == "overloaded" and answer["took_ms"] < 900


async def test_what_waits_at_the_same_moment_is_one_batch_in_one_thread() -> None:
    """The engine is never asked by two threads; reasons have one of their own."""
    judge = ByAmount()
    judge.before = slowly(0.2)
    async with served(Wanted(judge)) as site:
        answers = await asyncio.gather(*(site.ask(id=f"t{n}", attributes={"amount": "0.60"}) for n in range(20)))
        assert all(answer.json()["fallback"] is None for answer in answers)
    assert sum(judge.batches) == 20 and len(judge.batches) <= 4 and len(judge.threads) == 2


async def test_an_event_that_breaks_the_model_breaks_no_other() -> None:
    """Its own answer falls back; those of its batch are scored."""
    judge = ByAmount()

    def breaks(events: Sequence[Event]) -> None:
        time.sleep(0.1)
        if any(event.id == "bad" for event in events):
            raise ValueError("it breaks")

    judge.before = breaks
    async with served(Wanted(judge)) as site:
        answers = await asyncio.gather(*(site.ask(id=id) for id in ("a", "b", "bad", "c")))
    assert {answer.json()["id"]: answer.json()["fallback"] for answer in answers} == {
        "a": None, "b": None, "bad": "model failed", "c": None
    }  # fmt: skip


async def test_without_a_graph_there_is_a_verdict_all_the_same() -> None:
    """The fall-back's, and it says so."""
    async with served(Wanted(graph=lambda: GraphState("the graph is being read"))) as site:
        answer = await site.ask()
    assert (answer.status_code, answer.json()["fallback"]) == (200, "not ready")


async def test_an_old_graph_is_remarked_on() -> None:
    """And a time from before the window it keeps."""
    async with served(Wanted(graph=lambda: GraphState(silent_s=61, window_ms=1_000))) as site:
        answer = (await site.ask(time_ms=999)).json()
    assert [remark["code"] for remark in answer["remarks"]] == ["stale", "before_window"]


# -- retries ------------------------------------------------------------------------------------


async def test_a_retry_gets_the_first_answer_byte_for_byte() -> None:
    """By its key, whatever was answered; nothing is scored again."""
    judge = ByAmount()
    async with served(Wanted(judge)) as site:
        first, again = await site.ask("k1"), await site.ask("k1")
        assert first.content == again.content
        assert [one.headers.get("idempotent-replayed") for one in (first, again)] == [None, "true"]
        assert site.metric("ringwatch_decide_replays_total") == 1
    assert judge.batches == [1]


async def test_without_a_key_the_id_is_the_key() -> None:
    """A header's key is another one, though it reads the same."""
    async with served() as site:
        first, again, other = await site.ask(), await site.ask(), await site.ask(str(GOOD["id"]))
    assert first.content == again.content and "idempotent-replayed" not in other.headers


async def test_a_fall_back_is_given_again_too() -> None:
    """Though a score would be there by now: the switch may have acted on it."""
    judge = ByAmount()
    judge.before = slowly(0.5)
    async with served(Wanted(judge)) as site:
        first = await site.ask("k1", deadline_ms=100)
        await asyncio.sleep(0.6)
        again = await site.ask("k1", deadline_ms=100)
    assert first.json()["fallback"] == "deadline" and first.content == again.content


async def test_a_key_with_another_body_is_refused() -> None:
    """422, as the draft has it."""
    async with served() as site:
        await site.ask("k1")
        other = await site.ask("k1", dst="Account:99")
    assert (other.status_code, other.json()["type"]) == (422, "/docs#key-reused")


async def test_a_retry_waits_for_the_first_one_in_work() -> None:
    """Within its own deadline; scored once."""
    judge = ByAmount()
    judge.before = slowly(0.3)
    async with served(Wanted(judge)) as site:
        first, again = await asyncio.gather(site.ask("k1"), site.ask("k1"))
    assert first.content == again.content and judge.batches == [1]
    assert {one.headers.get("idempotent-replayed") for one in (first, again)} == {None, "true"}


async def test_a_refused_request_uses_up_no_key() -> None:
    """Mended, it is taken."""
    async with served() as site:
        assert (await site.ask("k1", relation="PAYMENT")).status_code == 422
        assert (await site.ask("k1")).status_code == 200


# -- refusals, probes ---------------------------------------------------------------------------


@pytest.mark.parametrize("authorization", [None, "Bearer not the token at all", f"Basic {TOKEN}"])
async def test_without_the_token_there_is_no_answer(authorization: str | None) -> None:
    """401 as problem details, with the challenge."""
    async with served() as site:
        headers = {} if authorization is None else {"Authorization": authorization}
        async with httpx.AsyncClient(base_url=site.client.base_url) as other:
            answer = await other.post("/v1/score", json=GOOD, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert answer.headers["www-authenticate"].startswith("Bearer") and TOKEN not in answer.text


async def test_too_many_requests_are_told_when_to_come_again() -> None:
    """429, by token."""
    async with served(Wanted(per_s=2)) as site:
        answers = [await site.ask(id=f"t{n}") for n in range(4)]
        assert site.metric('ringwatch_decide_refused_total{problem="too-many"}') >= 1
    assert answers[-1].status_code == 429 and answers[-1].headers["retry-after"] == "1"


async def test_a_body_past_64_kb_is_refused() -> None:
    """By its length, and by what comes where no length was told."""
    async with served() as site:
        large = await site.client.post("/v1/score", content=b"x" * 65_537)

        async def pieces() -> object:
            for _ in range(80):
                yield b"x" * 1_000

        chunked = await site.client.post("/v1/score", content=pieces())  # type: ignore[arg-type]
    assert [large.status_code, chunked.status_code] == [413, 413]


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    """408 after a second: there is no question yet."""
    async with served() as site:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.client.base_url.port)
        head = f"POST /v1/score HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 9\r\n\r\n{{"
        writer.write(head.encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 408")
        writer.close()


async def test_a_problem_says_what_where_and_the_mend() -> None:
    """RFC 9457, with two members of ours."""
    async with served() as site:
        answer = await site.ask(deadline_ms="soon")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "/docs#field", "title": "A field does not fit", "status": 422,
        "detail": "expected `int | null`, got `str`", "where": "/deadline_ms", "mend": "see /docs for the fields",
    }  # fmt: skip


async def test_probes_metrics_and_the_page_need_no_token() -> None:
    """And other addresses are told what there is."""
    async with served() as site:
        await site.ask()
        async with httpx.AsyncClient(base_url=site.client.base_url) as other:
            paths = ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/nowhere", "/v1/score")
            found = {path: await other.get(path) for path in paths}
    assert [found[path].status_code for path in paths] == [200, 200, 200, 200, 200, 404, 405]
    assert 'ringwatch_decide_verdicts_total{verdict="approve"} 1.0' in found["/metrics"].text
    described = found["/openapi.json"].json()
    assert described["components"]["schemas"]["Body"]["properties"]["relation"]["enum"] == [
        "LOGIN",
        "MODIFY",
        "TRANSFER",
    ]
    assert "<script" not in found["/docs"].text and 'id="key-reused"' in found["/docs"].text
