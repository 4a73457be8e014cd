"""What every request passes, over real HTTP and over sockets that do not speak it well."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs

from service.app import build
from service.errors import RateLimited
from service.middleware import RateLimiter
from service.settings import Settings
from tests.conftest import SECRET
from tests.newsroom import Moderator, hire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import asyncpg
    from aiohttp.web_runner import BaseRunner

    from service.moderation.lexicon import Lexicon
    from tests.conftest import Answer, Clock, Service

PATIENCE = 20.0
BODY = b'{"page":"page","body":"Nobody else said it"}'
POST = b"POST /v1/comments HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
SIZED = POST + b"Content-Length: %d\r\n" % len(BODY)


def refused(answer: Answer, status: int, slug: str) -> None:
    """Assert that an answer is a whole problem document that nobody keeps."""
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert answer.json["type"] == f"/problems/{slug}"
    assert answer.json["status"] == status
    assert answer.json["title"]
    assert answer.json["detail"]
    assert answer.json["instance"] == f"urn:uuid:{UUID(answer.headers['X-Request-Id'])}"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"


async def test_every_refusal_is_a_problem_document_with_the_id_of_its_request(service: Service) -> None:
    refused(await service.ask("GET", "/nowhere/at/all"), 404, "not-found")
    refused(await service.ask("GET", "/nowhere.txt"), 404, "not-found")
    refused(await service.ask("GET", "/v1/comments/"), 404, "not-found")
    answer = await service.ask("PUT", "/v1/comments")
    refused(answer, 405, "method-not-allowed")
    assert set(answer.headers["Allow"].split(", ")) >= {"GET", "POST", "OPTIONS"}
    refused(await service.ask("POST", "/v1/counts"), 405, "method-not-allowed")
    refused(await service.ask("DELETE", "/desk"), 405, "method-not-allowed")
    headers = {"Content-Type": "application/json"}
    refused(await service.ask("POST", "/v1/comments", data=b" " * 200_000, headers=headers), 413, "payload-too-large")
    refused(await service.ask("POST", "/v1/comments", data=b"{}"), 415, "unsupported-media-type")
    ids = {(await service.ask("GET", "/health/live")).headers["X-Request-Id"] for _ in range(3)}
    assert len(ids) == 3


async def test_nothing_of_a_failure_leaves_the_house(service: Service, sql: asyncpg.Connection[Any]) -> None:
    await sql.execute("alter table comments add constraint oddly check (body not like '%submarine%')")
    with capture_logs() as lines:
        answer = await service.post(
            "The yellow submarine", author={"name": "Ringo"}, headers={"Origin": service.origin}
        )
    refused(answer, 500, "internal")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    [unexpected] = [line for line in lines if line["log_level"] == "error"]
    assert {line["request"] for line in lines} == {answer.headers["X-Request-Id"]}
    assert unexpected["error"] == "CheckViolationError"
    assert any("store/comments.py" in place for place in unexpected["places"])
    for told in (answer.body.decode(), json.dumps(lines)):
        for secret in ("submarine", "Ringo", "violates", "oddly"):
            assert secret not in told
    assert (await service.post("The blue whale")).status == 201


async def test_a_schema_that_broke_is_told_as_our_mistake(
    service: Service, sql: asyncpg.Connection[Any], url: str, clock: Clock
) -> None:
    ada = Moderator(service, await hire(url, clock))
    await sql.execute("drop view judged_comments")
    await sql.execute("alter table pages rename column approved_count to gone")
    with capture_logs() as lines:
        refused(await service.ask("GET", "/v1/counts?page=secret-page"), 500, "internal")
        answer = await ada.ask("GET", "queue", params={"q": "secret-words"})
    refused(answer, 500, "internal")
    assert {line["error"] for line in lines if line["log_level"] == "error"} == {
        "UndefinedColumnError",
        "UndefinedTableError",
    }
    assert "secret" not in json.dumps(lines)
    assert (await service.ask("GET", "/health/live")).status == 200


async def test_the_log_tells_failures_and_the_desks_writes_and_holds_no_text_no_address_and_no_token(
    serve: Callable[..., Any], url: str, clock: Clock, sql: asyncpg.Connection[Any]
) -> None:
    async with serve(trusted_proxies="127.0.0.1") as service:
        ada = Moderator(service, await hire(url, clock))
        with capture_logs() as lines:
            headers = {"X-Forwarded-For": "203.0.113.77", "Idempotency-Key": "hidden-key", "User-Agent": "hidden-agent"}
            await service.post("hidden-words", page="hidden-page", author={"name": "hidden-name"}, headers=headers)
            await service.ask("GET", "/v1/comments?page=hidden-page&hidden=hidden")
            await service.ask("GET", "/hidden/path/hidden")
            await service.ask("GET", "/problems/hidden-slug")
            await service.ask("POST", "/v1/comments", data=b"hidden")
            await service.ask("POST", "/v1/desk/session", json={"name": "hidden-name", "password": "hidden-password"})
            await ada.ask("GET", "queue", params={"q": "hidden-words"}, headers=headers)
            await ada.ask("GET", "comments/hidden-id")
            await ada.ask("POST", "decisions", json={"decisions": [{"comment": "hidden-id", "action": "approve"}]})
            await sql.execute("alter table pages rename column approved_count to gone")
            await service.ask("GET", "/v1/counts?page=hidden-other")
        told = json.dumps(lines)
        assert [(line["event"], line.get("route"), line.get("status")) for line in lines] == [
            ("request", "/v1/desk/session", 401),
            ("request", "/v1/desk/decisions", 400),
            ("unexpected", None, None),
            ("request", "/v1/counts", 500),
        ]
        assert set(lines[0]) == {"event", "log_level", "request", "method", "route", "status", "ms"}
        for secret in ("hidden", "203.0.113.77", "127.0.0.1", ada.token, "Ada"):
            assert secret not in told


async def test_pages_of_any_origin_may_read_every_answer_of_the_pages_routes_and_no_other(service: Service) -> None:
    for answer in (
        await service.ask("GET", "/v1/counts?page=a"),
        await service.ask("GET", "/v1/counts"),
        await service.ask("GET", "/v1/comments?page=a&site=nowhere"),
        await service.ask("POST", "/v1/comments", data=b"{}"),
    ):
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Access-Control-Expose-Headers"] == "Retry-After, X-Request-Id"
        assert "Access-Control-Allow-Credentials" not in answer.headers
    for path in ("/v1/desk/session", "/v1/desk/queue", "/health/ready", "/metrics", "/desk", "/nowhere/at/all"):
        assert "Access-Control-Allow-Origin" not in (await service.ask("GET", path)).headers, path


async def test_readers_are_limited_by_the_address_that_a_trusted_proxy_gives(serve: Callable[..., Any]) -> None:
    async with serve(rate_per_minute=2, trusted_proxies="127.0.0.0/8") as service:

        async def statuses(*forwarded: str, times: int = 1) -> list[int]:
            headers = {"X-Forwarded-For": ", ".join(forwarded)}
            path = "/v1/comments"
            return [(await service.ask("POST", path, data=b"", headers=headers)).status for _ in range(times)]

        assert await statuses("203.0.113.1", times=3) == [415, 415, 429]
        assert await statuses("203.0.113.2") == [415]
        assert await statuses("198.51.100.9", "203.0.113.1") == [429]  # what it says of others is not believed
        assert await statuses("2001:db8::1", times=2) == [415, 415]
        assert await statuses("2001:db8::ffff:2") == [429]
        assert await statuses("2001:db8:0:1::1") == [415]
        assert await statuses("::ffff:203.0.113.1") == [429]
        service.clock.advance(30)
        assert await statuses("203.0.113.1", times=2) == [415, 429]


async def test_a_client_cannot_choose_its_own_address(serve: Callable[..., Any]) -> None:
    async with serve(rate_per_minute=2) as service:
        answers = [
            await service.ask("POST", "/v1/comments", headers={"X-Forwarded-For": f"203.0.113.{number}"})
            for number in range(3)
        ]
    assert [answer.status for answer in answers] == [415, 415, 429]
    refused(answers[2], 429, "rate-limited")
    assert answers[2].headers["Retry-After"] == "31"
    assert answers[2].headers["Access-Control-Allow-Origin"] == "*"


def spent(limiter: RateLimiter, key: str = "a", times: int = 1) -> int:
    """How many of several tries went through."""
    through = 0
    for _ in range(times):
        try:
            limiter.spend(key)
        except RateLimited:
            continue
        through += 1
    return through


class Ticks:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_is_full_at_first_and_fills_with_time() -> None:
    ticks = Ticks()
    limiter = RateLimiter(6, ticks)
    assert spent(limiter, times=10) == 6
    ticks.now += 9.99
    assert spent(limiter) == 0
    ticks.now += 0.01
    assert spent(limiter, times=2) == 1
    ticks.now += 3600
    assert spent(limiter, times=10) == 6
    assert spent(limiter, "b", times=10) == 6


def test_who_waits_as_long_as_told_gets_through() -> None:
    for per_minute in (1, 2, 7, 10, 30, 60, 1000):
        ticks = Ticks()
        limiter = RateLimiter(per_minute, ticks)
        spent(limiter, times=per_minute)
        with pytest.raises(RateLimited) as refusal:
            limiter.spend("a")
        wait = int(refusal.value.headers["Retry-After"])
        assert wait <= 61 / per_minute + 1
        ticks.now += wait
        assert spent(limiter) == 1, per_minute


def test_a_clock_that_jumps_back_gives_and_takes_nothing() -> None:
    ticks = Ticks()
    limiter = RateLimiter(6, ticks)
    assert spent(limiter, times=4) == 4
    ticks.now -= 500
    assert spent(limiter, times=10) == 2
    ticks.now += 10
    assert spent(limiter, times=10) == 1


def test_only_so_many_addresses_are_remembered() -> None:
    limiter = RateLimiter(1, Ticks(), keys=100)
    for number in range(1000):
        assert spent(limiter, str(number)) == 1
    assert len(limiter._buckets) == 100
    assert spent(limiter, "999") == 0
    assert spent(limiter, "0") == 1


def test_no_limit_is_no_limit_and_costs_nothing() -> None:
    limiter = RateLimiter(0, Ticks())
    assert spent(limiter, times=100) == 100
    assert not limiter._buckets


async def spoken(service: Service, said: bytes) -> bytes:
    """Say something over a socket of its own and return what came back before the other side hung up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.server.port)
    try:
        writer.write(said)
        async with asyncio.timeout(PATIENCE):
            return await reader.read()
    finally:
        writer.close()


