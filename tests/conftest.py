"""A real PostgreSQL for every test: one server, one migrated template, one copy a test."""

from __future__ import annotations

import asyncio
import os
import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import asyncpg
import pytest
from aiohttp.test_utils import TestServer

from service.app import build
from service.commands import migrate
from service.embedded import start
from service.postgres import Database
from service.server import LINE_BYTES
from service.settings import Settings
from service.store.sites import SiteStore
from service.wordlists import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from aiohttp import web

    from service.moderation.lexicon import Lexicon

SECRET = "only-for-tests-only-for-tests"


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def named(url: str, database: str) -> str:
    """Return the address of another database on the same server."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{database}"))


async def run(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield url
        return
    with start(tmp_path_factory.mktemp("postgres")) as server:
        # These databases live for one test: what a power cut would lose is not missed.
        asyncio.run(run(server.dsn, "alter system set fsync = off"))
        asyncio.run(run(server.dsn, "select pg_reload_conf()"))
        yield server.dsn


@pytest.fixture(scope="session")
def template(postgres: str) -> Iterator[str]:
    name = f"template_{secrets.token_hex(4)}"
    asyncio.run(run(postgres, f"create database {name}"))
    asyncio.run(migrate(named(postgres, name)))
    yield name
    asyncio.run(run(postgres, f"drop database {name} with (force)"))


@pytest.fixture
async def url(postgres: str, template: str) -> AsyncIterator[str]:
    name = f"test_{secrets.token_hex(4)}"
    await run(postgres, f"create database {name} template {template}")
    yield named(postgres, name)
    await run(postgres, f"drop database {name} with (force)")


@pytest.fixture
async def empty_url(postgres: str) -> AsyncIterator[str]:
    """A database without any table."""
    name = f"empty_{secrets.token_hex(4)}"
    await run(postgres, f"create database {name}")
    yield named(postgres, name)
    await run(postgres, f"drop database {name} with (force)")


@pytest.fixture(params=["plain", "citus"])
def storing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Have the test run in both forms: as plain PostgreSQL stores, and as if it were a Citus."""
    if request.param == "citus":
        monkeypatch.setattr("service.postgres.CITUS", "select true")
    return str(request.param)


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = Database(url, connections=3)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def sql(url: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A connection beside the service, to look and to tamper."""
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
def lexicon() -> Lexicon:
    return load()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@dataclass
class Answer:
    status: int
    headers: Any
    body: bytes
    json: Any = None


@dataclass
class Service:
    """A running service and a client of it."""

    server: TestServer
    url: str
    clock: Clock
    session: aiohttp.ClientSession
    application: web.Application
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        return str(self.server.make_url("/")).rstrip("/")

    async def ask(self, method: str, path: str, **more: Any) -> Answer:
        more.setdefault("headers", {})
        more["headers"] = {**self.headers, **more["headers"]}
        async with self.session.request(method, self.server.make_url(path), **more) as response:
            body = await response.read()
            kind = response.content_type
            parsed = await response.json(content_type=None) if kind.endswith("json") and body else None
            return Answer(response.status, response.headers, body, parsed)

    async def post(self, body: str, page: str = "page", **more: Any) -> Answer:
        headers = more.pop("headers", {})
        return await self.ask("POST", "/v1/comments", json={"page": page, "body": body, **more}, headers=headers)

    async def count(self, page: str = "page") -> int:
        answer = await self.ask("GET", "/v1/counts", params={"page": page})
        return int(answer.json["counts"][page])


@pytest.fixture
async def serve(url: str, lexicon: Lexicon, clock: Clock) -> Callable[..., Any]:
    """Start services on the test's database, with the site `default`."""
    database = Database(url, connections=1)
    await database.open()
    await SiteStore(database).add("default", (), clock.now())
    await database.close()

    @asynccontextmanager
    async def serving(**settings: Any) -> AsyncIterator[Service]:
        told = Settings(secret=SECRET, **{"rate_per_minute": 0, **settings})
        application = build(told, url, lexicon, now=clock.now, monotonic=clock.monotonic)
        server = TestServer(application)
        await server.start_server(max_line_size=LINE_BYTES, auto_decompress=False)
        try:
            async with aiohttp.ClientSession() as session:
                yield Service(server, url, clock, session, application)
        finally:
            await server.close()

    return serving


@pytest.fixture
async def service(serve: Callable[..., Any]) -> AsyncIterator[Service]:
    async with serve() as running:
        yield running
