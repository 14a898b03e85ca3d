"""What Kafka Connect is asked. A small server in its place says what a real one says only when it is unlucky."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from deploy.stack.connect_rest import Connector
from deploy.stack.connector import resnapshot
from deploy.stack.connector_settings import EPOCH, Source
from deploy.stack.endpoints import Capture, MariaDb
from deploy.stack.errors import ConnectorFailed

FAILED = {"state": "FAILED", "trace": "org.apache.kafka.connect.errors.ConnectException: unlucky"}
RUNNING = {"state": "RUNNING"}


class _Connect(HTTPServer):
    """One connector with one task; what is posted is kept."""

    task = RUNNING
    stopped = False
    posted: list[str]

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Asked)
        self.posted, self.epochs, self.asked = [], ["2"], list[str]()


class _Asked(BaseHTTPRequestHandler):
    server: _Connect

    def do_GET(self) -> None:
        if self.path.endswith("/config"):
            found: object = {EPOCH: self.server.epochs[-1]}
        elif self.server.stopped:
            found = {"connector": {"state": "STOPPED"}, "tasks": []}
        else:
            found = {"connector": RUNNING, "tasks": [self.server.task]}
        body = json.dumps(found).encode()
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

    def do_PUT(self) -> None:
        self.server.asked.append(f"PUT {self.path}")
        self.server.stopped = self.server.stopped or self.path.endswith("/stop")
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.endswith("/config"):
            self.server.epochs.append(json.loads(sent)[EPOCH])
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_DELETE(self) -> None:
        self.server.asked.append(f"DELETE {self.path}")
        self.send_response(204)
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


def test_the_offsets_are_forgotten_under_the_next_epoch_only(connect: _Connect) -> None:
    """Whatever fails behind their end: what is read from the start again is not read under the former epoch."""
    there = Connector(f"http://127.0.0.1:{connect.server_port}", "bank")
    there.forget({EPOCH: "3"})
    assert connect.asked == [f"{verb} /connectors/bank{path}" for verb, path in (
        ("PUT", "/stop"), ("PUT", "/config"), ("DELETE", "/offsets"), ("DELETE", ""),
    )]  # fmt: skip
    assert connect.epochs[-1] == "3"


@pytest.mark.parametrize("epoch", [1, 2])
def test_an_epoch_that_was_reached_is_not_read_again(connect: _Connect, epoch: int) -> None:
    """Before anything is stopped or forgotten."""
    bank = MariaDb("127.0.0.1", 1, "bank", "pw", "bank")
    at = Capture(bank, "kafka:9092", f"http://127.0.0.1:{connect.server_port}", "dbz", "pw")
    with pytest.raises(ConnectorFailed, match="it has reached epoch 2"):
        resnapshot(at, Source(), "mariadb", epoch=epoch)
    assert connect.asked == []
