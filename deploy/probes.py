"""A small HTTP server beside a worker: /healthz, /readyz and /metrics, for orchestrators and Prometheus."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from ingest.health import Report

log = structlog.get_logger("probes")

REQUEST_S = 5.0  # a client that sends nothing is hung up on


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, taken: socket.socket, ask: Callable[[], Report], registry: CollectorRegistry) -> None:
        super().__init__(taken.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket, self.ask, self.registry = taken, ask, registry

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no news; anything else is ours to mend."""
        if not isinstance(sys.exc_info()[1], OSError):
            log.error("a probe was not answered", exc_info=True, client=str(client_address))


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = REQUEST_S

    def version_string(self) -> str:
        return "ringwatch"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            encode, kind = choose_encoder(self.headers.get("Accept", ""))
            self._answer(HTTPStatus.OK, encode(self.server.registry), kind)
        elif path in ("/healthz", "/readyz"):
            report = self.server.ask()
            well = report.healthy if path == "/healthz" else report.ready
            status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
            self._answer(status, msgspec.json.encode(report), "application/json")
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"/healthz, /readyz or /metrics\n", "text/plain; charset=utf-8")

    do_HEAD = do_GET

    def _answer(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Every few seconds the same would fill the log."""


class Probes:
    """Serves in threads of its own until closed: it answers also while the worker hangs."""

    def __init__(self, taken: socket.socket, ask: Callable[[], Report], registry: CollectorRegistry) -> None:
        """`taken` comes from `deploy.web.listen`; `ask` says how the worker is, from any thread."""
        self._server = _Server(taken, ask, registry)
        self._thread = threading.Thread(target=self._server.serve_forever, name="probes", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it is."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def close(self) -> None:
        """Free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
