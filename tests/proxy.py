"""Stands between the service and PostgreSQL, and can be cut, silenced and mended."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from types import TracebackType

READY = b"Z\x00\x00\x00\x05"
"""ReadyForQuery, with which a server ends an answer (PostgreSQL's protocol, section 55.7): the commit is done."""


@dataclass
class Link:
    """One connection; a lossy one keeps the server's answers to itself."""

    lossy: bool = False
    carried_out: asyncio.Event = field(default_factory=asyncio.Event)


class Proxy:
    """A proxy on a port of its own for the database at an address."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._marker: bytes | None = None
        self._forward = False

    async def __aenter__(self) -> Self:
        await self.restore()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.cut()

    @property
    def url(self) -> str:
        user = self._parts.netloc.rpartition("@")[0] or "postgres"
        return f"postgresql://{user}@127.0.0.1:{self._port}{self._parts.path}?sslmode=disable"

    async def restore(self) -> None:
        """Take connections, on the same port as before."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Break every connection and take no new one."""
        await asyncio.gather(*self._break(), return_exceptions=True)

    def _break(self) -> list[asyncio.Task[None]]:
        if self._server:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        return list(self._tasks)

    def silence(self) -> None:
        """Keep connections and pass nothing on."""
        self._flowing.clear()

    def speak(self) -> None:
        """Pass on what was held back, and everything after it."""
        self._flowing.set()

    def cut_at(self, marker: bytes, *, forward: bool) -> None:
        """Cut when the service sends these bytes: before the server sees them, or when it has carried them out."""
        self._marker, self._forward = marker, forward

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, server = await self._connect()
        link = Link()
        ways = [
            asyncio.ensure_future(self._ask(reader, server, link)),
            asyncio.ensure_future(self._answer(upstream, writer, link)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            writer.transport.abort()
            server.transport.abort()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        query = parse_qs(self._parts.query)
        host = query.get("host", [unquote(self._parts.hostname or "127.0.0.1")])[0]
        port = int(query.get("port", [self._parts.port or 5432])[0])
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return await asyncio.open_connection(host, port)

    async def _ask(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter, link: Link) -> None:
        while data := await reader.read(65_536):
            await self._flowing.wait()
            if self._marker is not None and self._marker in data:
                self._marker = None
                if self._forward:
                    link.lossy = True
                    server.write(data)
                    await link.carried_out.wait()
                self._break()
                return
            server.write(data)

    async def _answer(self, upstream: asyncio.StreamReader, writer: asyncio.StreamWriter, link: Link) -> None:
        while data := await upstream.read(65_536):
            await self._flowing.wait()
            if not link.lossy:
                writer.write(data)
            elif READY in data:
                link.carried_out.set()
