"""Pages and the number of comments that each shows: `sql/queries/pages.sql`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from msgspec import Struct

from service.steps import tell
from service.store.rows import read

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import datetime

    from service.postgres import Database


class Tally(NamedTuple):
    """The approved comments of a page, and how often that has changed."""

    approved: int
    revision: int


NOBODY = Tally(0, 0)
"""What a page shows that nobody has commented on."""


class PageCount(Struct, frozen=True, kw_only=True):
    """The count that is kept for a page, and the count that is true."""

    site_id: int
    page_id: UUID
    key: str
    kept: int
    true_count: int


class PageStore:
    """Pages by key, and their counts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def counts(self, site: int, keys: Sequence[str]) -> dict[str, Tally]:
        """Return what each page shows; one that nobody has commented on is left out."""
        rows = await self._database.all("counts", site, keys)
        return {row["key"]: Tally(row["count"], row["revision"]) for row in rows}

    async def close(self, site: int, key: str, page: UUID, at: datetime) -> None:
        """Close a page to new comments; one that nobody has commented on is made, with the id that is given."""
        await self._database.all("close_page", site, page, key, at)

    async def open(self, site: int, key: str) -> None:
        """Open a closed page again."""
        await self._database.all("open_page", site, key)

    async def verified(self) -> AsyncIterator[list[PageCount]]:
        """Go through all pages of all sites, a hundred at a time."""
        site, page = 0, UUID(int=0)
        while rows := await self._database.all("verify_counts", site, page):
            yield [read(row, PageCount) for row in rows]
            site, page = rows[-1]["site_id"], rows[-1]["page_id"]

    async def repair(self, site: int, page: UUID) -> None:
        """Set a page's count to what its comments say, while nobody else changes it."""
        async with self._database.transaction() as session:
            await session.one("lock_page", site, page)
            await tell(session, await session.all("repair_count", site, page))
