"""Counts that are kept, checked and mended."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tests.store.conftest import Newsroom, open_newsroom

if TYPE_CHECKING:
    import asyncpg

    from service.postgres import Database


async def test_a_count_that_was_tampered_with_is_found_and_mended(
    newsroom: Newsroom, database: Database, sql: asyncpg.Connection[Any]
) -> None:
    other = await open_newsroom(database, "other")
    for room in (newsroom, other):
        for page in ("a", "b"):
            await room.posted(page)
            await room.posted(page, "held")
    assert await newsroom.wrong() == {}
    await sql.execute("update pages set approved_count = 7 where key = 'a' and site_id = $1", newsroom.site.id)
    await sql.execute("update comments set status = 'approved' where status = 'held' and site_id = $1", other.site.id)
    found = [
        (page.site_id, page.key, page.kept, page.true_count)
        async for pages in newsroom.pages.verified()
        for page in pages
    ]
    assert sorted(found) == [
        (newsroom.site.id, "a", 7, 1),
        (newsroom.site.id, "b", 1, 1),
        (other.site.id, "a", 1, 2),
        (other.site.id, "b", 1, 2),
    ]
    async for pages in newsroom.pages.verified():
        for one in pages:
            await newsroom.pages.repair(one.site_id, one.page_id)
    assert await newsroom.wrong() == {}
    assert await other.approved("a", "b") == {"a": 2, "b": 2}


async def test_every_page_is_looked_at_when_there_are_thousands(
    newsroom: Newsroom, sql: asyncpg.Connection[Any]
) -> None:
    await sql.execute(
        "insert into pages select $1, gen_random_uuid(), 'page ' || n, null, 0, null, now()"
        " from generate_series(1, 2500) as n",
        newsroom.site.id,
    )
    sizes = []
    keys = set()
    async for pages in newsroom.pages.verified():
        sizes.append(len(pages))
        keys |= {page.key for page in pages}
    assert (sizes, len(keys)) == ([100] * 25, 2500)


async def test_counts_are_mended_while_comments_arrive_and_are_decided_on(
    newsroom: Newsroom, sql: asyncpg.Connection[Any]
) -> None:
    first = await newsroom.posted()
    page = await sql.fetchval("select page_id from pages")

    async def arrive() -> None:
        for turn in range(15):
            draft = await newsroom.posted(status="held" if turn % 2 else "approved")
            await newsroom.decide(draft.id, "approved" if turn % 2 else "removed")
            await newsroom.posted(parent=first.id)

    async def tamper_and_mend() -> None:
        for _ in range(15):
            await sql.execute("update pages set approved_count = approved_count + 100")
            await newsroom.pages.repair(newsroom.site.id, page)

    await asyncio.gather(arrive(), arrive(), tamper_and_mend())
    assert await newsroom.wrong() == {}
    assert await newsroom.approved("page") == {"page": 1 + 2 * (15 + 7)}


async def test_a_count_is_not_found_wrong_while_comments_arrive(newsroom: Newsroom) -> None:
    arriving = asyncio.gather(*(newsroom.posted(f"page {number % 3}") for number in range(40)))
    while not arriving.done():
        assert await newsroom.wrong() == {}
    await arriving
