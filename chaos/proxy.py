"""A TCP proxy whose link can be cut or held up, so that a part loses a server without either of them dying."""

import asyncio
import contextlib
from typing import Self

CHUNK = 64 << 10


class Proxy:
    """Listens on a free port of this machine and carries bytes to and from one server."""

    def __init__(self, host: str, port: int) -> None:
        self.port = 0
        """Where it listens, once it is entered."""
        self._target = (host, port)
        self._open = asyncio.Event()
        self._open.set()
        self._refusing = False
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        self.break_links()
        await asyncio.gather(*self._links, return_exceptions=True)

    def break_links(self) -> None:
        """End every connection at once."""
        for link in self._links:
            link.cancel()

    async def cut(self, seconds: float) -> None:
        """For so long every connection is broken, and new ones are broken as soon as they are made."""
        self._refusing = True
        self.break_links()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._refusing = False

    async def hold(self, seconds: float) -> None:
        """For so long nothing is carried, and nobody is told: what is under way arrives afterwards."""
        self._open.clear()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._open.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # asyncio runs every handler as a task
        self._links.add(task)
        try:
            if not self._refusing:
                await self._carry(reader, writer)
        except (OSError, asyncio.CancelledError):
            # An end of the link, and how links are broken here.
            pass
        finally:
            self._links.discard(task)
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        try:
            ways = [
                asyncio.create_task(self._one_way(reader, far_writer)),
                asyncio.create_task(self._one_way(far_reader, writer)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        finally:
            far_writer.transport.abort()

    async def _one_way(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                await self._open.wait()
                writer.write(data)
                await writer.drain()
