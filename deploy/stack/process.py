"""One detached process of ours: started in a session of its own, found again later, stopped for sure.

A pid alone says little, since the system hands it out again. What is kept beside it is when the process
started, in clock ticks since boot, and which boot that was (proc(5), /proc/PID/stat field 22).
"""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

import msgspec

POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Identity:
    """A process that no other one can be taken for."""

    pid: int
    started_ticks: int
    boot: str


@dataclass(frozen=True, slots=True)
class Command:
    """What to run: arguments, working folder, additions to the environment, system user (None: oneself)."""

    argv: tuple[str, ...]
    folder: Path
    user: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)


def identify(pid: int) -> Identity | None:
    """Return the identity of a running process, or None if there is none (a zombie is none)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *rest = stat.rpartition(")")[2].split()  # the name before it may hold spaces and brackets
    if state in "ZX":
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return Identity(pid, int(rest[18]), boot)


def recall(pid_file: Path) -> Identity | None:
    """Return the process a pid file names, or None when it is gone, even if its pid was handed out again."""
    try:
        known = msgspec.json.decode(pid_file.read_bytes(), type=Identity)
    except (FileNotFoundError, msgspec.DecodeError):  # half a file: written by a machine that went down
        return None
    return known if identify(known.pid) == known else None


def launch(command: Command, log: Path, pid_file: Path) -> subprocess.Popen[bytes]:
    """Start a process that outlives us, its output going to a fresh log (the former becomes LOG.1)."""
    for each in (log, pid_file):
        each.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_name(log.name + ".1"))
    with log.open("wb") as output:
        process = subprocess.Popen(
            command.argv, cwd=command.folder, env={**os.environ, **command.env}, stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True, umask=0o077, **_as_user(command.user),
        )
    if (identity := identify(process.pid)) is not None:
        pid_file.write_bytes(msgspec.json.encode(identity))
    return process


def run_to_end(command: Command) -> None:
    """Run a preparing step to its end; raises CalledProcessError with its output."""
    subprocess.run(
        command.argv, cwd=command.folder, env={**os.environ, **command.env}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=True,
        **_as_user(command.user),
    )


class _User(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def _as_user(user: str | None) -> _User:
    """Return the arguments that make subprocess change to a system user; none where it is None."""
    if user is None:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": os.getgrouplist(user, entry.pw_gid)}


def stop(identity: Identity, how: signal.Signals, limit_s: float) -> bool:
    """Ask a process to end, wait, then kill it and its children; returns whether it is gone."""
    with suppress(ProcessLookupError):                 # it ended by itself in the meantime
        os.kill(identity.pid, how)
    if _gone(identity, limit_s):
        return True
    with suppress(ProcessLookupError):
        os.killpg(identity.pid, signal.SIGKILL)        # it leads its own session, so the group is its own
    return _gone(identity, 10)


def await_remains(pid_file: Path, limit_s: float) -> None:
    """Wait until nothing is left of the process a pid file names, at most for a while.

    A killed process stays as a zombie until init collects it, and its children may outlive it for a moment;
    PostgreSQL refuses to start as long as either is there.
    """
    try:
        leader = msgspec.json.decode(pid_file.read_bytes(), type=Identity).pid
    except (FileNotFoundError, msgspec.DecodeError):
        return
    deadline = time.monotonic() + limit_s
    while _session_has_members(leader) and time.monotonic() < deadline:
        time.sleep(POLL_S)


def tail(path: Path, lines: int) -> str:
    """Return the last lines of a log; reads no more than its last 256 kB. Empty when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 262_144))
            text = file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:]) if lines > 0 else ""


def _gone(identity: Identity, limit_s: float) -> bool:
    deadline = time.monotonic() + limit_s
    while identify(identity.pid) == identity:
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def _session_has_members(leader: int) -> bool:
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended while we looked
            fields = entry.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            if int(fields[3]) == leader:  # state, parent, group, session
                return True
    return False
