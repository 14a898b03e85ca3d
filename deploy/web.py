"""Serves the pages and the API inside a loop that does other work as well."""

from __future__ import annotations

import asyncio
import socket
from errno import EACCES, EADDRINUSE, EADDRNOTAVAIL
from typing import cast

import uvicorn
from fastapi import FastAPI

from deploy.config import PREFIX
from deploy.stack.server import holder_of

CLOSING_S = 2  # open streams are cut after this; browsers come back by themselves


class PortTaken(Exception):
    """The page can't be served there: another process listens, or the port or host is not ours. Names the mend."""


def listen(host: str, port: int, prefix: str = PREFIX) -> socket.socket:
    """Take the port before anything else is started. `prefix` and HOST or PORT name the variables it came from.

    Raises:
        PortTaken: it is in use, or not ours to take.
    """
    taken = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((host, port))
        taken.listen(128)
    except OSError as error:
        taken.close()
        raise PortTaken(_why_not(host, port, error, prefix)) from error
    return taken


def _why_not(host: str, port: int, error: OSError, prefix: str = PREFIX) -> str:
    if error.errno == EADDRINUSE:
        return (
            f"port {port} on {host} is in use by {holder_of(port)}; stop that process, or choose another port: "
            f"{prefix}PORT={port + 1 if port < 65_535 else port - 1}"
        )
    if error.errno == EACCES:
        return f"port {port} on {host} is not for this user; choose one above 1023: {prefix}PORT=8081"
    if isinstance(error, socket.gaierror) or error.errno == EADDRNOTAVAIL:
        return f"{prefix}HOST={host} is no address of this machine ({error.strerror}); leave it out for 127.0.0.1"
    return f"port {port} on {host} can't be taken: {error.strerror}; choose another by {prefix}PORT or {prefix}HOST"


class Web(uvicorn.Server):
    """A server that leaves the signals to us."""

    def __init__(self, app: FastAPI, taken: socket.socket) -> None:
        """`taken` comes from `listen`."""
        super().__init__(
            uvicorn.Config(
                app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=CLOSING_S
            )
        )
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
