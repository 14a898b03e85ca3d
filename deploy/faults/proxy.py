"""A network that can be broken: a TCP proxy on loopback between a client and one server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from deploy.stack.server import HOST

Mode = Literal["open", "slow", "cut", "silent"]

CHUNK = 16_384  # bytes in the air per direction and connection: all the memory a connection takes
SLOW_S = 0.2  # each chunk's delay on a slow network, hence 16 KiB / 0.2 s = 82 kB/s at most
CONNECTIONS = 256
CALL_S = 10.0


@dataclass(eq=False)
class _Link:
    """One connection: both its ends, and whether a silent network has swallowed it for good."""

    ends: list[asyncio.StreamWriter] = field(default_factory=list)
    lost: bool = False


class Proxy:
    """Passes bytes on, as `mode` says.

    open: at once. slow: each chunk `SLOW_S` later. cut: all connections end, new ones are refused.
    silent: nothing passes and nobody is told; a connection that was open then never comes back to life,
    as behind a firewall that forgot it, and the server keeps its end.
    """

    def __init__(self, host: str, port: int) -> None:
        """`host` and `port` are the server's; nothing listens yet."""
        self._target = host, port
        self.port = 0
        self._mode: Mode = "open"
        self._links: set[_Link] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._server: asyncio.Server | None = None

    @property
    def mode(self) -> Mode:
        """How the network is."""
        return self._mode

    def start(self) -> Proxy:
        """Listen on a free port of loopback."""
        self._thread.start()
        self._call(self._listen())
        return self

    def set(self, mode: Mode) -> None:
        """From now on."""
        self._call(self._set(mode))

    def stop(self) -> None:
        """End all connections and the thread."""
        self._call(self._finish())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_S)
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_S)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, HOST, self.port, limit=CHUNK)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _set(self, mode: Mode) -> None:
        before, self._mode = self._mode, mode
        if mode == "silent":
            for link in self._links:
                link.lost = True
        if mode == "cut" and self._server is not None:
            self._server.close()
            self._server = None
            for link in list(self._links):
                self._end(link)
        if before == "cut" and mode != "cut":
            await self._listen()

    async def _finish(self) -> None:
        await self._set("cut")
        if rest := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(rest, timeout=CALL_S / 2)  # their connections have ended, so they do

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link([writer], lost=self._mode == "silent")
        self._links.add(link)
        try:
            if len(self._links) > CONNECTIONS:
                return
            back, server = await asyncio.open_connection(*self._target, limit=CHUNK)
            link.ends.append(server)
            await asyncio.gather(self._pump(reader, server, link), self._pump(back, writer, link))
        except OSError:  # the server is away: the client sees its connection end
            pass
        finally:
            if link.lost:
                await self._swallow(link)
            self._end(link)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: _Link) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                if self._mode == "slow":
                    await asyncio.sleep(SLOW_S)
                if link.lost:
                    continue
                writer.write(data)
                await writer.drain()
        if not link.lost:
            writer.close()

    async def _swallow(self, link: _Link) -> None:
        """Both ends have gone by themselves, or the network is cut: until then the other's end stays open."""
        while link in self._links and not all(end.is_closing() for end in link.ends):
            await asyncio.sleep(1)

    def _end(self, link: _Link) -> None:
        self._links.discard(link)
        for end in link.ends:
            end.transport.abort()
