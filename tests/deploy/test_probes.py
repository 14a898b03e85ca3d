"""Health and metrics of an ingest process over a real socket."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy import ports
from deploy.config import Settings
from deploy.ingest_process import watched
from deploy.ports import PortTaken, listen
from deploy.probes import Probes
from ingest.events import Transient
from ingest.health import Health, Limits
from ingest.metrics import Metrics

PART = ("bank.bank.transfers", 0)


class Served:
    """A health and metrics that a test feeds, and what they answer by HTTP."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.health = Health(Limits(turn_s=30), lambda: self.now_s)
        self.metrics = Metrics()
        self.probes = Probes(listen("127.0.0.1", 0), self.health.report, self.metrics.registry)

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, str, bytes]:
        connection = http.client.HTTPConnection(self.probes.url.removeprefix("http://"), timeout=10)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.headers["Content-Type"], answer.read()
        finally:
            connection.close()

    def status(self, path: str) -> int:
        return self.ask(path)[0]

    def report(self, path: str = "/healthz") -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self.ask(path)[2])
        return read


@pytest.fixture
def served() -> Iterator[Served]:
    serving = Served()
    yield serving
    serving.probes.close()


def test_a_worker_that_starts_is_alive_but_not_ready(served: Served) -> None:
    """Each probe by its status."""
    assert (served.status("/healthz"), served.status("/readyz")) == (200, 503)


def test_an_idle_worker_is_alive_and_ready(served: Served) -> None:
    """The body says what it is at."""
    served.health.polled(0)
    served.health.lag({PART: 0})
    assert (served.status("/healthz"), served.status("/readyz")) == (200, 200)
    assert served.report()["state"] == "idle" and served.report()["why"] == ""


def test_a_stuck_worker_fails_both_and_says_why(served: Served) -> None:
    """Also while its own threads hang: the server has others."""
    served.health.polled(0)
    served.health.lag({PART: 0})
    served.now_s = 31
    assert (served.status("/healthz"), served.status("/readyz")) == (503, 503)
    assert served.report()["why"] == "the loop has not come round for 31 s"


def test_a_worker_that_retries_is_alive_but_not_ready(served: Served) -> None:
    """With the last error."""
    served.health.polled(1)
    served.health.retrying("write", Transient("Neo4j is away"))
    served.now_s = 20
    assert (served.status("/healthz"), served.status("/readyz")) == (200, 503)
    assert served.report("/readyz")["error"] == "write: Neo4j is away"


def test_metrics_are_in_prometheus_s_words(served: Served) -> None:
    """Plain text by default, OpenMetrics for who asks for it."""
    served.metrics.retrying("write", Transient("away"))
    status, kind, body = served.ask("/metrics")
    assert status == 200 and kind.startswith("text/plain") and b"ringwatch_ingest_retries_total" in body
    assert list(text_string_to_metric_families(body.decode()))
    _, kind, body = served.ask("/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert kind.startswith("application/openmetrics-text") and body.endswith(b"# EOF\n")


def test_other_paths_and_methods_are_refused(served: Served) -> None:
    """It shows, and takes nothing."""
    assert served.status("/") == 404 and served.ask("/healthz", "POST")[0] == 501


def test_a_head_has_no_body(served: Served) -> None:
    """Some load balancers ask so."""
    status, _, body = served.ask("/healthz", "HEAD")
    assert (status, body) == (200, b"")


def test_a_client_that_says_nothing_holds_nobody_up(served: Served) -> None:
    """Each has a thread of its own, and is hung up on."""
    host, port = served.probes.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))):
        assert served.status("/healthz") == 200


def test_a_closed_server_frees_its_port(served: Served) -> None:
    """The next process takes it at once."""
    second = Served()
    port = int(second.probes.url.rpartition(":")[2])
    second.probes.close()
    listen("127.0.0.1", port).close()


# -- around a worker ----------------------------------------------------------------------------


def free_port() -> int:
    with listen("127.0.0.1", 0) as taken:
        return int(taken.getsockname()[1])


def test_what_the_worker_tells_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both by metrics and by health, as the ingest process is wired."""
    monkeypatch.setenv("RINGWATCH_INGEST_PORT", str(port := free_port()))
    with watched(Settings()) as listener:
        listener.polled(0)
        listener.lag({PART: 7})
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        assert answer.status == 200 and json.loads(answer.read())["behind"] == 7
        connection.request("GET", "/metrics")
        shown = connection.getresponse().read().decode()
        connection.close()
    assert 'ringwatch_ingest_lag_records{partition="0",topic="bank.bank.transfers"} 7.0' in shown


def test_a_port_that_was_asked_for_has_to_be_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else an orchestrator would ask another process how this one is. The message names the variable."""
    with listen("127.0.0.1", 0) as taken:
        monkeypatch.setenv("RINGWATCH_INGEST_PORT", str(taken.getsockname()[1]))
        with pytest.raises(PortTaken, match=r"in use by .*RINGWATCH_INGEST_PORT="), watched(Settings()):
            pass


def test_the_port_nobody_asked_for_gives_way(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second worker on one machine works all the same, and says what it lacks."""
    monkeypatch.delenv("RINGWATCH_INGEST_PORT", raising=False)
    with listen("127.0.0.1", 0) as taken:
        busy = Settings.model_construct({"state_dir"}, ingest_port=taken.getsockname()[1])
        with watched(busy) as listener:
            listener.polled(0)
    assert "no health or metrics of this process" in capsys.readouterr().out


def test_port_0_is_no_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker tells, and nobody listens outside."""
    monkeypatch.setenv("RINGWATCH_INGEST_PORT", "0")
    monkeypatch.setattr(ports, "listen", None)
    with watched(Settings()) as listener:
        listener.polled(0)
