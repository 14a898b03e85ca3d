"""The pages in a real browser (Debian's Chromium): live list, ring, decision; nothing leaves the machine."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from alertdata import event, ring_score, score, wide_edges
from alertsite import TOKEN, Site
from playwright.async_api import Page, Request, async_playwright, expect
from test_alerts_explanations import explanation

from alerts.queries import Filter

pytestmark = pytest.mark.anyio

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
expect.set_options(timeout=30_000)  # two cores may be busy with other things
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium")


@dataclass
class Visit:
    """A page of a signed-in analyst, and what went wrong or out of the machine on it."""

    page: Page
    base: str
    faults: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.on("console", lambda m: self.faults.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", self._note)

    def _note(self, request: Request) -> None:
        if urlsplit(request.url).hostname != "127.0.0.1":
            self.elsewhere.append(request.url)


@pytest.fixture
async def visit(site: Site) -> AsyncIterator[Visit]:
    """Signed in by the form; in the end nothing was wrong and nothing left the machine."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        visit = Visit(await browser.new_page(viewport={"width": 1440, "height": 860}), site.base)
        visit.watch()
        await visit.page.goto(f"{site.base}/login")
        await visit.page.get_by_label("Token").fill(TOKEN)
        await visit.page.get_by_label("Your name").fill("Eva")
        await visit.page.get_by_role("button", name="Sign in").click()
        await expect(visit.page.locator("#live")).to_have_text("live")
        yield visit
        await browser.close()
        assert (visit.faults, visit.elsewhere) == ([], [])


@needs_chromium
async def test_an_alert_appears_is_opened_drawn_and_decided(site: Site, visit: Visit) -> None:
    """The main path, by keyboard, without a reload of the list."""
    page = visit.page
    await expect(page.locator("#empty")).to_be_visible()
    await site.services.intake.accept([ring_score()])
    row = page.locator("#alert-1")
    await expect(row).to_contain_text("Transfer from account 17 to account 99")
    await expect(row).to_contain_text("12,345.67 CZK")
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await expect(page.locator("#ring canvas").first).to_be_visible()
    await expect(page.locator("#ring")).to_have_attribute("data-nodes", "24")
    assert await page.evaluate("cy.$('edge.event').data('short')") == "12,345.67 CZK"
    assert await page.evaluate("cy.$('node.reported').length") == 4
    await page.keyboard.press("f")
    await expect(page.locator("#panel")).to_have_attribute("data-state", "confirmed")
    await expect(page.locator("#toast")).to_have_text("Recorded as fraud")
    detail = await site.services.queries.detail(1)
    assert [(each.verdict, each.analyst) for each in detail.decisions] == [("fraud", "Eva")]


@needs_chromium
async def test_the_list_changes_by_itself_as_alerts_do(site: Site, visit: Visit) -> None:
    page = visit.page
    await site.services.intake.accept([score(0.9, provisional=True)])
    await expect(page.locator("#alert-1")).to_contain_text("provisional")
    await site.services.intake.accept([score(0.97, revision=2)])
    await expect(page.locator("#alert-1")).to_contain_text("0.970")
    await expect(page.locator("#alert-1")).not_to_contain_text("provisional")
    await site.services.intake.accept([score(0.0, of=event(offset=900, kind="withdrawn"))])
    await expect(page.locator("#alert-1")).to_have_count(0)


@needs_chromium
async def test_a_decision_from_the_list_takes_a_note_and_a_second_key(site: Site, visit: Visit) -> None:
    page = visit.page
    await site.services.intake.accept([score()])
    await expect(page.locator("#alert-1")).to_be_visible()
    await page.keyboard.press("j")
    await page.keyboard.press("n")
    await page.keyboard.type("known payee, f and n are only letters here")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("#alert-1")).to_have_count(0)
    detail = await site.services.queries.detail(1)
    assert detail.alert.state == "dismissed" and detail.decisions[0].note.startswith("known payee")


@needs_chromium
async def test_a_held_list_stands_still_and_then_catches_up(site: Site, visit: Visit) -> None:
    page = visit.page
    await page.keyboard.press("p")
    await site.services.intake.accept([score()])
    await expect(page.locator("#live")).to_contain_text("1 waiting")
    await expect(page.locator("#alert-1")).to_have_count(0)
    await page.keyboard.press("p")
    await expect(page.locator("#alert-1")).to_be_visible()


