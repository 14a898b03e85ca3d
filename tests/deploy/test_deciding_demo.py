"""The decision API beside the embedded demo."""

from __future__ import annotations

import asyncio
import json
import shlex
import socket
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from deploy.config import Settings
from deploy.deciding_demo import DemoDeciding
from graph.mirror import Mirror

pytestmark = pytest.mark.anyio
BANK_MS = 1_768_000_000_000


@pytest.fixture
def anyio_backend() -> str:
    """The demo runs on asyncio."""
    return "asyncio"


async def ask(line: str) -> httpx.Response:
    """What the printed curl line asks."""
    url, authorization, body = (shlex.split(line)[at] for at in (2, 4, 6))
    async with httpx.AsyncClient(timeout=60) as client:
        return await client.post(url, content=body, headers=dict([authorization.split(": ")]))


async def test_its_curl_line_asks_on_the_next_free_port(tmp_path: Path) -> None:
    """Before the history is read it falls back; then it scores, by the bank's clock."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        port = other.getsockname()[1]
        deciding = DemoDeciding(Settings(state_dir=tmp_path, decide_port=port), Mirror(), lambda: BANK_MS)
    url = deciding.start()
    line = deciding.curl(url)
    assert int(url.rpartition(":")[2]) > port and deciding.token in line
    assert (await ask(line)).json()["fallback"] == "not ready"
    deciding.begin()
    again, answer = line, {"fallback": "not ready"}
    for number in range(600):
        again = line.replace("try-1", f"again-{number}")
        answer = (await ask(again)).json()
        if answer["fallback"] is None:
            break
        await asyncio.sleep(0.2)
    assert answer["fallback"] is None and answer["model"].startswith("demo@")
    ahead = json.dumps(
        {"id": "x", "relation": "LOGIN", "src": "User:1", "dst": "Device:1", "time_ms": BANK_MS + 400_000}
    )
    refused = await ask(line.replace(shlex.split(line)[6], ahead))
    assert refused.status_code == 422 and refused.json()["where"] == "/time_ms"
    await deciding.close()


async def test_tokens_that_are_set_are_taken(tmp_path: Path) -> None:
    """Else one is made up for the run and printed."""
    settings = Settings(
        state_dir=tmp_path, decide_port=18_000, decide_tokens=SecretStr("one-of-sixteen-chars,two-of-sixteen-chars")
    )
    deciding = DemoDeciding(settings, Mirror(), lambda: BANK_MS)
    line = deciding.curl(deciding.start())
    assert deciding.token == "one-of-sixteen-chars"
    assert (await ask(line.replace("one-of", "two-of"))).status_code == 200
    assert (await ask(line.replace("one-of", "three-of"))).status_code == 401
    await deciding.close()