CLOSE = b"Connection: close\r\n"


NO_REQUESTS = (
    (SIZED.replace(b": %d" % len(BODY), b": x") + b"\r\n" + BODY, 400),
    (SIZED.replace(b": %d" % len(BODY), b": -1") + b"\r\n" + BODY, 400),
    (SIZED + b"Content-Length: 7\r\n\r\n" + BODY, 400),
    (SIZED + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
    (POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + BODY + b"\r\n0\r\n\r\n", 400),
    (POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n" + BODY + b"\r\n0\r\n\r\n", 400),
    (SIZED + b"Host: y\r\n\r\n" + BODY, 400),
    (SIZED.replace(b"Host: x\r\n", b"") + b"\r\n" + BODY, 400),
    (SIZED + b"X: a\x00b\r\n\r\n" + BODY, 400),
    (SIZED + b"X: " + b"a" * 100_000 + b"\r\n\r\n" + BODY, 400),
    (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET http://[/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET /%ff%00/%2e%2e HTTP/1.1\r\nHost: x\r\n" + CLOSE + b"\r\n", 404),
    (b"GET /desk HTTP/1.1\r\nHost: [\r\n" + CLOSE + b"\r\n", 200),
    (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n" + CLOSE + b"\r\n", 404),
    (b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n" + CLOSE + b"\r\n", 404),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    (SIZED + b"Expect: tea\r\n" + CLOSE + b"\r\n" + BODY, 417),
    (SIZED + b"Content-Encoding: gzip\r\n" + CLOSE + b"\r\n" + BODY, 415),
    (SIZED + b"Content-Encoding: br\r\n" + CLOSE + b"\r\n" + BODY, 415),
)


async def test_what_is_hardly_http_is_answered_and_hurts_nobody(service: Service, sql: asyncpg.Connection[Any]) -> None:
    for said, status in NO_REQUESTS:
        first, _, _ = (await spoken(service, said)).partition(b"\r\n")
        assert re.fullmatch(rb"HTTP/1\.[01] %d .*" % status, first), (said[:200], first)
    assert await sql.fetchval("select count(*) from comments") == 0
    assert (await service.post("Everybody else is served")).status == 201


async def test_a_compressed_body_is_refused_before_it_becomes_large(
    service: Service, sql: asyncpg.Connection[Any]
) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    for coding, body in (("gzip", bomb), ("gzip", gzip.compress(BODY)), ("deflate", BODY), ("br", BODY), ("x", BODY)):
        kind = {"Content-Type": "application/json", "Content-Encoding": coding}
        refused(await service.ask("POST", "/v1/comments", data=body, headers=kind), 415, "unsupported-media-type")
    assert await sql.fetchval("select count(*) from comments") == 0
    kind["Content-Encoding"] = "identity"
    assert (await service.ask("POST", "/v1/comments", data=BODY, headers=kind)).status == 201


async def requests(service: Service) -> int:
    """How many submissions the service has answered, heard or not."""
    lines = (await service.ask("GET", "/metrics")).body.decode().splitlines()
    of_submissions = 'trecento_requests_total{method="POST",route="/v1/comments"'
    return sum(int(float(line.split()[-1])) for line in lines if line.startswith(of_submissions))


async def until_answered(service: Service, number: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while await requests(service) < number:
            pass


class HearsOut(TestServer):
    """A server that goes on when a client hangs up, as the one that `trecento serve` starts."""

    async def _make_runner(self, **settings: Any) -> BaseRunner:
        return await super()._make_runner(**{**settings, "handler_cancellation": False})


@pytest.fixture
async def hears_out(service: Service, url: str, lexicon: Lexicon, clock: Clock) -> AsyncIterator[Service]:
    settings = Settings(secret=SECRET, rate_per_minute=0)
    server = HearsOut(build(settings, url, lexicon, now=clock.now, monotonic=clock.monotonic))
    async with server:
        yield replace(service, server=server)


async def test_a_client_that_hangs_up_has_its_comment_stored_once_or_not_at_all(
    hears_out: Service, sql: asyncpg.Connection[Any]
) -> None:
    service = hears_out
    cases = (
        (SIZED, BODY[:20], {0}),
        (POST + b"Transfer-Encoding: chunked\r\n", b"5\r\n" + BODY[:5] + b"\r\n", {0}),
        (SIZED, BODY, {0, 1}),
    )
    with capture_logs() as lines:
        for number, (head, body, stored) in enumerate(cases, start=1):
            reader, writer = await asyncio.open_connection("127.0.0.1", service.server.port)
            writer.write(head + b"Expect: 100-continue\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
            writer.write(body)
            writer.close()
            await until_answered(service, number)
            assert await sql.fetchval("select count(*) from comments") in stored
    assert "error" not in {line["log_level"] for line in lines}
    assert await service.count() == await sql.fetchval("select count(*) from comments")


async def test_half_a_request_line_keeps_nobody_waiting(service: Service) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", service.server.port)
    writer.write(b"POST /v1/comm")
    await writer.drain()
    assert (await service.post("Meanwhile")).status == 201
    writer.close()
