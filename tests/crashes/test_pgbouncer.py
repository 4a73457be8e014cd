"""The service behind a PgBouncer that gives each transaction another server."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING

import aiohttp
import asyncpg
import pytest
from aiohttp.test_utils import TestServer

from service.app import build
from service.commands import migrate
from service.postgres import Database, pooled
from service.settings import Settings
from tests.conftest import SECRET, Service
from tests.newsroom import Moderator, hire
from tests.program import Program
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from service.moderation.lexicon import Lexicon
    from tests.conftest import Clock
    from tests.crashes.cluster import Cluster
    from tests.crashes.pgbouncer import PgBouncer

CLIENTS = 16
STATEMENTS = {
    "where": "select pg_backend_pid() as server, current_setting('timezone') as zone,"
    " current_setting('application_name') as name, current_setting('jit') as jit",
    "numbers": "select array_agg(number + $2) as found from unnest($1::bigint[]) as number",
    "texts": "select array_agg(upper(text) order by text) as found from unnest($1::text[]) as text",
    "documents": "select $1::jsonb as found, $2::timestamptz as at, $3::bytea as bytes",
    "add": "insert into sites (name, created_at) values ($1, now())",
    "sites": "select name from sites",
}


@pytest.fixture
async def ready(postgresql: Cluster, place: str) -> str:
    await migrate(postgresql.url(place))
    return place


@contextlib.asynccontextmanager
async def clients(url: str, *, pooler: bool) -> AsyncIterator[Database]:
    database = Database(url, connections=CLIENTS, pooler=pooler)
    database.statements |= STATEMENTS
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def work(database: Database, client: int) -> None:
    """Ask in turn for what tells a mixed-up answer, and keep a transaction together."""
    chance = random.Random(client)
    for turn in range(25):
        match chance.randrange(4):
            case 0:
                [row] = await database.all("numbers", [client, turn], 1)
                assert row["found"] == [client + 1, turn + 1]
            case 1:
                [row] = await database.all("texts", [f"a{client}", f"b{turn}"])
                assert row["found"] == [f"A{client}", f"B{turn}"]
            case 2:
                row_or_none = await database.one("documents", f'{{"a": {client}}}', None, bytes([client, turn]))
                assert row_or_none
                assert (row_or_none["found"], row_or_none["bytes"]) == (f'{{"a": {client}}}', bytes([client, turn]))
            case _:
                async with database.transaction() as session:
                    before = await session.one("where")
                    await session.all("add", f"site-{client}-{turn}")
                    after = await session.one("where")
                assert before
                assert before == after
                assert (before["zone"], before["name"]) == ("UTC", "trecento")


async def test_sixteen_clients_of_two_servers_each_get_their_own_answers(pgbouncer: PgBouncer, ready: str) -> None:
    async with clients(pgbouncer.url(ready), pooler=True) as database:
        await asyncio.gather(*(work(database, client) for client in range(CLIENTS)))
        expected = sum(
            chance.randrange(4) == 3
            for client in range(CLIENTS)
            for chance in [random.Random(client)]
            for _ in range(25)
        )
        assert len(await database.all("sites")) == expected
        async with database.transaction() as one, database.transaction() as other:
            rows = [await one.one("where"), await other.one("where")]
        assert len({row["server"] for row in rows if row}) == 2
        assert [row["jit"] for row in rows if row] == ["on", "on"], "nothing that was set for one stays for others"


async def test_statements_that_are_prepared_beforehand_are_not_found_again(pgbouncer: PgBouncer, ready: str) -> None:
    async with clients(pgbouncer.url(ready), pooler=False) as database:
        answers = await asyncio.gather(*(work(database, client) for client in range(CLIENTS)), return_exceptions=True)
    kinds = {type(answer) for answer in answers}
    assert kinds & {asyncpg.InvalidSQLStatementNameError, asyncpg.DuplicatePreparedStatementError}


async def test_a_pooler_of_transactions_is_told_from_one_of_sessions_and_from_none(
    postgresql: Cluster, pgbouncers: Callable[..., PgBouncer]
) -> None:
    found = [
        await pooled(url)
        for url in (
            pgbouncers(postgresql).url(),
            pgbouncers(postgresql, mode="session").url(),
            postgresql.url(),
        )
    ]
    assert found == [True, False, False]


@contextlib.asynccontextmanager
async def served(
    pgbouncer: PgBouncer, direct: str, place: str, lexicon: Lexicon, clock: Clock
) -> AsyncIterator[Service]:
    told = Settings(
        secret=SECRET,
        rate_per_minute=0,
        trusted_proxies="127.0.0.1",
        database_url=pgbouncer.url(place),
        database_pooler="transaction",
        direct_url=direct,
    )
    application = build(told, pgbouncer.url(place), lexicon, now=clock.now, monotonic=clock.monotonic)
    server = TestServer(application)
    async with server, aiohttp.ClientSession() as session:
        yield Service(server, direct, clock, session, application)


async def test_two_services_take_comments_and_decisions_and_tell_each_other(
    postgresql: Cluster, pgbouncer: PgBouncer, ready: str, lexicon: Lexicon, clock: Clock
) -> None:
    direct = postgresql.url(ready)
    token = await hire(direct, clock)
    async with (
        served(pgbouncer, direct, ready, lexicon, clock) as one,
        served(pgbouncer, direct, ready, lexicon, clock) as other,
    ):
        ada = Moderator(other, token)

        async def read_write_and_decide(client: int) -> None:
            headers = {"X-Forwarded-For": f"198.51.100.{client}"}
            for turn in range(3):
                page = f"page-{turn}"
                answer = await one.post(f"Client {client} thinks {turn}, a fucking mess", page, headers=headers)
                assert answer.status == 202, answer.body
                decision = {"comment": answer.json["id"], "action": "approve", "expected": "held"}
                assert (await ada.decide(decision))[0]["status"] == "approved"
                thread = await other.ask("GET", "/v1/comments", params={"page": page})
                assert answer.json["id"] in [comment["id"] for comment in thread.json["comments"]]
                assert (await ada.queue(q="nobody wrote this"))["comments"] == []

        await asyncio.gather(*(read_write_and_decide(client) for client in range(CLIENTS)))

        async def heard() -> bool:
            return [await one.count(f"page-{turn}") for turn in range(3)] == [CLIENTS] * 3

        await until(heard)


def test_a_pooler_that_was_not_spoken_of_is_named_before_anything_is_served(
    postgresql: Cluster, pgbouncer: PgBouncer, ready: str, tmp_path: Path
) -> None:
    settings = {"TRECENTO_PORT": "0", "TRECENTO_SECRET": SECRET}
    why = Program(tmp_path, pgbouncer.url(ready)).fails("serve", settings=settings)
    assert why.endswith("Set TRECENTO_DATABASE_POOLER=transaction, and TRECENTO_DIRECT_URL to PostgreSQL itself.")
    settings |= {"TRECENTO_DATABASE_POOLER": "transaction", "TRECENTO_DIRECT_URL": pgbouncer.url(ready)}
    why = Program(tmp_path, pgbouncer.url(ready)).fails("serve", settings=settings)
    assert why.startswith("At TRECENTO_DIRECT_URL is a pooler")
    assert postgresql
