"""`ringwatch demo` as a new user runs it: the command, the page in a real browser, Ctrl-C, what it says."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from deploy.figures import Report

CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
SMALL = ["--users", "500", "--days", "7", "--rate", "300"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """`ringwatch …` with its state in a folder of its own."""
    own = {"RINGWATCH_STATE_DIR": str(tmp_path), "RINGWATCH_PORT": str(free_port())} | environment
    return subprocess.Popen(
        [sys.executable, "-m", "deploy.cli", *arguments],
        env={**os.environ, **own},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def demo(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running demo and the link it prints."""
    process = command(tmp_path, "demo", *SMALL)
    try:
        assert process.stderr is not None
        link = next(found[0] for line in process.stderr if (found := re.search(r"http://\S+/login\?token=\S+", line)))
        yield process, link
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(30)


def test_it_ends_by_itself_with_one_json_summary(tmp_path: Path) -> None:
    """Every bar holds: the first alert within 30 s, no dead letter."""
    process = command(tmp_path, "demo", *SMALL, "--for", "30s", "--json")
    out, err = process.communicate(timeout=120)
    figures = {figure["name"]: figure for figure in json.loads(out)["figures"]}
    assert process.returncode == 0, err
    assert figures["alerts"]["value"] >= 1 and figures["first_alert_s"]["ok"] and figures["dead_letters"]["value"] == 0
    assert Report.__struct_fields__ == tuple(json.loads(out))


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: ringwatch stack install --test-tools")
def test_an_alert_comes_to_the_open_page_and_shows_its_ring(tmp_path: Path) -> None:
    """In a real browser, without reloading, and nothing is asked of any other address; its explanation comes too."""
    elsewhere: list[str] = []
    with demo(tmp_path) as (_, link), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        page.on("request", lambda r: elsewhere.append(r.url) if not r.url.startswith(link.split("/login")[0]) else None)
        page.goto(link)
        page.locator("[id^=alert-]").first.wait_for(timeout=60_000)
        page.locator("[id^=alert-] a").first.click()
        expect(page.locator("#ring[data-nodes]")).to_be_visible(timeout=30_000)
        expect(page.locator("#why-title")).to_contain_text("complete to", timeout=60_000)
        browser.close()
    assert elsewhere == []


def test_ctrl_c_ends_it_cleanly(tmp_path: Path) -> None:
    """Status 0, no trace."""
    with demo(tmp_path) as (process, _):
        time.sleep(3)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0 and "Traceback" not in err and "Ended" in err


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    """With what holds it, and the mend."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        process = command(tmp_path, "demo", RINGWATCH_PORT=port)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2 and port in err and str(os.getpid()) in err and "Traceback" not in err


def test_a_broken_mapping_is_told_by_line_and_field(tmp_path: Path) -> None:
    """Status 2: file, line, field, what was expected."""
    broken = tmp_path / "bank.toml"
    broken.write_text(
        'source = "bank"\n\n[tables.users]\nkey = ["id"]\n\n[[tables.users.nodes]]\nlabel = "User-1"\nid = "id"\n'
    )
    process = command(tmp_path, "demo", RINGWATCH_MAPPING=str(broken))
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert f"{broken}:7: tables.users.nodes.0.label is 'User-1'" in err and "expected" in err


def test_a_wrong_setting_is_told_by_its_variable(tmp_path: Path) -> None:
    """Status 2: the variable, what it held, what was expected."""
    process = command(tmp_path, "demo", RINGWATCH_THREADS="many")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2 and "RINGWATCH_THREADS='many'" in err and "Traceback" not in err
