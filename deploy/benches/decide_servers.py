"""The two servers of `ringwatch bench decide`: the decision API over a simulated bank, and a constant."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections import deque
from multiprocessing.connection import Connection

import msgspec
from fastapi import FastAPI, Request, Response

from deploy.config import settings
from deploy.deciding import KEEP_ALIVE_S, make_decider, readiness, room, settle
from deploy.demo.bank import Bank
from deploy.demo.change import RowChange
from deploy.demo.settings import BankSettings
from deploy.logs import logs
from deploy.ports import listen
from deploy.web import Web
from ingest.events import Op
from scoring.deciding.access import Access
from scoring.deciding.api import create_app
from scoring.deciding.decider import GraphState

TOKEN = "of the bench, thirty-two letters"
SEED = 111  # no model was trained on this bank
ASKED = 4_000  # its last transfers, asked about again
CONSTANT = msgspec.json.encode({"verdict": "approve"})
LOOK_S = 0.1


def serve_decisions(told: Connection, users: int, days: int) -> None:
    """Decisions on a bank of so many customers and days, until the process is ended."""
    logs(settings())
    rows, at_ms = deque[RowChange](maxlen=ASKED), 0
    for row in Bank(BankSettings(seed=SEED, users=users, days=days)).changes():
        at_ms = row.at_ms
        if row.table == "transfers" and row.op is Op.CREATE:
            rows.append(row)
    asyncio.run(_decide(told, at_ms + 1, [_body(row) for row in rows], (users, days)))


async def _decide(told: Connection, now_ms: int, bodies: list[bytes], bank: tuple[int, int]) -> None:
    decider = make_decider(settings(), lambda: now_ms)
    app = create_app(decider, Access([TOKEN], 100_000.0), lambda: readiness(decider))
    async with room(decider, score_bank, *bank) as scoring:
        while readiness(decider).why is not None:
            if scoring.failed is not None:
                raise RuntimeError(f"the bank can't be scored: {scoring.failed}")
            await asyncio.sleep(LOOK_S)
        await _serve(app, told, bodies)


def score_bank(taken: socket.socket, users: int, days: int) -> None:
    """The process that scores, over a simulated bank instead of a real one."""
    from deploy import bootstrap
    from deploy.deciding_room import begin_scoring, judge_of, serve_room
    from deploy.demo.training import change_of, demo_mapping
    from graph.mirror import Mirror
    from scoring.deciding.backroom import Backroom
    from scoring.online.guard import guarded

    backroom = Backroom(taken, GraphState)

    def fill() -> None:
        mirror, mapping = Mirror(), demo_mapping()
        for number, row in enumerate(Bank(BankSettings(seed=SEED, users=users, days=days)).changes(), 1):
            mirror.apply(mapping.plan(change_of(row, number)).upserts)
        engine = guarded(bootstrap.engine(settings()))
        begin_scoring(backroom, judge_of(settings(), mirror, lambda: engine), None)

    serve_room(backroom, fill)


def serve_constant(told: Connection) -> None:
    """The same answer to everybody, until the process is ended."""
    app = FastAPI(openapi_url=None)

    @app.post("/v1/score")
    async def score(request: Request) -> Response:
        await request.body()
        return Response(CONSTANT, media_type="application/json")

    asyncio.run(_serve(app, told, []))


async def _serve(app: FastAPI, told: Connection, bodies: list[bytes]) -> None:
    """Until the process is told to end. Log lines are made as in service, and written to nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    web = Web(app, listen("127.0.0.1", 0), KEEP_ALIVE_S)
    serving = web.start()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, web.stop)
    settle()
    told.send((web.url, bodies))
    await serving


def _body(change: RowChange) -> bytes:
    """The question about a transfer as its row has it."""
    row = change.after
    assert row is not None
    return msgspec.json.encode({
        "id": f"transfers:{row['id']}:transfer", "relation": "TRANSFER", "src": f"Account:{row['src_account']}",
        "dst": f"Account:{row['dst_account']}",
        "attributes": {name: row[name] for name in ("amount", "currency", "channel")},
    })  # fmt: skip
