"""The pool, and the plain words for a database that is away, cut off, or too busy."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from service.errors import DatabaseUnavailable, Overloaded
from service.postgres import Database, connect
from tests.conftest import named, run
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NOBODY = "postgresql://nobody@127.0.0.1:1/nothing"


@pytest.fixture
async def narrow(url: str) -> AsyncIterator[Database]:
    """A pool of one connection, with statements for the tests."""
    database = Database(url, connections=1)
    database.statements |= {
        "wait": "select pg_sleep(60)",
        "self": "select pg_backend_pid() as pid, current_setting('timezone') as zone,"
        " current_setting('application_name') as name",
        "end": "select pg_terminate_backend(pg_backend_pid())",
        "add": "insert into sites (name, created_at) values ($1, now())",
        "sites": "select name from sites",
        "read only": "set default_transaction_read_only = on",
    }
    await database.open()
    yield database
    await database.close()


async def names(database: Database) -> list[str]:
    return [row["name"] for row in await database.all("sites")]


async def test_a_database_that_is_not_there_is_unavailable_with_a_time_to_come_back() -> None:
    for ask in (Database(NOBODY).open(), connect(NOBODY)):
        with pytest.raises(DatabaseUnavailable) as refused:
            await ask
        assert refused.value.headers == {"Retry-After": "2"}


async def test_a_database_that_was_dropped_under_a_service_is_away(postgres: str) -> None:
    name = f"dropped_{secrets.token_hex(4)}"
    await run(postgres, f"create database {name}")
    database = Database(named(postgres, name), connections=1)
    await database.open()
    await run(postgres, f"drop database {name} with (force)")
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable):
            await database.all("ready")
    await database.close()


async def test_connections_say_who_they_are_and_keep_time_in_utc(narrow: Database) -> None:
    row = await narrow.one("self")
    assert row is not None
    assert (row["zone"], row["name"]) == ("UTC", "trecento")


async def test_a_connection_that_is_cut_is_unavailable_and_the_next_one_works(narrow: Database) -> None:
    before = await narrow.one("self")
    with pytest.raises(DatabaseUnavailable):
        await narrow.one("end")
    after = await narrow.one("self")
    assert before
    assert after
    assert before["pid"] != after["pid"]


async def test_nobody_waits_forever_for_a_connection(narrow: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.postgres.ACQUIRE_SECONDS", 0.05)
    async with narrow.session():
        with pytest.raises(Overloaded) as refused:
            await narrow.one("self")
    assert refused.value.headers == {"Retry-After": "2"}
    assert await narrow.one("self")


async def test_a_statement_that_takes_too_long_is_ended(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.postgres.STATEMENT_SECONDS", 0.1)
    database = Database(url, connections=1)
    database.statements["wait"] = "select pg_sleep(60)"
    await database.open()
    with pytest.raises(DatabaseUnavailable):
        await database.one("wait")
    assert await database.one("ready")
    await database.close()


async def test_a_transaction_is_all_or_nothing(narrow: Database) -> None:
    async with narrow.transaction() as session:
        await session.all("add", "kept")
    with contextlib.suppress(LookupError):
        async with narrow.transaction() as session:
            await session.all("add", "lost")
            raise LookupError
    assert await names(narrow) == ["kept"]


async def test_a_request_that_is_given_up_gives_its_connection_back(
    narrow: Database, sql: asyncpg.Connection[Any]
) -> None:
    waiting = asyncio.create_task(narrow.one("wait"))

    async def it_runs() -> bool:
        return bool(await sql.fetchval("select count(*) from pg_stat_activity where query = 'select pg_sleep(60)'"))

    await until(it_runs)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await narrow.one("self")


async def test_our_own_mistakes_are_not_the_database_s(narrow: Database) -> None:
    with pytest.raises(asyncpg.DataError):
        await narrow.all("add", 7)
    with pytest.raises(asyncpg.NotNullViolationError):
        await narrow.all("add", None)
    with pytest.raises(KeyError):
        await narrow.all("no such query")


async def test_a_read_only_database_is_away(narrow: Database, sql: asyncpg.Connection[Any]) -> None:
    name = await sql.fetchval("select current_database()")
    await sql.execute(f"alter database {name} set default_transaction_read_only = on")
    with pytest.raises(DatabaseUnavailable):
        await narrow.one("end")
    with pytest.raises(DatabaseUnavailable):
        await narrow.all("add", "gazette")


async def test_connections_to_a_database_that_has_become_read_only_are_given_up(
    narrow: Database,
) -> None:
    await narrow.all("read only")  # on this connection alone: the next one finds a server that takes everything
    with pytest.raises(DatabaseUnavailable):
        await narrow.all("add", "gazette")
    await narrow.all("add", "gazette")
    assert await names(narrow) == ["gazette"]


async def test_a_silent_server_is_not_asked_again_on_its_other_connections(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.postgres.STATEMENT_SECONDS", 0.3)
    database = Database(url, connections=3)
    database.statements |= {"wait": "select pg_sleep(60)", "self": "select pg_backend_pid() as pid"}
    await database.open()
    async with database.session() as one, database.session() as two, database.session() as three:
        before = {row["pid"] for session in (one, two, three) for row in await session.all("self")}
    assert len(before) == 3
    with pytest.raises(DatabaseUnavailable):
        await database.one("wait")
    async with database.session() as one, database.session() as two, database.session() as three:
        after = {row["pid"] for session in (one, two, three) for row in await session.all("self")}
    assert not before & after
    await database.close()