@needs_chromium
async def test_older_alerts_are_a_click_away(site: Site, visit: Visit) -> None:
    page = visit.page
    await site.services.intake.accept([score(of=event(f"transfers:{at}:transfer", at)) for at in range(1, 131)])
    await page.goto(visit.base)
    await expect(page.locator("tr[data-id]")).to_have_count(100)
    await page.get_by_role("button", name="Older alerts").click()
    await expect(page.locator("tr[data-id]")).to_have_count(130)


@needs_chromium
async def test_a_large_ring_is_drawn_with_a_note_and_tells_facts_on_a_click(site: Site, visit: Visit) -> None:
    page = visit.page
    await site.services.intake.accept([ring_score(edges=wide_edges(190))])
    await page.goto(f"{visit.base}/alerts/1")
    await expect(page.locator("#ring-title")).to_contain_text("40 not drawn")
    await expect(page.locator("#ring[data-nodes]")).to_be_visible()
    await page.evaluate("void cy.$id('Account:17').emit('tap')")
    await expect(page.locator("#facts")).to_contain_text("TRANSFER in")


@needs_chromium
async def test_hostile_text_runs_nothing(site: Site, visit: Visit) -> None:
    page = visit.page
    hostile = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>'
    about = event(hostile, src=f"User:{hostile}", attributes={"memo": hostile})
    await site.services.intake.accept([score(of=about, reasons=(hostile,))])
    await expect(page.locator("#alert-1")).to_contain_text("<img src=x")
    await page.goto(f"{visit.base}/alerts/1")
    await expect(page.locator("#ring[data-nodes]")).to_be_visible()
    await page.evaluate("void cy.nodes()[0].emit('tap')")
    await expect(page.locator("#facts")).to_contain_text("<img src=x")
    assert await page.evaluate("window.hit") is None


@needs_chromium
async def test_a_one_time_link_leads_to_the_list(site: Site) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await browser.new_page()
        await page.goto(site.base + site.services.auth.one_time_link())
        await expect(page.locator("#live")).to_have_text("live")
        await browser.close()


async def show(page: Page, *, hidden: bool) -> None:
    """Have the page believe that its tab was left, or come back to."""
    script = """hidden => {
        Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    await page.evaluate(script, hidden)


@needs_chromium
async def test_a_page_that_was_hidden_catches_up_when_it_is_seen(site: Site, visit: Visit) -> None:
    """A stream that is let go of and taken up again leaves nothing out."""
    page = visit.page
    await show(page, hidden=True)
    async with asyncio.timeout(10):
        while site.services.tail.streams:
            await asyncio.sleep(0.02)
    await site.services.intake.accept([score(of=event(f"transfers:{at}:transfer", at)) for at in range(1, 4)])
    assert len(await site.services.queries.page(Filter())) == 3
    await show(page, hidden=False)
    await expect(page.locator("tr[data-id]")).to_have_count(3)


@needs_chromium
async def test_an_open_page_gets_the_explanation_and_keeps_its_note(site: Site, visit: Visit) -> None:
    """In place, without a word that the alert has changed; a click on a part of it still finds the edge."""
    page, sent = visit.page, ring_score()
    await site.services.intake.accept([sent])
    await page.goto(f"{visit.base}/alerts/1")
    await expect(page.locator("#why-title")).to_contain_text("approximate")
    await expect(page.locator("#ring")).to_have_attribute("data-nodes", "24")
    await page.get_by_placeholder("Note (optional)").fill("half a sentence")
    await site.services.explanations.accept([explanation(sent)])
    await expect(page.locator("#why-title")).to_contain_text("complete to 0.3 %")
    await expect(page.locator("#changed")).to_be_hidden()
    await expect(page.get_by_placeholder("Note (optional)")).to_have_value("half a sentence")
    await page.locator("tr[data-edge]").first.click()
    await expect(page.locator("#facts")).to_be_visible()


@needs_chromium
async def test_a_newer_score_is_still_said_to_an_open_page(site: Site, visit: Visit) -> None:
    """It is another one than the page shows."""
    page = visit.page
    await site.services.intake.accept([ring_score(provisional=True)])
    await page.goto(f"{visit.base}/alerts/1")
    await site.services.intake.accept([ring_score(revision=2)])
    await expect(page.locator("#changed")).to_be_visible()
