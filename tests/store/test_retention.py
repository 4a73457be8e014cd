"""What is deleted when it is old, and what stays exact meanwhile."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import asyncpg
import pytest

from service.model import Finding
from service.store.pages import Tally
from service.store.retention import Busy, RetentionStore
from tests.store.conftest import NOON, Newsroom, open_newsroom

if TYPE_CHECKING:
    from datetime import datetime

    from service.model import Status
    from service.postgres import Database

FINDING = (Finding(rule="links", effect="hold"),)


@pytest.fixture
def store(database: Database) -> RetentionStore:
    return RetentionStore(database)


async def swept(store: RetentionStore, site: int, status: Status, before: datetime, batch: int = 2) -> int:
    return sum([await store.delete(site, status, some) async for some in store.expired(site, status, before, batch)])


async def left(sql: asyncpg.Connection[Any], table: str) -> int:
    return int(await sql.fetchval(f"select count(*) from {table}"))  # noqa: S608 - names of tables


async def test_what_is_older_goes_with_all_that_belongs_to_it_and_counts_stay_exact(
    newsroom: Newsroom, store: RetentionStore, sql: asyncpg.Connection[Any]
) -> None:
    site = newsroom.site.id
    old = [await newsroom.posted(f"page {number % 2}", findings=FINDING) for number in range(5)]
    held = await newsroom.posted("page 0", "held", findings=FINDING)
    await newsroom.decide(old[0].id, "removed")
    border = newsroom.draft().at
    kept = [await newsroom.posted("page 0", parent=old[2].id, findings=FINDING, at=border) for _ in range(3)]
    assert await newsroom.pages.counts(site, ["page 0", "page 1"]) == {"page 0": Tally(5, 7), "page 1": Tally(2, 2)}
    assert await swept(store, site, "approved", border) == 4
    assert await newsroom.pages.counts(site, ["page 0", "page 1"]) == {"page 0": Tally(3, 9), "page 1": Tally(0, 4)}
    assert await newsroom.wrong() == {}
    rows = await sql.fetch("select comment_id, parent_id from comments order by comment_id")
    assert {row["comment_id"] for row in rows} == {old[0].id, held.id, *(one.id for one in kept)}
    assert {row["parent_id"] for row in rows} == {None}
    assert (await left(sql, "findings"), await left(sql, "decisions")) == (5, 6)
    assert await swept(store, site, "approved", border) == 0
    assert await swept(store, site, "removed", border) == 1
    assert await swept(store, site, "held", border) == 1
    assert (await left(sql, "comments"), await left(sql, "decisions")) == (3, 3)


async def test_another_site_and_another_status_are_left_alone(
    newsroom: Newsroom, store: RetentionStore, database: Database, sql: asyncpg.Connection[Any]
) -> None:
    other = await open_newsroom(database, "other")
    await other.posted()
    ours = await newsroom.posted()
    later = NOON + timedelta(days=1)
    assert await swept(store, newsroom.site.id, "removed", later) == 0
    [batch] = [some async for some in store.expired(newsroom.site.id, "approved", later, 10)]
    await newsroom.decide(ours.id, "removed")
    assert await store.delete(newsroom.site.id, "approved", batch) == 0  # it was decided on in the meantime
    assert await left(sql, "comments") == 2
    assert await newsroom.wrong() == {}
    assert await other.wrong() == {}


async def test_whoever_decides_goes_first(
    newsroom: Newsroom, store: RetentionStore, sql: asyncpg.Connection[Any]
) -> None:
    await newsroom.posted()
    [batch] = [some async for some in store.expired(newsroom.site.id, "approved", NOON + timedelta(days=1), 10)]
    for row in ("comments", "pages"):
        async with sql.transaction():
            await sql.execute(f"select from {row} for no key update")
            with pytest.raises(Busy):
                await store.delete(newsroom.site.id, "approved", batch)
    assert await newsroom.wrong() == {}
    assert await store.delete(newsroom.site.id, "approved", batch) == 1
    assert await newsroom.wrong() == {}


async def test_comments_that_arrive_and_answer_meanwhile_neither_wait_for_long_nor_break_a_count(
    newsroom: Newsroom, store: RetentionStore
) -> None:
    site = newsroom.site.id
    old = [await newsroom.posted(f"page {number % 3}") for number in range(60)]
    border = newsroom.draft().at
    arrived = []

    async def arrive() -> None:
        for number in range(30):
            parent = old[-1 - number]
            known = await newsroom.known(newsroom.draft(parent.page, parent=parent.id, at=border))
            try:
                arrived.append(
                    await newsroom.posted(parent.page, parent=parent.id if known.parent_shown else None, at=border)
                )
            except asyncpg.ForeignKeyViolationError:  # it went between the question and the answer
                arrived.append(await newsroom.posted(parent.page, at=border))

    async def sweep() -> int:
        gone = 0
        async for batch in store.expired(site, "approved", border, 5):
            while True:
                try:
                    gone += await store.delete(site, "approved", batch)
                except Busy:
                    continue
                break
        return gone

    _, gone = await asyncio.gather(arrive(), sweep())
    assert (gone, len(arrived)) == (60, 30)
    assert await newsroom.wrong() == {}


async def test_bans_and_tokens_go_when_they_have_ended(
    newsroom: Newsroom, store: RetentionStore, sql: asyncpg.Connection[Any]
) -> None:
    site = newsroom.site.id
    for number, until in enumerate((NOON, NOON + timedelta(seconds=1))):
        await sql.execute("insert into bans values ($1, $2, $3)", site, bytes([number]) * 16, until)
        secret = uuid4().bytes * 2
        await newsroom.identity.add_credential(site, secret, newsroom.moderator, "token", "", NOON, until)
    assert await store.drop_expired(site, NOON) == (1, 1)
    assert await store.drop_expired(site, NOON) == (0, 0)
    assert (await left(sql, "bans"), await left(sql, "credentials")) == (1, 1)
