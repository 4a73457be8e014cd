"""Addresses with several hosts: taken apart, and asked in turn."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from service.hosts import Hosts, split
from service.postgres import Database
from tests.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.mark.parametrize(
    ("address", "each"),
    [
        ("postgresql://db/name", ["postgresql://db/name"]),
        ("postgresql:///name?host=/run/postgresql", ["postgresql:///name?host=/run/postgresql"]),
        (
            "postgresql://ann:a,b%40c@one:5433,two/name?target_session_attrs=read-write",
            [
                "postgresql://ann:a,b%40c@one:5433/name?target_session_attrs=read-write",
                "postgresql://ann:a,b%40c@two/name?target_session_attrs=read-write",
            ],
        ),
        (
            "postgresql://[::1]:5433,[::2]/name",
            ["postgresql://[::1]:5433/name", "postgresql://[::2]/name"],
        ),
        (
            "postgresql://ann@/name?host=one,two&port=5433,5434",
            ["postgresql://ann@/name?host=one&port=5433", "postgresql://ann@/name?host=two&port=5434"],
        ),
        (
            "postgresql://ann@/name?host=one,two&port=5433",
            ["postgresql://ann@/name?host=one&port=5433", "postgresql://ann@/name?host=two&port=5433"],
        ),
        (
            "postgresql://one,two/name?target_session_attrs=prefer-standby",
            ["postgresql://one,two/name?target_session_attrs=prefer-standby"],
        ),
        (
            "postgresql://ann@/name?host=one,two,three&port=5433,5434",
            ["postgresql://ann@/name?host=one,two,three&port=5433,5434"],
        ),
    ],
)
def test_an_address_is_taken_apart_by_host(address: str, each: list[str]) -> None:
    assert split(address) == each


class Silent:
    """A server that takes connections and never says a word."""

    def __init__(self) -> None:
        self.port = 0
        self.taken: list[asyncio.StreamWriter] = []

    def take(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.taken.append(writer)


@pytest.fixture
async def silent() -> AsyncIterator[Silent]:
    silent = Silent()
    async with await asyncio.start_server(silent.take, "127.0.0.1", 0) as server:
        silent.port = server.sockets[0].getsockname()[1]
        yield silent
        for writer in silent.taken:
            writer.transport.abort()


@pytest.fixture
async def proxy(url: str) -> AsyncIterator[Proxy]:
    async with Proxy(url) as proxy:
        yield proxy


def beside(proxy: Proxy, port: int) -> str:
    """Return an address with another host before the proxy's."""
    return proxy.url.replace("@127.0.0.1:", f"@127.0.0.1:{port},127.0.0.1:")


async def test_a_silent_host_takes_its_share_of_the_time_once(silent: Silent, proxy: Proxy) -> None:
    hosts = Hosts(beside(proxy, silent.port))
    for _ in range(3):
        connection = await hosts.connect(timeout=4)
        assert await connection.fetchval("select 1") == 1
        await connection.close()
    assert len(silent.taken) == 1


async def test_a_pool_reaches_the_next_host_within_the_time_of_one_request(silent: Silent, proxy: Proxy) -> None:
    database = Database(beside(proxy, silent.port))
    await database.open()
    assert await database.one("ready")
    await database.close()


async def test_when_no_host_serves_the_last_one_says_why(silent: Silent) -> None:
    address = f"postgresql://nobody@127.0.0.1:{silent.port},127.0.0.1:1/nothing?sslmode=disable"
    with pytest.raises(ConnectionRefusedError):
        await Hosts(address).connect(timeout=0.5)


async def test_an_address_that_is_none_is_refused_in_asyncpg_s_words() -> None:
    with pytest.raises(ValueError, match="invalid DSN"):
        await Hosts("http://one,two/").connect(timeout=0.5)
