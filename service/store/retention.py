"""What is kept no longer: `sql/queries/retention.sql`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

import asyncpg

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import datetime

    from service.model import Status
    from service.postgres import Database

LOCK_WAIT = "100ms"
"""How long a batch waits for a row before it lets everybody else go first; deadlocks are looked for after a second."""


class Expired(NamedTuple):
    """A comment that is older than it may be, and its page."""

    id: UUID
    page: UUID


class Busy(Exception):  # noqa: N818 - a signal to try again, not a fault
    """Somebody else holds a row of the batch."""


class RetentionStore:
    """Deletes in batches, each its own transaction, which wait for nobody for long."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def expired(self, site: int, status: Status, before: datetime, limit: int) -> AsyncIterator[list[Expired]]:
        """Go through the comments of one status that came before a moment, so many at a time, the oldest first."""
        after, end = UUID(int=0), UUID(int=int(before.timestamp() * 1000) << 80)
        while rows := await self._database.all("expired_comments", site, status, after, end, limit):
            yield [Expired(row["id"], row["page_id"]) for row in rows]
            after = rows[-1]["id"]

    async def delete(self, site: int, status: Status, comments: Sequence[Expired]) -> int:
        """Delete those of the comments that still have the status; return how many.

        Their answers stay. The counts of their pages are lowered in the same transaction.

        Raises Busy when somebody else holds one of the rows; nothing is deleted then.
        """
        ids = [comment.id for comment in comments]
        try:
            async with self._database.transaction() as session:
                await session.one("give_way", LOCK_WAIT)
                # Before the comments: whoever stores an answer holds the page, and waits for the comment.
                await session.all("lock_pages", site, list({comment.page for comment in comments}))
                await session.all("unlink_replies", site, ids)
                row = await session.one("delete_comments", site, ids, status)
        except (asyncpg.LockNotAvailableError, asyncpg.ForeignKeyViolationError) as error:  # the latter: a new answer
            raise Busy from error
        return int(row["deleted"]) if row else 0

    async def drop_expired(self, site: int, at: datetime) -> tuple[int, int]:
        """Forget bans, sessions and tokens that have ended; return how many bans, and how many of the others."""
        bans = await self._database.all("drop_expired_bans", site, at)
        return len(bans), len(await self._database.all("drop_expired_credentials", site, at))
