"""What Kafka Connect is asked. A small server in its place says what a real one says only when it is unlucky."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from deploy.stack.connect_rest import Connector

FAILED = {"state": "FAILED", "trace": "org.apache.kafka.connect.errors.ConnectException: unlucky"}
RUNNING = {"state": "RUNNING"}


class _Connect(HTTPServer):
    """One connector with one task; what is posted is kept."""

    task = RUNNING
    posted: list[str]

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Asked)
        self.posted = []


class _Asked(BaseHTTPRequestHandler):
    server: _Connect

    def do_GET(self) -> None:
        body = json.dumps({"connector": RUNNING, "tasks": [self.server.task]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.server.posted.append(self.path)
        self.server.task = RUNNING
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def connect() -> Iterator[_Connect]:
    made = _Connect()
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    thread.join(10)
    made.server_close()


def test_what_has_failed_is_started_once_more(connect: _Connect) -> None:
    """The task that failed, and nothing else; then all is well."""
    connect.task = FAILED
    there = Connector(f"http://127.0.0.1:{connect.server_port}", "bank")
    assert there.revived() and not there.revived()
    assert connect.posted == ["/connectors/bank/restart?includeTasks=true&onlyFailed=true"]


def test_what_runs_is_left_alone(connect: _Connect) -> None:
    """A restart would cost the bank a pause."""
    assert not Connector(f"http://127.0.0.1:{connect.server_port}", "bank").revived() and connect.posted == []
