"""Ringwatch's own processes as children of a demo or a test: started, watched, restarted, stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from deploy.config import Settings
from deploy.stack.process import tail
from scoring.app import CRASHED

log = structlog.get_logger("ringwatch")

STOP_S = 15.0
RESTARTS = 5  # of one process; more is no accident


def same_stack(settings: Settings) -> dict[str, str]:
    """The environment in which a process of ours finds the local stack that these settings speak of."""
    return {
        "RINGWATCH_STATE_DIR": str(settings.state_dir),
        "RINGWATCH_CACHE_DIR": str(settings.cache_dir),
        "RINGWATCH_STACK_PORT_SHIFT": str(settings.stack_port_shift),
    }


class ServiceFailed(Exception):
    """A process of ours ended by itself. Shows its log's last lines."""


class Service:
    """One `ringwatch` command in a process of its own, its log in a file."""

    def __init__(self, name: str, arguments: list[str], log_file: Path, environment: Mapping[str, str]) -> None:
        """`environment` is added to this process's own."""
        self.name, self.log_file = name, log_file
        self._arguments, self._environment = arguments, dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self.restarts = 0

    @property
    def pid(self) -> int:
        """Its process id while it runs."""
        assert self._process is not None, "not started"
        return self._process.pid

    def start(self) -> Service:
        """Start it."""
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "deploy.cli", *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**os.environ, **self._environment},
                start_new_session=True,  # Ctrl-C is for the parent, which stops us in order
            )
        return self

    def watch(self) -> None:
        """Start it again if it crashed as it is meant to.

        Raises:
            ServiceFailed: it ended any other way, or crashes again and again.
        """
        assert self._process is not None, "not started"
        status = self._process.poll()
        if status is None:
            return
        if status == CRASHED and self.restarts < RESTARTS:
            self.restarts += 1
            log.warning("started again", service=self.name, times=self.restarts, log=str(self.log_file))
            self.start()
            return
        raise ServiceFailed(
            f"{self.name} ended with status {status}; the end of {self.log_file}:\n{tail(self.log_file, 15)}"
        )

    def wait_until(self, ready: Callable[[], bool], limit_s: float, what: str) -> None:
        """Wait for it to be ready.

        Raises:
            ServiceFailed: it ended, or the time was up.
        """
        deadline = time.monotonic() + limit_s
        while not ready():
            self.watch()
            if time.monotonic() > deadline:
                raise ServiceFailed(
                    f"{self.name}: {what} did not happen within {limit_s:g} s; the end of {self.log_file}:\n"
                    f"{tail(self.log_file, 15)}"
                )
            time.sleep(0.1)

    def kill(self) -> None:
        """kill -9, as a test of crashes does."""
        assert self._process is not None, "not started"
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """Ask it to end, and make it end."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            log.warning("did not stop in time, killed", service=self.name, after_s=STOP_S)
            self._process.kill()
            self._process.wait()
