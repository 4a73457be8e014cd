"""A standby that pages are read from while it answers; one that does not is left alone until it does again."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import asyncpg
import structlog

from service.errors import DatabaseUnavailable, Overloaded
from service.postgres import RETRY_SECONDS, Database

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.steps import Row

PATIENCE_SECONDS = 1.0
"""How long one request waits for the standby before it asks the primary."""
AGAIN_SECONDS = 1.0
"""How often a standby that was left alone is tried."""
log = structlog.get_logger()


class Replica(Database):
    """A pool of connections to a standby, which may be behind and may be away.

    `all` raises DatabaseUnavailable within a second, and at once while the standby is known to be away.
    """

    def __init__(self, url: str, *, connections: int = 10) -> None:
        super().__init__(url, connections=connections, idle=0)
        self._here = False
        self._trying: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to try; nobody waits for it."""
        await super().open()
        self._try("not asked yet")

    async def close(self) -> None:
        """Try no more, then disconnect."""
        if self._trying:
            self._trying.cancel()
            with suppress(asyncio.CancelledError):
                await self._trying
        self._here = False
        self._pool.terminate()  # whatever is under way is read from the primary

    async def all(self, name: str, *arguments: object) -> Sequence[Row]:
        """Return every row that the query gives."""
        if not self._here:
            raise DatabaseUnavailable(headers={"Retry-After": RETRY_SECONDS})
        try:
            return await self._ask(name, *arguments)
        except (DatabaseUnavailable, Overloaded, asyncpg.PostgresError) as error:
            # A conflict with what it replays ends one query; a table that it lacks still is for the next try to see.
            if not isinstance(error.__cause__, asyncpg.TransactionRollbackError):
                self._try(type(error.__cause__ or error).__name__)
            raise DatabaseUnavailable(headers={"Retry-After": RETRY_SECONDS}) from error

    async def _ask(self, name: str, *arguments: object) -> Sequence[Row]:
        # A task of its own: to end a query on a silent connection takes longer than anybody should wait.
        asking = asyncio.create_task(super().all(name, *arguments))
        asking.add_done_callback(lambda task: task.cancelled() or task.exception())
        try:
            done, _ = await asyncio.wait([asking], timeout=PATIENCE_SECONDS)
        finally:
            asking.cancel()
        if not done:
            raise DatabaseUnavailable(headers={"Retry-After": RETRY_SECONDS})
        return asking.result()

    def _try(self, why: str) -> None:
        if self._here or self._trying is None:
            self._here = False
            log.warning("replica away", reason=why)
            self._trying = asyncio.create_task(self._until_here())

    async def _until_here(self) -> None:
        await self._pool.expire_connections()
        while True:
            with suppress(DatabaseUnavailable, Overloaded, asyncpg.PostgresError):
                await self._ask("ready")
                break
            await asyncio.sleep(AGAIN_SECONDS)
        self._here = True
        log.warning("replica here")
