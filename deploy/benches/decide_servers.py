"""The two servers of `ringwatch bench decide`: the decision API over a simulated bank, and a constant."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import deque
from multiprocessing.connection import Connection

import msgspec
from fastapi import FastAPI, Request, Response

from deploy import bootstrap
from deploy.config import SHIPPED, settings
from deploy.deciding import KEEP_ALIVE_S, SWITCH_S, begin_scoring, make_decider, readiness
from deploy.demo.bank import Bank
from deploy.demo.change import RowChange
from deploy.demo.settings import BankSettings
from deploy.demo.training import change_of, demo_mapping
from deploy.ports import listen
from deploy.web import Web
from graph.mirror import Mirror
from ingest.events import Op
from scoring.deciding.access import Access
from scoring.deciding.api import create_app
from scoring.deciding.decider import GraphState
from scoring.deciding.judge import EventJudge
from scoring.engine import Engine, Scorer
from scoring.online.guard import Guard
from scoring.scorer import EventScorer

TOKEN = "of the bench, thirty-two letters"
SEED = 111  # no model was trained on this bank
ASKED = 4_000  # its last transfers, asked about again
CONSTANT = msgspec.json.encode({"verdict": "approve"})


def serve_decisions(told: Connection, users: int, days: int) -> None:
    """Decisions on a bank of so many customers and days, until the process is ended."""
    bootstrap.logs(settings())
    sys.setswitchinterval(SWITCH_S)
    mirror, rows = Mirror(), deque[RowChange](maxlen=ASKED)
    mapping = demo_mapping()
    at_ms = 0
    for number, row in enumerate(Bank(BankSettings(seed=SEED, users=users, days=days)).changes(), 1):
        mirror.apply(mapping.plan(change_of(row, number)).upserts)
        at_ms = row.at_ms
        if row.table == "transfers" and row.op is Op.CREATE:
            rows.append(row)
    decider = make_decider(settings(), lambda: GraphState(), lambda: at_ms + 1)
    engine = Guard(Engine.load(SHIPPED))

    def scorer(model: Scorer) -> EventScorer:
        return EventScorer(model, mirror, mapping.schema.tables)

    begin_scoring(decider, EventJudge(lambda: engine, scorer))
    app = create_app(decider, Access([TOKEN], 100_000.0), lambda: readiness(decider, 0.0))
    asyncio.run(_serve(app, told, [_body(row) for row in rows]))


def serve_constant(told: Connection) -> None:
    """The same answer to everybody, until the process is ended."""
    app = FastAPI(openapi_url=None)

    @app.post("/v1/score")
    async def score(request: Request) -> Response:
        await request.body()
        return Response(CONSTANT, media_type="application/json")

    @app.get("/healthz")
    async def healthz() -> Response:
        return Response(CONSTANT, media_type="application/json")

    asyncio.run(_serve(app, told, []))


async def _serve(app: FastAPI, told: Connection, bodies: list[bytes]) -> None:
    _quietly()
    web = Web(app, listen("127.0.0.1", 0), KEEP_ALIVE_S)
    serving = web.start()
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


def _quietly() -> None:
    """Log lines are made as in service, and written to nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
