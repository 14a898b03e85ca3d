"""Serves the pages and the API inside a loop that does other work as well."""

from __future__ import annotations

import asyncio
import socket
from typing import cast

import uvicorn
from fastapi import FastAPI

CLOSING_S = 2  # open streams are cut after this; browsers come back by themselves


class Web(uvicorn.Server):
    """A server that leaves the signals to us."""

    def __init__(self, app: FastAPI, taken: socket.socket, keep_alive_s: int = 5) -> None:
        """`taken` comes from `deploy.ports.listen`; an idle connection is closed after `keep_alive_s`."""
        super().__init__(
            uvicorn.Config(
                app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=CLOSING_S,
                timeout_keep_alive=keep_alive_s,
            )
        )  # fmt: skip
        self._taken = taken

    def start(self) -> asyncio.Task[None]:
        """Serve in the running loop; `stop` ends it."""
        # `serve` would take over SIGINT; what it does besides is `_serve`.
        return asyncio.create_task(self._serve([self._taken]), name="web")

    def stop(self) -> None:
        """Close; the task of `start` ends soon after."""
        self.should_exit = True

    @property
    def url(self) -> str:
        """Where it is."""
        host, port = cast(tuple[str, int], self._taken.getsockname()[:2])
        return f"http://{host}:{port}"
