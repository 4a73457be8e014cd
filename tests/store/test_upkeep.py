"""What many changes leave behind in the blocks of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.postgres import Database
from tests.store.conftest import open_newsroom
from tests.waiting import until

if TYPE_CHECKING:
    import asyncpg


async def test_a_count_that_changes_again_and_again_stays_in_its_block_and_out_of_the_indexes(
    url: str, sql: asyncpg.Connection[Any]
) -> None:
    sizes = (
        "select pg_relation_size('pages'), pg_relation_size('pages_pkey'), pg_relation_size('pages_site_id_key_key')"
    )
    changes = "select n_tup_upd - $1 as changed, n_tup_hot_upd as hot from pg_stat_user_tables where relname = 'pages'"
    database = Database(url, connections=1)
    await database.open()
    try:
        room = await open_newsroom(database, "default")
        for page in range(120):
            await room.posted(f"https://news.example/{page}")
        before = tuple(await sql.fetchrow(sizes) or ())
        for turn in range(300):
            await room.posted(f"https://news.example/{turn % 3 * 40}")
        assert tuple(await sql.fetchrow(sizes) or ()) == before
        async with database.session() as session:
            await session._connection.execute("select pg_stat_force_next_flush()")
    finally:
        await database.close()

    async def all_told() -> bool:
        return bool((await sql.fetchrow(changes, 300) or {"changed": -1})["changed"] >= 0)

    await until(all_told)
    row = await sql.fetchrow(changes, 300)
    assert row
    assert (row["changed"], row["hot"]) == (0, 300)
