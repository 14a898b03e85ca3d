"""Kafka Connect's REST interface: a connector's settings, states and offsets."""

from __future__ import annotations

import time
from collections.abc import Iterable

import httpx

from deploy.stack.errors import ConnectorFailed

TRACE_LINES = 12
POLL_S = 0.2
REBALANCE_S = 30.0
LOG_GONE = "no longer available on the server"  # Debezium's words: a purged binlog, a dropped slot


class Connector:
    """One connector by name; each question raises ConnectorFailed when Kafka Connect does not answer."""

    def __init__(self, connect_url: str, name: str) -> None:
        """Nothing is asked yet."""
        self.connect_url, self.name = connect_url, name

    def config(self) -> dict[str, str] | None:
        """Its settings (without the name), or None where there is no such connector."""
        answer = self.ask("GET", "/config")
        if answer.status_code == 404:
            return None
        self.require(answer, "its settings could not be read")
        return {name: value for name, value in answer.json().items() if name != "name"}

    def put(self, config: dict[str, str]) -> httpx.Response:
        """Make or change it."""
        return self.ask("PUT", "/config", config)

    def stop(self, limit_s: float = 60) -> bool:
        """Stop its task and wait until it is gone; returns whether there is such a connector."""
        if self.ask("PUT", "/stop").status_code == 404:
            return False
        self.await_states({"STOPPED"}, limit_s)
        return True

    def remove(self) -> bool:
        """Remove it, keeping how far it had read; returns whether it was there."""
        answer = self.ask("DELETE", "")
        if answer.status_code not in (204, 404):
            raise ConnectorFailed(self.name, f"Kafka Connect did not remove it: {_message(answer)}")
        return answer.status_code == 204

    def forget(self, config: dict[str, str], limit_s: float = 60) -> None:
        """Forget how far it had read and remove it; `config` brings it back, stopped, where it is gone:
        offsets outlive their connector and are reached through it only. Where it is there, it gets `config` first: what
        fails behind the offsets' end leaves a connector that begins anew, and it must not under the former epoch.
        """
        if self.stop(limit_s):
            self.require(self.put(config), "Kafka Connect refused it")
        else:
            body = {"name": self.name, "config": config, "initial_state": "STOPPED"}
            self.require(request("POST", self.connect_url, "/connectors", self.name, body), "it could not be made")
            self.await_states({"STOPPED"}, limit_s)
        self.require(self.ask("DELETE", "/offsets"), "its offsets could not be forgotten")
        self.remove()

    def await_states(self, wanted: set[str], limit_s: float) -> None:
        """Wait until connector and task are in the wanted state; raises ConnectorFailed when one failed."""
        deadline = time.monotonic() + limit_s
        while (states := self.states()) != wanted:
            if "RUNNING" in wanted:
                self.require_sound(states)
            if time.monotonic() > deadline:
                seen = ", ".join(sorted(states)) or "unknown"
                raise ConnectorFailed(
                    self.name,
                    f"it is {seen} and not {', '.join(wanted)} after {limit_s:g} s; "
                    "look at Kafka Connect's log (the local stack's: ringwatch stack logs connect)",
                )
            time.sleep(POLL_S)

    def require_sound(self, states: Iterable[str] | None = None) -> None:
        """Raises ConnectorFailed with the trace when it or its task has failed."""
        if "FAILED" not in (self.states() if states is None else states):
            return
        trace = self._trace()
        gap = "its place in the log is not there any more; run: ringwatch connect resnapshot"
        raise ConnectorFailed(self.name, gap if LOG_GONE in trace else "it failed", trace)

    def revived(self) -> bool:
        """Start what has failed once more: it goes on where it was. Returns whether anything had."""
        if "FAILED" not in self.states():
            return False
        answer = self.ask("POST", "/restart?includeTasks=true&onlyFailed=true")
        self.require(answer, "it failed, and could not be started once more")
        return True

    def states(self) -> set[str]:
        """The states of connector and task; RUNNING only stands alone when there is a task."""
        parts = self._parts()
        states = {part["state"] for part in parts}
        return states | {"WITHOUT TASK"} if states == {"RUNNING"} and len(parts) < 2 else states

    def _trace(self) -> str:
        traces = [part["trace"] for part in self._parts() if part.get("trace")]
        return "\n".join(traces[0].splitlines()[:TRACE_LINES]) if traces else ""

    def _parts(self) -> list[dict[str, str]]:
        answer = self.ask("GET", "/status")
        if answer.status_code != 200:
            return []  # just registered: no status yet
        status = answer.json()
        return [status["connector"], *status["tasks"]]

    def ask(self, method: str, path: str, json: object = None) -> httpx.Response:
        """A request below the connector's own path."""
        return request(method, self.connect_url, f"/connectors/{self.name}{path}", self.name, json)

    def require(self, answer: httpx.Response, failed: str) -> None:
        """Raises ConnectorFailed with what Kafka Connect said, unless it agreed."""
        if answer.status_code >= 400:
            raise ConnectorFailed(self.name, f"{failed}: {_message(answer)}")


def request(method: str, connect_url: str, path: str, name: str, json: object = None) -> httpx.Response:
    """Ask Connect's REST interface; 409 says that it is rebalancing, which passes."""
    deadline = time.monotonic() + REBALANCE_S
    while True:
        try:
            # trust_env: a proxy of the environment has no business on loopback
            answer = httpx.request(method, connect_url + path, json=json, timeout=30, trust_env=False)
        except httpx.HTTPError as error:
            raise ConnectorFailed(
                name,
                f"Kafka Connect does not answer at {connect_url} ({error}); see that it runs (the local stack: "
                "ringwatch stack up) and that RINGWATCH_CONNECT_URL names it",
            ) from error
        if answer.status_code != 409 or time.monotonic() > deadline:
            return answer
        time.sleep(POLL_S)


def _message(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code} {answer.text[:200]}"
