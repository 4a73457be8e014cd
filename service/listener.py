"""Hears what other processes change: one connection that listens, comes back by itself, and says when it was away."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

import asyncpg
import structlog

from service.errors import DatabaseUnavailable
from service.postgres import connect

if TYPE_CHECKING:
    from asyncpg import Connection

CHANNEL = "trecento_pages"
BEAT_SECONDS = 5.0
"""How often the connection is tried, so that one that died without a word is found out."""
ANSWER_SECONDS = 5.0
RETRY_SECONDS = (0.1, 0.5, 1.0, 2.0)
"""Waits before another try; the last one again and again."""
log = structlog.get_logger()


class Audience(Protocol):
    """Who is told."""

    def hear(self, text: str) -> None:
        """Take one notification."""

    def begin(self) -> None:
        """Know that from now on nothing is missed; whatever was known before may be old."""

    def end(self) -> None:
        """Know that notifications may be missed from now on."""


class Listener:
    """Listens on a connection of its own, which must lead to the database itself, past any pooler of transactions."""

    def __init__(self, url: str, audience: Audience) -> None:
        self._url = url
        self._audience = audience
        self._running: asyncio.Task[None] | None = None
        self._first = asyncio.Event()

    async def open(self) -> None:
        """Listen from now on; return once the first connection was tried."""
        self._running = asyncio.create_task(self._run())
        await self._first.wait()

    async def close(self) -> None:
        """Listen no more."""
        if self._running:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                connection = await connect(self._url)
            except (DatabaseUnavailable, asyncpg.PostgresError) as error:
                log.warning("listener away", error=type(error.__cause__ or error).__name__)
                self._first.set()
                await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
                failures += 1
                continue
            try:
                heard = await self._listen(connection)
            finally:
                self._audience.end()
                connection.terminate()
            failures = 0 if heard else failures + 1
            if not heard:  # a server in recovery takes connections, and lets nobody listen
                await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS)) - 1])

    async def _listen(self, connection: Connection[Any]) -> bool:
        """Listen until the connection is lost, and say whether it ever could."""
        heard = False
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        try:
            await connection.add_listener(CHANNEL, lambda _connection, _pid, _channel, text: self._audience.hear(text))
            self._audience.begin()
            heard = True
            self._first.set()
            while not lost.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(lost.wait(), BEAT_SECONDS)
                    break
                await connection.execute("select", timeout=ANSWER_SECONDS)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
            log.warning("listener lost", error=type(error).__name__)
        finally:
            self._first.set()
        return heard
