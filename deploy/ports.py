"""Takes a port before anything else is started; errors name the variable it came from."""

from __future__ import annotations

import socket
from errno import EACCES, EADDRINUSE, EADDRNOTAVAIL

import structlog

from deploy.config import PREFIX, Settings
from deploy.stack.server import holder_of

log = structlog.get_logger("ringwatch")


class PortTaken(Exception):
    """The page can't be served there: another process listens, or the port or host is not ours. Names the mend."""


def listen(host: str, port: int, prefix: str = PREFIX) -> socket.socket:
    """Take the port before anything else is started. `prefix` and HOST or PORT name the variables it came from.

    Raises:
        PortTaken: it is in use, or not ours to take.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named: asyncio turns off the wait for a full packet (40 ms) only for sockets that say TCP.
    taken = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((host, port))
        taken.listen(128)
    except OSError as error:
        taken.close()
        raise PortTaken(_why_not(host, port, error, prefix)) from error
    return taken


def optional(chosen: Settings, process: str) -> socket.socket | None:
    """The port for health and metrics of a process, `ingest` or `scorer`; None: none is wanted, or to be had. The one
    nobody asked for gives way: a second worker on one machine still works.

    Raises:
        PortTaken: the one that was asked for can't be had.
    """
    names, prefix = {f"{process}_port", f"{process}_host"}, f"{PREFIX}{process.upper()}_"
    host, port = getattr(chosen, f"{process}_host"), getattr(chosen, f"{process}_port")
    if port == 0:
        return None
    try:
        return listen(host, port, prefix)
    except PortTaken as error:
        if names & chosen.model_fields_set:
            raise
        log.warning(f"no health or metrics of this process: {error}; {prefix}PORT=0 turns them off")
        return None


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
