"""The network that can be broken, between a real client and a real server on loopback."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from deploy.faults.proxy import SLOW_S, Proxy


@pytest.fixture
def echo_port() -> Iterator[int]:
    """A server that sends back what it gets."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()

        def answer(at: socket.socket) -> None:
            with at, suppress(OSError):
                while data := at.recv(65_536):
                    at.sendall(data)

        threading.Thread(target=serve, daemon=True).start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxy(echo_port: int) -> Iterator[Proxy]:
    """In front of it."""
    running = Proxy("127.0.0.1", echo_port).start()
    yield running
    running.stop()


def joined(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=5)


def asked(at: socket.socket, data: bytes = b"hello") -> bytes:
    at.sendall(data)
    answer = b""
    while len(answer) < len(data) and (part := at.recv(65_536)):
        answer += part
    return answer


def test_an_open_network_passes_everything_on(proxy: Proxy) -> None:
    """More than one chunk, byte for byte."""
    data = bytes(range(256)) * 1_000
    with joined(proxy) as at:
        assert asked(at, data) == data


def test_a_cut_network_ends_connections_and_refuses_new_ones(proxy: Proxy) -> None:
    """Until it is open again, on the same port."""
    port = proxy.port
    with joined(proxy) as at:
        assert asked(at) == b"hello"
        proxy.set("cut")
        with suppress(ConnectionError):  # an end or a reset, as the system has it
            assert at.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        joined(proxy)
    proxy.set("open")
    assert proxy.port == port
    with joined(proxy) as at:
        assert asked(at) == b"hello"


def test_a_silent_network_never_answers_an_old_connection_again(proxy: Proxy) -> None:
    """Nor a new one while it lasts; one made behind it works."""
    with joined(proxy) as old:
        assert asked(old) == b"hello"
        proxy.set("silent")
        old.settimeout(0.3)
        with joined(proxy) as new:
            new.settimeout(0.3)
            with pytest.raises(TimeoutError):
                asked(new)
        with pytest.raises(TimeoutError):
            asked(old)
        proxy.set("open")
        with pytest.raises(TimeoutError):
            asked(old)
        with joined(proxy) as at:
            assert asked(at) == b"hello"


def test_a_slow_network_delays_each_way(proxy: Proxy) -> None:
    """There and back."""
    proxy.set("slow")
    with joined(proxy) as at:
        before = time.monotonic()
        assert asked(at) == b"hello"
        assert time.monotonic() - before >= 2 * SLOW_S


def test_a_server_that_is_away_ends_the_connection(proxy: Proxy) -> None:
    """The client is not left waiting."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        nobody = int(server.getsockname()[1])
    lonely = Proxy("127.0.0.1", nobody).start()
    try:
        with joined(lonely) as at:
            assert at.recv(1) == b""
    finally:
        lonely.stop()
