"""`ringwatch decide` as a process of its own, for tests."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
TOKEN = "of-the-tests-24-letters"
QUESTION = {
    "id": "transfers:9:transfer", "relation": "TRANSFER", "src": "Account:1", "dst": "Account:2",
    "attributes": {"amount": "12.00"}, "deadline_ms": 1_000,
}  # fmt: skip


class Deciding:
    """The process, its address and its log."""

    def __init__(self, log: Path, **settings: str) -> None:
        """Starts it with these settings and no others."""
        self.url, self._log = f"http://127.0.0.1:{settings.get('DECIDE_PORT', '8090')}", log
        others = {name: value for name, value in os.environ.items() if not name.startswith("RINGWATCH_")}
        ours = {f"RINGWATCH_{name}": value for name, value in settings.items()}
        command = [sys.executable, "-m", "deploy.cli", "decide"]
        with log.open("wb") as out:
            self.process = subprocess.Popen(command, env=others | ours, cwd=ROOT, stdout=out, stderr=out)

    @property
    def said(self) -> str:
        """Its log so far."""
        return self._log.read_text()

    def ask(self, **changed: object) -> httpx.Response:
        """A good question, changed."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return httpx.post(f"{self.url}/v1/score", json=QUESTION | changed, headers=headers, timeout=30)

    def wait(self, path: str, holds: Callable[[httpx.Response], bool], limit_s: float = 120) -> httpx.Response:
        """Until what it says at a path is as wanted."""
        until_s = time.monotonic() + limit_s
        while time.monotonic() < until_s:
            assert self.process.poll() is None, self.said
            try:
                if holds(found := httpx.get(self.url + path, timeout=30)):
                    return found
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"{path} was not as wanted within {limit_s} s:\n{self.said}")
