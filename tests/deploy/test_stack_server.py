"""Starting, finding again and stopping a server, with small real processes in the place of servers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from deploy.stack.errors import FolderClosed, PortInUse, StartFailed
from deploy.stack.process import Command, Identity, identify, recall, tail
from deploy.stack.server import Server, require_free, require_reachable

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
)


def well() -> None:
    """Be well at once."""


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Return a maker of servers that run a line of Python; what it made is stopped at the end."""
    made: list[Server] = []

    def maker(code: str, health: Callable[[], None] = well, start_limit_s: float = 10) -> Server:
        command = Command((sys.executable, "-c", code), folder=tmp_path)
        made.append(Server(
            name="toy", title="Toy", ports=(), home=tmp_path, log=tmp_path / "logs" / "toy.log",
            pid_file=tmp_path / "run" / "toy.json", prepare=lambda: command, health=health,
            start_limit_s=start_limit_s, stop_limit_s=0.3,
        ))
        return made[-1]

    yield maker
    for each in made:
        each.stop()


def test_a_server_that_ends_shows_its_last_lines(make: Callable[..., Server], tmp_path: Path) -> None:
    """The error names the server, its exit status, its log and what it said last."""
    def unwell() -> None:
        raise ConnectionError("nobody there")

    with pytest.raises(StartFailed) as caught:
        make("print('line of no use'); raise SystemExit('the disk is full')", unwell).start()
    message = str(caught.value)
    assert "Toy" in message and "status 1" in message
    assert str(tmp_path / "logs" / "toy.log") in message and "the disk is full" in message


def test_a_server_that_never_answers_is_given_up(make: Callable[..., Server]) -> None:
    """The error carries the limit and the last answer to the health check."""
    def unwell() -> None:
        raise ConnectionError("nobody there")

    with pytest.raises(StartFailed, match=r"within 0\.3 s \(ConnectionError: nobody there\)"):
        make("import time; time.sleep(60)", unwell, start_limit_s=0.3).start()


def test_a_program_that_is_missing_is_named(make: Callable[..., Server], tmp_path: Path) -> None:
    """No bare FileNotFoundError reaches the user."""
    server = replace(make(""), prepare=lambda: Command(("/nowhere/toyd",), folder=tmp_path))
    with pytest.raises(StartFailed, match="Toy did not start: cannot run /nowhere/toyd"):
        server.start()


def test_a_preparing_step_that_fails_shows_its_output(make: Callable[..., Server]) -> None:
    """What initdb and its like say is in the error."""
    def prepare() -> Command:
        raise subprocess.CalledProcessError(3, ["/usr/bin/toy-init"], output="no space left\n")

    with pytest.raises(StartFailed, match=r"(?s)toy-init ended with status 3.*no space left"):
        replace(make(""), prepare=prepare).start()


def test_starting_twice_starts_one_process(make: Callable[..., Server]) -> None:
    """The second start finds the first one's process."""
    server = make("import time; time.sleep(60)")
    assert server.start()
    first = server.pid()
    assert not server.start() and server.pid() == first


def test_a_server_is_started_anew_after_it_was_killed(make: Callable[..., Server]) -> None:
    """A pid file alone makes no server."""
    server = make("import time; time.sleep(60)")
    server.start()
    first = server.pid()
    assert first is not None
    os.kill(first, signal.SIGKILL)
    os.waitpid(first, 0)
    assert server.pid() is None
    assert server.start() and server.pid() != first


def test_a_server_outlives_the_terminal_that_started_it(make: Callable[..., Server]) -> None:
    """It leads a session of its own, so no Ctrl-C and no hang-up reaches it."""
    server = make("import time; time.sleep(60)")
    server.start()
    pid = server.pid()
    assert pid is not None and os.getsid(pid) == pid != os.getsid(0)


def test_a_server_deaf_to_the_signal_is_killed(make: Callable[..., Server], tmp_path: Path) -> None:
    """SIGTERM, a wait, then SIGKILL."""
    def deaf() -> None:
        assert "deaf" in tail(tmp_path / "logs" / "toy.log", 1)

    server = make(STUBBORN, deaf)
    server.start()
    pid = server.pid()
    assert pid is not None and server.stop()
    assert identify(pid) is None and not server.stop()


def test_a_recycled_pid_is_not_killed(make: Callable[..., Server]) -> None:
    """The pid of a former server now belongs to a bystander, who must survive a stop."""
    server = make("")
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as bystander:
        try:
            known = identify(bystander.pid)
            assert known is not None
            server.pid_file.parent.mkdir(parents=True)
            former = Identity(known.pid, known.started_ticks - 1, known.boot)
            server.pid_file.write_bytes(msgspec.json.encode(former))
            assert server.pid() is None and not server.stop()
            assert bystander.poll() is None
        finally:
            bystander.kill()


def test_a_pid_file_of_a_former_boot_names_nobody(tmp_path: Path) -> None:
    """Ticks since boot may repeat after a restart of the machine; the boot's id does not."""
    known = identify(os.getpid())
    assert known is not None
    pid_file = tmp_path / "toy.json"
    pid_file.write_bytes(msgspec.json.encode(Identity(known.pid, known.started_ticks, "another boot")))
    assert recall(pid_file) is None


def test_half_a_pid_file_names_nobody(tmp_path: Path) -> None:
    """A machine that went down while it was written does not block the next start."""
    (tmp_path / "toy.json").write_bytes(b'{"pid": 1')
    assert recall(tmp_path / "toy.json") is None


def test_a_port_in_use_is_named_with_its_holder() -> None:
    """Server, port and the process that holds it are in the message."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortInUse, match=rf"Toy.*port {port} .*pid {os.getpid()}"):
            require_free("Toy", port)


def test_a_port_in_use_stops_the_start(make: Callable[..., Server]) -> None:
    """Nothing is launched beside the process that holds the port."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        server = replace(make("import time; time.sleep(60)"), ports=(other.getsockname()[1],))
        with pytest.raises(PortInUse):
            server.start()
    assert server.pid() is None


def test_a_folder_that_the_servers_user_may_not_enter_is_named(tmp_path: Path) -> None:
    """The error says which folder on the way is closed."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "data").mkdir()
    os.chmod(closed, 0o600)
    with pytest.raises(FolderClosed, match="'nobody', who may not enter"):
        require_reachable("Toy", "nobody", closed / "data")
    os.chmod(closed, 0o700)


def test_the_tail_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    """In order, and without the rest."""
    (tmp_path / "log").write_text("".join(f"line {n}\n" for n in range(100)))
    assert tail(tmp_path / "log", 2) == "line 98\nline 99"
