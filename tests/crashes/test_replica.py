"""Pages read from a standby that is up to date, behind, away, or all there is."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import asyncpg
import pytest
from aiohttp.test_utils import TestServer

from service.app import build
from service.commands import migrate, opened
from service.settings import Settings
from service.store.sites import SiteStore
from tests.conftest import SECRET, Service, run
from tests.proxy import Proxy
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from service.moderation.lexicon import Lexicon
    from tests.conftest import Clock
    from tests.crashes.cluster import Cluster

LIMITS = itertools.cycle(range(1, 101))
"""Each list is asked for with another limit, so that none is answered from memory."""
PROMPT = 0.9
"""Seconds that are less than waiting for a standby."""


@pytest.fixture(scope="session")
def standby(postgresql: Cluster, clusters: Callable[[str], Cluster]) -> Cluster:
    """Give a standby of the server that runs."""
    server = clusters("reading")
    server.follow(postgresql, "reading")
    server.start()
    return server


class Newsroom:
    """A primary and a standby, each behind a proxy, and services that use them."""

    def __init__(self, primary: Proxy, standby: Proxy, lexicon: Lexicon, clock: Clock) -> None:
        self.primary = primary
        self.standby = standby
        self._lexicon = lexicon
        self._clock = clock

    @asynccontextmanager
    async def service(self) -> AsyncIterator[Service]:
        told = Settings(secret=SECRET, rate_per_minute=0, database_url=self.primary.url, replica_url=self.standby.url)
        application = build(told, self.primary.url, self._lexicon, now=self._clock.now, monotonic=self._clock.monotonic)
        server = TestServer(application)
        async with server, aiohttp.ClientSession() as session:
            yield Service(server, self.primary.url, self._clock, session, application)


@pytest.fixture
async def newsroom(
    postgresql: Cluster, standby: Cluster, place: str, lexicon: Lexicon, clock: Clock
) -> AsyncIterator[Newsroom]:
    url = postgresql.url(place)
    await migrate(url)
    async with opened(url) as database:
        await SiteStore(database).add("default", (), clock.now())
    await caught_up(postgresql, standby)
    async with Proxy(url) as primary, Proxy(standby.url(place)) as reading:
        yield Newsroom(primary, reading, lexicon, clock)


@pytest.fixture
async def behind(standby: Cluster) -> AsyncIterator[None]:
    """Keep the standby where it is."""
    await run(standby.url(), "select pg_wal_replay_pause()")
    connection = await asyncpg.connect(standby.url())

    async def paused() -> bool:
        return bool(await connection.fetchval("select pg_get_wal_replay_pause_state()") == "paused")

    await until(paused)
    await connection.close()
    yield
    await run(standby.url(), "select pg_wal_replay_resume()")


async def caught_up(primary: Cluster, standby: Cluster) -> None:
    """Wait until the standby has everything that the primary has now."""
    async with AsyncExitStack() as stack:
        ahead, following = [await asyncpg.connect(cluster.url()) for cluster in (primary, standby)]
        stack.push_async_callback(ahead.close)
        stack.push_async_callback(following.close)
        place = await ahead.fetchval("select pg_current_wal_lsn()::text")

        async def there() -> bool:
            return bool(await following.fetchval("select pg_last_wal_replay_lsn() >= $1::text::pg_lsn", place))

        await until(there)


async def bodies(service: Service) -> list[str]:
    query: dict[str, Any] = {"page": "page", "limit": next(LIMITS)}
    answer = await service.ask("GET", "/v1/comments", params=query)
    assert answer.status == 200, answer.body
    return [comment["body"] for comment in answer.json["comments"]]


async def lists_read(cluster: Cluster, database: str) -> int:
    """Return how many connections to a server have read a list last."""
    connection = await asyncpg.connect(cluster.url(database))
    try:
        return int(
            await connection.fetchval(
                "select count(*) from pg_stat_activity where datname = current_database()"
                " and application_name = 'trecento' and query like '%as shown on true%'"
            )
        )
    finally:
        await connection.close()


async def test_lists_come_from_a_standby_that_is_up_to_date(
    postgresql: Cluster, standby: Cluster, place: str, newsroom: Newsroom
) -> None:
    async with newsroom.service() as service:
        assert (await service.post("The bridge is open")).status == 201
        await caught_up(postgresql, standby)

        async def read_there() -> bool:
            assert await bodies(service) == ["The bridge is open"]
            return await lists_read(standby, place) > 0

        await until(read_there)


async def test_everybody_reads_what_was_written_from_a_standby_that_is_behind(
    newsroom: Newsroom, standby: Cluster, place: str, behind: None
) -> None:
    assert behind is None
    async with newsroom.service() as service, newsroom.service() as other:
        assert (await service.post("The bridge is open")).status == 201
        async with newsroom.service() as later:
            for one in (service, other, later):
                assert await bodies(one) == ["The bridge is open"]
                assert await one.count() == 1

            async def asked() -> bool:
                assert await bodies(later) == ["The bridge is open"]
                return await lists_read(standby, place) > 0

            await until(asked)


async def test_a_standby_that_is_away_costs_nobody_time(newsroom: Newsroom, standby: Cluster, place: str) -> None:
    clock = asyncio.get_running_loop().time

    async def timed(service: Service) -> float:
        begun = clock()
        assert await bodies(service) == ["The bridge is open"]
        return clock() - begun

    async with newsroom.service() as service:
        assert (await service.post("The bridge is open")).status == 201

        async def read_there() -> bool:
            await bodies(service)
            return await lists_read(standby, place) > 0

        await until(read_there)
        newsroom.standby.silence()
        first = await timed(service)
        assert first < 5
        assert max([await timed(service) for _ in range(10)]) < PROMPT
        await newsroom.standby.cut()
        newsroom.standby.speak()
        assert max([await timed(service) for _ in range(10)]) < PROMPT
        await newsroom.standby.restore()
        await until(read_there)


async def test_pages_are_read_from_the_standby_while_the_primary_is_away(
    newsroom: Newsroom, postgresql: Cluster, standby: Cluster, place: str
) -> None:
    async with newsroom.service() as service:
        assert (await service.post("The bridge is open")).status == 201
        await caught_up(postgresql, standby)

        async def read_there() -> bool:
            await bodies(service)
            return await lists_read(standby, place) > 0

        await until(read_there)
        await newsroom.primary.cut()

        async def forgotten() -> bool:
            answer = await service.ask("GET", "/v1/counts?page=page&page=other")
            assert answer.json == {"counts": {"page": 1, "other": 0}}
            return "max-age=0" in answer.headers["Cache-Control"]

        await until(forgotten)
        service.clock.advance(60)  # long enough for what is known of the site to be looked up again
        assert await bodies(service) == ["The bridge is open"]
        assert await forgotten()
        assert (await service.post("The bridge is shut")).status == 503
        await newsroom.primary.restore()

        async def back() -> bool:
            return (await service.post("The bridge is open again")).status == 201

        await until(back)
        assert set(await bodies(service)) == {"The bridge is open", "The bridge is open again"}
        assert await service.count() == 2
