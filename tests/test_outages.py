"""What the service does while the database is away, and when it comes back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from service.app import build
from service.settings import Settings
from tests.conftest import SECRET, Service
from tests.newsroom import Moderator, held, hire
from tests.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import asyncpg

    from service.moderation.lexicon import Lexicon
    from tests.conftest import Answer, Clock

PATIENCE = 20.0


@pytest.fixture
async def proxy(url: str) -> AsyncIterator[Proxy]:
    async with Proxy(url) as proxy:
        yield proxy


@pytest.fixture
async def service(
    proxy: Proxy,
    serve: Callable[..., Any],  # noqa: ARG001 - makes the site
    lexicon: Lexicon,
    clock: Clock,
) -> AsyncIterator[Service]:
    """A service that reaches its database through the proxy."""
    settings = Settings(secret=SECRET, rate_per_minute=0)
    application = build(settings, proxy.url, lexicon, now=clock.now, monotonic=clock.monotonic)
    server = TestServer(application)
    async with server, aiohttp.ClientSession() as session:
        yield Service(server, proxy.url, clock, session, application)


async def until(ask: Callable[[], Awaitable[Answer]], status: int) -> Answer:
    """Ask again and again until the answer has a status."""
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = await ask()
            if answer.status == status:
                return answer


async def test_a_cut_database_is_told_and_everything_goes_on_when_it_is_back(
    service: Service, proxy: Proxy, clock: Clock, url: str
) -> None:
    ada = Moderator(service, await hire(url, clock))
    comment = await held(service)
    assert (await service.ask("GET", "/health/ready")).status == 200
    await proxy.cut()
    decision = {"decisions": [{"comment": comment, "action": "approve"}]}
    for answer in (
        await service.post("While it was away"),
        await service.ask("GET", "/v1/comments?page=page"),
        await service.ask("GET", "/v1/counts?page=page"),
        await service.ask("GET", "/health/ready"),
        await ada.ask("GET", "queue"),
        await ada.ask("POST", "decisions", json=decision),
        await service.ask("POST", "/v1/desk/session", json={"name": "Ada", "password": "x"}),
    ):
        assert (answer.status, answer.json["type"]) == (503, "/problems/database-unavailable")
        assert int(answer.headers["Retry-After"]) > 0
    assert (await service.ask("GET", "/health/live")).status == 200
    assert (await service.ask("GET", "/problems/database-unavailable")).status == 200
    assert (await service.ask("GET", "/embed.js")).status == 200
    await proxy.restore()
    await until(lambda: service.ask("GET", "/health/ready"), 200)
    assert (await service.ask("GET", "/v1/counts?page=page")).json == {"counts": {"page": 0}}
    assert (await service.post("When it was back")).status == 201
    assert (await ada.ask("POST", "decisions", json=decision)).status == 200
    assert await service.count() == 2


@pytest.mark.parametrize(("forward", "stored"), [(True, 1), (False, 0)])
async def test_a_cut_in_mid_flight_stores_a_comment_once_or_not_at_all(
    service: Service, proxy: Proxy, sql: asyncpg.Connection[Any], *, forward: bool, stored: int
) -> None:
    await service.post("Something before it")
    words, headers = "Unmistakable words", {"Idempotency-Key": "key-1"}
    proxy.cut_at(words.encode(), forward=forward)
    answer = await service.post(words, headers=headers)
    assert (answer.status, answer.json["type"]) == (503, "/problems/database-unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert await sql.fetchval("select count(*) from comments where body = $1", words) == stored
    await proxy.restore()
    again = await until(lambda: service.post(words, headers=headers), 201)
    assert again.json["body"] == words
    assert again.json["reasons"] == []
    assert await sql.fetchval("select count(*) from comments where body = $1", words) == 1
    assert await service.count() == again.json["count"] == 2


@pytest.mark.parametrize(("forward", "after"), [(True, "approved"), (False, "held")])
async def test_a_decision_cut_in_mid_flight_is_carried_out_once_or_not_at_all(
    service: Service, proxy: Proxy, clock: Clock, url: str, *, forward: bool, after: str
) -> None:
    ada = Moderator(service, await hire(url, clock))
    comment = await held(service)
    await ada.decide({"comment": comment, "action": "reject"}, {"comment": comment, "action": "restore"})
    proxy.cut_at(b"COMMIT", forward=forward)
    decision = {"decisions": [{"comment": comment, "action": "approve", "expected": "held"}]}
    answer = await ada.ask("POST", "decisions", json=decision)
    assert (answer.status, answer.json["type"]) == (503, "/problems/database-unavailable")
    await proxy.restore()
    examined = await until(lambda: ada.ask("GET", f"comments/{comment}"), 200)
    assert examined.json["status"] == after
    assert len(examined.json["history"]) == (4 if forward else 3)
    assert await service.count() == int(forward)


async def test_a_crowd_that_is_cut_off_is_stored_once_each_when_it_comes_again(
    service: Service, proxy: Proxy, sql: asyncpg.Connection[Any]
) -> None:
    bodies = [f"Thought number {number} about the bridge" for number in range(12)]
    proxy.cut_at(b"Thought number 7 ", forward=True)

    async def send(number: int) -> Answer:
        return await service.post(bodies[number], page=f"page-{number}", headers={"Idempotency-Key": f"key-{number}"})

    answers = await asyncio.gather(*(send(number) for number in range(12)))
    assert 503 in {answer.status for answer in answers}
    await proxy.restore()
    await until(lambda: service.ask("GET", "/health/ready"), 200)
    for number, answer in enumerate(answers):
        again = await send(number)
        assert again.status in {201, 202}
        assert answer.status == 503 or answer.body == again.body
    rows = await sql.fetch("select body, count(*) as times from comments group by body")
    assert {row["body"]: row["times"] for row in rows} == dict.fromkeys(bodies, 1)
    assert await sql.fetchval(
        "select bool_and(approved_count = (select count(*) from comments where status = 'approved'"
        " and comments.page_id = pages.page_id)) from pages"
    )


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.postgres.ACQUIRE_SECONDS", 0.5)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, hurried: None) -> None:  # noqa: ARG001 - goes on from it
    monkeypatch.setattr("service.postgres.STATEMENT_SECONDS", 0.5)


@pytest.mark.usefixtures("impatient")
async def test_a_database_that_says_nothing_any_more_is_not_waited_for_without_end(
    service: Service, proxy: Proxy, sql: asyncpg.Connection[Any]
) -> None:
    headers = {"Idempotency-Key": "key-1"}
    await service.post("Before it fell silent")
    proxy.silence()
    async with asyncio.timeout(PATIENCE):
        answers = [
            await service.post("While it is silent", headers=headers),
            await service.ask("GET", "/v1/counts?page=never-asked"),
            await service.ask("GET", "/health/ready"),
        ]
    for answer in answers:
        assert (answer.status, answer.headers["Content-Type"]) == (503, "application/problem+json")
        assert int(answer.headers["Retry-After"]) > 0
    assert (await service.ask("GET", "/health/live")).status == 200
    proxy.speak()
    await until(lambda: service.post("While it is silent", headers=headers), 201)
    assert await sql.fetchval("select count(*) from comments where body = 'While it is silent'") == 1
    assert await service.count() == 2


@pytest.mark.usefixtures("hurried")
async def test_when_every_connection_is_busy_the_next_request_is_told_so(
    service: Service, sql: asyncpg.Connection[Any]
) -> None:
    await service.post("Before the rush")
    async with asyncio.timeout(PATIENCE):
        async with sql.transaction():
            await sql.execute("lock table pages in access exclusive mode")
            busy = [asyncio.ensure_future(service.ask("GET", f"/v1/counts?page={number}")) for number in range(10)]
            refused = await until(lambda: service.ask("GET", "/health/ready"), 503)
            assert refused.json["type"] == "/problems/overloaded"
            assert int(refused.headers["Retry-After"]) > 0
            assert (await service.post("In the rush")).json["type"] == "/problems/overloaded"
            assert (await service.ask("GET", "/health/live")).status == 200
        answers = await asyncio.gather(*busy)
    assert {answer.status for answer in answers} == {200}
    assert (await service.post("After the rush")).status == 201
    assert await service.count() == 2


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("server", ["0", "300ms"], ids=["our patience ends", "the server's patience ends"])
async def test_a_database_that_is_too_slow_stores_nothing_by_halves(
    server: str, sql: asyncpg.Connection[Any], serve: Callable[..., Any]
) -> None:
    name = await sql.fetchval("select current_database()")
    await sql.execute(f"alter database {name} set statement_timeout = '{server}'")
    headers = {"Idempotency-Key": "key-1"}
    async with serve() as service, asyncio.timeout(PATIENCE):
        async with sql.transaction():
            await sql.execute("lock table findings, decisions in access exclusive mode")
            answer = await service.post("While it is slow", headers=headers)
            assert (answer.status, answer.json["type"]) == (503, "/problems/database-unavailable")
            assert int(answer.headers["Retry-After"]) > 0
        assert await sql.fetchval("select count(*) from comments") == 0
        assert await sql.fetchval("select coalesce(sum(approved_count), 0) from pages") == 0
        stored = await until(lambda: service.post("While it is slow", headers=headers), 201)
        assert stored.json["count"] == await service.count() == 1
        assert await sql.fetchval("select count(*) from decisions") == 1
