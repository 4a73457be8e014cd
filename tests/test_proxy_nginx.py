"""The reverse proxy that ships, in front of a real service: what it keeps, what it lets through, what it refuses."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import secrets
import shutil
import ssl
import subprocess
import time
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import pytest
from aiohttp.test_utils import TestServer
from yarl import URL

from service.app import build
from service.desk import DECISIONS_BYTES, SIGN_IN_BYTES
from service.errors import REFUSALS
from service.listener import Listener
from service.readers import BODY_BYTES
from service.server import KEEPALIVE_SECONDS, LINE_BYTES
from service.settings import Settings
from tests.conftest import SECRET, named, run
from tests.front import FILE, client, free_port, front, listening, needs, running
from tests.program import COMMAND, environment
from tests.proxy import Proxy
from tests.test_middleware import CLOSE, NO_REQUESTS
from tests.waiting import GIVE_UP, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from service.moderation.lexicon import Lexicon
    from tests.conftest import Answer, Clock, Service
    from tests.front import Front

AT_ONCE = 1.0
"""Seconds within which an answer from memory is there, on a machine that does much else."""
JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def service(serve: Callable[..., Any]) -> AsyncIterator[Service]:
    async with serve(trusted_proxies="127.0.0.1") as running:
        yield running


@pytest.fixture
async def nginx(service: Service) -> AsyncIterator[Front]:
    async with front(service.server.port or 0) as running:
        yield running


@pytest.fixture
async def wire(service: Service) -> AsyncIterator[Proxy]:
    """What connects nginx and the service, to be cut and silenced."""
    async with Proxy(service.origin) as wire:
        yield wire


@contextmanager
def serving(folder: Path, url: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run the service as an operator does."""
    settings = {"DATABASE_URL": url, "TRECENTO_SECRET": SECRET, "TRECENTO_PORT": str(port)}
    trusted = {"TRECENTO_TRUSTED_PROXIES": "127.0.0.1"}
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [*COMMAND, "serve", "--setup"], cwd=folder, env=environment(**settings, **trusted), stdout=log, stderr=log
        )
    try:
        give_up = time.monotonic() + GIVE_UP
        while not listening(port):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < give_up
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        process.wait()


class Orphan(NamedTuple):
    """A proxy that was asked for a count of one, and whose service has died since."""

    port: int
    folder: Path
    restart: Callable[[], AbstractContextManager[subprocess.Popen[bytes]]]


@pytest.fixture(scope="module", autouse=True)
def orphan(postgres: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orphan]:
    """Set up for the last test, so that what may be given only for seconds is over when it runs."""
    name = f"orphan_{secrets.token_hex(4)}"
    asyncio.run(run(postgres, f"create database {name} template {template}"))
    upstream = free_port()
    restart = partial(serving, tmp_path_factory.mktemp("orphan"), named(postgres, name), upstream)

    async def count_one(port: int, folder: Path) -> None:
        async with client(port, folder) as nginx:
            assert (await nginx.post("Before it died")).status == 201
            assert (await nginx.count()).json == {"counts": {"page": 1}}

    with running(upstream) as (port, folder):
        with restart() as process:
            asyncio.run(count_one(port, folder))
            process.kill()
        yield Orphan(port, folder, restart)
    asyncio.run(run(postgres, f"drop database {name} with (force)"))


def port_of(wire: Proxy) -> int:
    return URL(wire.url).port or 0


async def asked(service: Service, method: str, route: str) -> int:
    """How many requests for a route the service has answered."""
    lines = (await service.ask("GET", "/metrics")).body.decode().splitlines()
    series = f'trecento_requests_total{{method="{method}",route="{route}"'
    return sum(int(float(line.split()[-1])) for line in lines if line.startswith(series))


def refused(answer: Answer, status: int) -> dict[str, Any]:
    """Assert that an answer is a whole problem document that nobody keeps, and return it."""
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert answer.json["status"] == status
    assert answer.json["title"]
    assert answer.json["detail"]
    assert answer.json["instance"] == f"urn:uuid:{UUID(answer.headers['X-Request-Id'])}"
    assert answer.headers["Cache-Control"] == "no-store"
    document: dict[str, Any] = answer.json
    return document


# What is kept


async def test_a_crowd_costs_the_service_one_request(service: Service, nginx: Front) -> None:
    answers = await asyncio.gather(*(nginx.count() for _ in range(100)))
    assert {(answer.status, answer.body) for answer in answers} == {(200, b'{"counts":{"page":0}}')}
    assert {answer.headers["Access-Control-Allow-Origin"] for answer in answers} == {"*"}
    assert await asked(service, "GET", "/v1/counts") == 1
    assert (await nginx.count("other")).json == {"counts": {"other": 0}}
    assert (await nginx.ask("HEAD", "/v1/counts?page=page")).status == 200
    assert await asked(service, "GET", "/v1/counts") == 2
    assert await asked(service, "HEAD", "/v1/counts") == 0


async def counted(nginx: Front, kind: str) -> Answer:
    """Ask for a count until the cache says that its answer is of a kind; each is there at once."""
    answer: Answer | None = None

    async def found() -> bool:
        nonlocal answer
        async with asyncio.timeout(AT_ONCE):
            answer = await nginx.count()
        assert answer.status == 200
        return bool(answer.headers["Cache-Status"] == kind)

    await until(found)
    assert answer
    return answer


async def test_a_count_that_grew_old_is_given_at_once_while_it_is_renewed(service: Service, wire: Proxy) -> None:
    async with front(port_of(wire)) as nginx:
        assert (await counted(nginx, "proxy; fwd=uri-miss")).json == {"counts": {"page": 0}}
        assert (await nginx.post("The bridge is open again")).status == 201
        wire.silence()
        assert (await counted(nginx, "proxy; hit; detail=stale")).json == {"counts": {"page": 0}}
        assert (await counted(nginx, "proxy; hit; detail=updating")).json == {"counts": {"page": 0}}
        wire.speak()
        assert (await counted(nginx, "proxy; hit")).json == {"counts": {"page": 1}}
        assert await asked(service, "GET", "/v1/counts") == 2


async def test_a_new_comment_is_counted_within_the_seconds_that_the_answer_may_be_kept(
    service: Service, nginx: Front
) -> None:
    policy = (await nginx.count()).headers["Cache-Control"]
    kept = int(re.search(r"s-maxage=(\d+)", policy)[1])  # type: ignore[index]  # it says so
    assert (await nginx.post("The bridge is open again")).status == 201
    started = asyncio.get_running_loop().time()

    async def seen() -> bool:
        return bool((await nginx.count()).json == {"counts": {"page": 1}})

    await until(seen)
    assert asyncio.get_running_loop().time() - started < kept + 1 + AT_ONCE  # nginx's clock has whole seconds
    assert await asked(service, "GET", "/v1/counts") <= 3


async def test_a_count_outlives_the_database_and_a_crowd_for_another_does_not_wait_in_line(
    serve: Callable[..., Any], url: str, lexicon: Lexicon, clock: Clock
) -> None:
    async with serve(), Proxy(url) as line:
        settings = Settings(secret=SECRET, trusted_proxies="127.0.0.1")
        server = TestServer(build(settings, line.url, lexicon, now=clock.now, monotonic=clock.monotonic))
        # Without renewal in the background, the first request for an old answer already shows what an error does.
        async with server, front(server.port or 0, proxy_cache_background_update="off") as nginx:
            assert (await nginx.count()).json == {"counts": {"page": 0}}
            await line.cut()

            async def renewal_tried() -> bool:
                answer = await nginx.count()
                assert (answer.status, answer.json) == (200, {"counts": {"page": 0}})
                return bool(nginx.told()[-1]["service"])

            await until(renewal_tried)
            started = asyncio.get_running_loop().time()
            for answer in await asyncio.gather(*(nginx.count("never asked for") for _ in range(20))):
                assert refused(answer, 503)["type"] == "/problems/database-unavailable"
                assert answer.headers["Access-Control-Allow-Origin"] == "*"
            assert asyncio.get_running_loop().time() - started < 4 * AT_ONCE


async def test_while_changes_may_be_missed_nothing_is_kept_and_a_crowd_does_not_wait_in_line(
    serve: Callable[..., Any], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Proxy(url) as line:
        monkeypatch.setattr("service.app.Listener", lambda _url, audience: Listener(line.url, audience))
        async with serve(trusted_proxies="127.0.0.1") as service, front(service.server.port) as nginx:
            await line.cut()

            async def unsure() -> bool:
                return "max-age=0" in (await service.ask("GET", "/v1/counts?page=x")).headers["Cache-Control"]

            await until(unsure)
            started = asyncio.get_running_loop().time()
            answers = await asyncio.gather(*(nginx.count() for _ in range(20)))
            assert asyncio.get_running_loop().time() - started < 4 * AT_ONCE
            assert {answer.body for answer in answers} == {b'{"counts":{"page":0}}'}
            assert (await nginx.post("The bridge is open again")).status == 201
            assert (await nginx.count()).json == {"counts": {"page": 1}}


async def test_what_a_reader_has_is_not_sent_again(service: Service, nginx: Front) -> None:
    for path in ("/v1/counts?page=page", "/embed.js", "/v1/comments?page=page", "/"):
        first = await nginx.ask("GET", path, headers={"Accept-Encoding": "gzip"})
        again = await nginx.ask("GET", path, headers={"If-None-Match": first.headers["ETag"]})
        assert (first.status, again.status, again.body) == (200, 304, b""), path
        assert (await nginx.ask("GET", path, headers={"If-None-Match": '"other"'})).body == first.body
    assert await asked(service, "GET", "/v1/counts") == 1
    assert await asked(service, "GET", "/{file}") == 1


async def test_what_changes_something_is_never_kept(service: Service, nginx: Front) -> None:
    for number in (1, 2):
        answer = await nginx.post(f"Thought number {number} about the bridge")
        assert (answer.status, answer.json["count"]) == (201, number)
        listed = await nginx.ask("GET", "/v1/comments?page=page")
        assert (listed.json["count"], "Cache-Status" in listed.headers) == (number, False)
        assert refused(await nginx.ask("POST", "/v1/counts?page=page"), 405)["type"] == "/problems/method-not-allowed"
    assert await asked(service, "POST", "/v1/comments") == 2
    assert await asked(service, "GET", "/v1/comments") == 2
    assert (await nginx.count()).json == {"counts": {"page": 2}}


# Who is calling


async def test_a_reader_cannot_choose_an_address(serve: Callable[..., Any]) -> None:
    async with serve(trusted_proxies="127.0.0.1", rate_per_minute=2) as service, front(service.server.port) as nginx:
        answers = [
            await nginx.ask("POST", "/v1/comments", headers={"X-Forwarded-For": f"203.0.113.{number}"})
            for number in range(3)
        ]
        assert [answer.status for answer in answers] == [415, 415, 429]
        assert refused(answers[2], 429)["type"] == "/problems/rate-limited"
        assert answers[2].headers["Retry-After"] == "31", "the service's own limit"


async def test_behind_a_platform_its_word_on_the_address_counts(serve: Callable[..., Any]) -> None:
    async with (
        serve(trusted_proxies="127.0.0.1", rate_per_minute=2) as service,
        front(service.server.port, marks=("platform",), set_real_ip_from="127.0.0.1") as nginx,
    ):

        async def posted(address: str) -> int:
            return (await nginx.ask("POST", "/v1/comments", headers={"X-Forwarded-For": address})).status

        assert [await posted("198.51.100.1") for _ in range(3)] == [415, 415, 429]
        assert await posted("198.51.100.2") == 415
        assert await posted("203.0.113.5, 198.51.100.1") == 429, "what a client said before the platform"
        assert await posted("2001:db8::1") == 415


async def test_a_flood_of_one_subscriber_is_kept_from_the_service(service: Service) -> None:
    rate = "$changing zone=changes:8m rate=1r/m"
    platform: dict[str, Any] = {"marks": ("platform",), "set_real_ip_from": "127.0.0.1"}
    async with front(service.server.port or 0, **platform, limit_req_zone=rate) as nginx:

        async def flood(*addresses: str) -> list[Answer]:
            return [await nginx.ask("POST", "/v1/comments", headers={"X-Forwarded-For": one}) for one in addresses]

        answers = await flood(*(f"2001:db8::{number:x}:1" for number in range(103)))
        assert [answer.status for answer in answers] == [415] * 101 + [429] * 2
        assert refused(answers[-1], 429)["type"] == "/problems/rate-limited"
        assert answers[-1].headers["Retry-After"] == "1"
        assert answers[-1].headers["Access-Control-Allow-Origin"] == "*"
        others = await flood("2001:db8:0:1::1", "198.51.100.1", "198.51.100.2")
        assert [answer.status for answer in others] == [415] * 3
        last = {"X-Forwarded-For": "2001:db8::1"}
        assert (await nginx.ask("GET", "/v1/counts?page=page", headers=last)).status == 200
        assert await asked(service, "POST", "/v1/comments") == 104


async def test_who_sends_many_bodies_at_once_and_ends_none_is_kept_from_more(service: Service, nginx: Front) -> None:
    begun = b"POST /v1/comments HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
    writers = []
    for _ in range(50):
        _, writer = await asyncio.open_connection("127.0.0.1", nginx.port)
        writer.write(begun)
        writers.append(writer)

    async def enough() -> bool:
        answer = await nginx.ask("POST", "/v1/comments")
        return answer.status == 429 and bool(refused(answer, 429))

    await until(enough)
    assert (await nginx.count()).status == 200
    for writer in writers:
        writer.close()

    async def let_in() -> bool:
        return (await nginx.ask("POST", "/v1/comments")).status == 415

    await until(let_in)
    assert await asked(service, "GET", "/v1/counts") == 1


# What is refused


async def test_a_body_is_as_large_as_the_service_takes_it(service: Service, nginx: Front) -> None:
    for path, limit in (
        ("/v1/comments", BODY_BYTES),
        ("/v1/desk/session", SIGN_IN_BYTES),
        ("/v1/desk/decisions", DECISIONS_BYTES),
    ):
        taken = await nginx.ask("POST", path, data=BytesIO(b" " * limit), headers=JSON)
        assert refused(taken, taken.status)["type"] in {"/problems/malformed", "/problems/sign-in-required"}
        before = await asked(service, "POST", path)
        document = refused(await nginx.ask("POST", path, data=BytesIO(b" " * (limit + 1)), headers=JSON), 413)
        assert (document["type"], document["limit"]) == ("/problems/payload-too-large", limit)
        assert await asked(service, "POST", path) == before


async def test_who_speaks_slowly_is_cut_off_and_does_not_reach_the_service(service: Service) -> None:
    async with front(service.server.port or 0, client_header_timeout="1s", client_body_timeout="1s") as nginx:

        async def speak(said: bytes, more: bytes) -> None:
            """Say something, then more of it, never silent for as long as the limit, until the other side hangs up."""
            reader, writer = await asyncio.open_connection("127.0.0.1", nginx.port)
            writer.write(said)
            hears = asyncio.ensure_future(reader.read())
            async with asyncio.timeout(GIVE_UP):
                while not (await asyncio.wait([hears], timeout=0.1))[0]:
                    writer.write(more)
            with contextlib.suppress(ConnectionError):
                assert await hears == b""
            writer.close()

        await asyncio.gather(
            speak(b"", b""),
            speak(b"GET /v1/counts?page=", b"x"),
            speak(b"GET / HTTP/1.1\r\nHost: x\r\nX: ", b"x"),
            speak(b"POST /v1/comments HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{", b""),
        )
        assert await asked(service, "GET", "/v1/counts") == 0
        assert await asked(service, "POST", "/v1/comments") == 0


async def test_the_numbers_are_for_the_inside(service: Service, nginx: Front) -> None:
    assert "trecento_requests" in (await service.ask("GET", "/metrics")).body.decode()
    for path in (
        "/metrics", "/metrics?x", "/metrics/", "//metrics", "/./metrics", "/a/../metrics", "/%6detrics", "/%2fmetrics",
        "/a%2f..%2fmetrics", "/%2e/metrics", "/metrics%20", "/metrics;a", "/metrics%3f", "/METRICS", "/%256detrics",
    ):  # fmt: skip  # spellings
        answer = await nginx.ask("GET", URL(f"{nginx.origin}{path}", encoded=True))
        assert refused(answer, 404)["type"] == "/problems/not-found", path
    for said in (
        b"GET http://x/metrics HTTP/1.1\r\nHost: x\r\n",
        b"GET /metrics HTTP/1.0\r\n",
        b"GET /metrics#a HTTP/1.1\r\nHost: x\r\n",
    ):
        heard = await nginx.spoken(said + CLOSE + b"\r\n")
        assert heard.startswith(b"HTTP/1.1 404 "), said
        assert b"trecento_requests" not in heard
    assert refused(await nginx.ask("GET", "/problem"), 404)["type"] == "/problems/not-found"


async def test_what_is_hardly_http_is_answered_with_a_problem_whoever_refuses_it(nginx: Front) -> None:
    for said, status in (*NO_REQUESTS, (b"GET /v1/counts?page=\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400)):
        head, _, body = (await nginx.spoken(said)).partition(b"\r\n\r\n")
        if b"Expect: tea" in said:  # the proxy, which expectations are for, meets none but that of a 100 (Continue)
            assert head.startswith(b"HTTP/1.1 201 ")
        elif status < 400:
            assert head.startswith(b"HTTP/1.1 %d " % status), said[:200]
        else:
            assert b"Content-Type: application/problem+json" in head, said[:200]
            assert head.startswith(b"HTTP/1.1 %d" % json.loads(body)["status"]), said[:200]
            assert json.loads(body)["status"] < 500


async def test_who_is_away_or_late_is_told_in_a_problem_that_pages_may_read(wire: Proxy) -> None:
    async with front(port_of(wire), proxy_read_timeout="1s") as nginx:
        wire.silence()
        late = await nginx.count()
        assert refused(late, 504)["type"] == "about:blank"
        await wire.cut()
        for away in (await nginx.count(), await nginx.post("Is anybody there?")):
            assert refused(away, 502)["type"] == "about:blank"
            assert int(away.headers["Retry-After"]) > 0
            assert away.headers["Access-Control-Allow-Origin"] == "*"
            assert "Retry-After" in away.headers["Access-Control-Expose-Headers"]
        desk = await nginx.ask("GET", "/v1/desk/queue")
        assert refused(desk, 502)
        assert "Access-Control-Allow-Origin" not in desk.headers
        assert (await nginx.ask("GET", "/health/proxy")).json == {"status": "live"}


def test_the_proxy_words_a_problem_as_the_service_does() -> None:
    ours = {refusal.slug: refusal for refusal in REFUSALS}
    problems = re.findall(r'"type":"/problems/([a-z-]+)","title":"([^"]+)","detail":"([^"]+)"', FILE.read_text())
    assert len(problems) == 6
    for slug, title, detail in problems:
        assert ours[slug].title == title
        if slug not in {"malformed", "method-not-allowed"}:  # which are general, or name a header that is not sent here
            assert ours[slug].explanation() == detail


# What is passed on


async def test_a_hundred_long_addresses_pass(nginx: Front) -> None:
    pages = [f"https://news.example/{number}/{'a' * 590}" for number in range(100)]
    address = URL(f"{nginx.origin}/v1/counts").with_query([("page", page) for page in pages])
    assert 60_000 < len(address.raw_path_qs) < LINE_BYTES
    answer = await nginx.ask("GET", address)
    assert answer.json == {"counts": dict.fromkeys(pages, 0)}
    few = address.with_query([("page", page) for page in pages[:20]])
    assert (await nginx.ask("GET", few)).headers["Cache-Status"] == "proxy; fwd=uri-miss"
    assert (await nginx.ask("GET", few)).headers["Cache-Status"] == "proxy; hit"


async def test_pages_of_the_proxys_own_address_may_write(nginx: Front) -> None:
    assert (await nginx.post("From the demo article", Origin=nginx.origin)).status == 201
    strange = await nginx.post("From elsewhere", Origin="https://elsewhere.example")
    assert refused(strange, 403)["type"] == "/problems/origin-not-allowed"
    signing_in = await nginx.ask("POST", "/v1/desk/session", headers={"Origin": nginx.origin, **JSON})
    assert refused(signing_in, 400)["type"] == "/problems/malformed"
    preflight = await nginx.ask("OPTIONS", "/v1/comments", headers={"Origin": "https://elsewhere.example"})
    assert (preflight.status, preflight.headers["Access-Control-Allow-Origin"]) == (204, "*")


async def test_what_is_worth_it_is_compressed(nginx: Front) -> None:
    compressed = {"Accept-Encoding": "gzip"}
    for path in ("/embed.js", "/openapi.json", "/desk"):
        answer = await nginx.ask("GET", path, headers=compressed)
        assert answer.headers["Content-Encoding"] == "gzip", path
        assert answer.headers["Vary"] == "Accept-Encoding"
        plain = await nginx.ask("GET", path, headers={"Accept-Encoding": "identity"})
        assert "Content-Encoding" not in plain.headers
        assert plain.body == answer.body
    assert "Content-Encoding" not in (await nginx.ask("GET", "/v1/counts?page=page", headers=compressed)).headers


async def test_connections_to_the_service_are_kept(service: Service) -> None:
    connections = 0
    upstream = URL(service.origin)

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        behind, server = await asyncio.open_connection(upstream.host, upstream.port)
        with contextlib.suppress(ConnectionError):
            await asyncio.gather(_copy(reader, server), _copy(behind, writer))

    async with (
        await asyncio.start_server(pass_on, "127.0.0.1", 0) as counting,
        front(counting.sockets[0].getsockname()[1], worker_processes="1") as nginx,
    ):
        assert (await nginx.post("The bridge is open")).status == 201
        for _ in range(20):
            assert (await nginx.ask("GET", "/v1/comments?page=page")).json["count"] == 1
        assert connections == 1
    kept = re.search(r"keepalive_timeout (\d+)s; # shorter than the service's (\d+)", FILE.read_text())
    assert kept
    assert int(kept[1]) < int(kept[2]) == KEEPALIVE_SECONDS


async def test_of_two_services_one_that_is_away_costs_nobody_an_answer(service: Service) -> None:
    nobody = free_port()
    more = {"fail_timeout=1s;": f"fail_timeout=1s; server 127.0.0.1:{nobody} fail_timeout=1s;"}
    async with front(service.server.port or 0, replace=more, worker_processes="1") as nginx:

        async def its_turn() -> bool:
            assert (await nginx.ask("POST", "/v1/comments")).status == 415
            return any(line["service"] == "502, 415" for line in nginx.told())

        await until(its_turn)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while some := await reader.read(65_536):
        writer.write(some)
    writer.close()


async def test_nothing_personal_is_written_down(service: Service, nginx: Front) -> None:
    told = {"X-Forwarded-For": "203.0.113.77", "User-Agent": "hidden", "Referer": "http://hidden/", "Cookie": "hidden"}
    ids = []
    for method, path in (
        ("POST", "/v1/comments?hidden"), ("GET", "/v1/counts?page=hidden"), ("GET", "/v1/comments?page=hidden"),
        ("GET", "/hidden/path"), ("GET", "/hidden.js"), ("GET", "/metrics?hidden"), ("GET", "/v1/desk/queue?q=hidden"),
        ("POST", "/v1/desk/session"), ("GET", "/v1/desk/comments/hidden"), ("GET", "/problems/hidden"), ("PUT", "/"),
    ):  # fmt: skip  # one request each
        answer = await nginx.ask(
            method, path, data=BytesIO(b"hidden" * 50_000) if method == "POST" else None, headers=told
        )
        ids.append(answer.headers.get("X-Request-Id"))
    await nginx.spoken(b"GET http://hid den/\xff HTTP/1.1\r\nhidden\r\n\r\n")
    await service.server.close()
    assert (await nginx.ask("GET", "/v1/comments?page=hidden", headers=told)).status == 502
    assert (await nginx.ask("GET", "/health/proxy?hidden")).status == 200

    async def all_told() -> bool:
        return len(nginx.told()) > len(ids) + 1

    await until(all_told)
    lines = nginx.told()
    assert [line["request"] for line, known in zip(lines, ids, strict=False) if known] == list(filter(None, ids))
    assert len(list(filter(None, ids))) >= 9
    assert [(line["method"], line["route"], line["status"]) for line in lines] == [
        ("POST", "/v1/comments", 413),
        ("GET", "/v1/counts", 200),
        ("GET", "/v1/comments", 200),
        ("GET", "unknown", 404),
        ("GET", "/{file}", 404),
        ("GET", "unknown", 404),
        ("GET", "/v1/desk/queue", 401),
        ("POST", "/v1/desk/session", 413),
        ("GET", "/v1/desk/comments/{comment}", 401),
        ("GET", "/problems/{slug}", 404),
        ("PUT", "/", 405),
        ("GET", "unknown", 400),
        ("GET", "/v1/comments", 502),
    ]
    written = json.dumps(lines) + nginx.errors()
    for secret in ("hidden", "203.0.113.77", "127.0.0.1"):
        assert secret not in written


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate and its key."""
    openssl = needs("openssl", shutil.which("openssl"))
    certificate, key = tmp_path / "certificate", tmp_path / "key"
    subject = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    command = (openssl, "req", "-x509", *kind, *subject, "-keyout", key, "-out", certificate)
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - constants
    return certificate, key


async def test_tls_ends_here_when_its_lines_are_unmarked(service: Service, certificate: tuple[Path, Path]) -> None:
    port = free_port()
    ours = {"listen 8443 ssl;": f"listen 127.0.0.1:{port} ssl;"}
    async with front(
        service.server.port or 0,
        marks=("tls",),
        replace=ours,
        ssl_certificate=str(certificate[0]),
        ssl_certificate_key=str(certificate[1]),
    ) as nginx:
        trusting = ssl.create_default_context(cafile=certificate[0])
        answer = await nginx.ask("GET", URL(f"https://127.0.0.1:{port}/v1/counts?page=page"), ssl=trusting)
        assert (answer.status, answer.json) == (200, {"counts": {"page": 0}})


# After everything else


async def test_a_count_outlives_the_service_and_is_right_when_it_is_back(orphan: Orphan) -> None:
    async with client(orphan.port, orphan.folder) as nginx:

        async def asked_in_vain() -> bool:
            answer = await nginx.count()
            assert (answer.status, answer.json) == (200, {"counts": {"page": 1}})
            last = nginx.told()[-1]
            return bool((last["cache"], last["service"]) == ("STALE", "502"))

        await until(asked_in_vain)  # before, stale-while-revalidate gave the count; now it is stale-if-error
        refused(await nginx.count("never asked for"), 502)
        with orphan.restart():
            assert (await nginx.post("When it was back")).status == 201
            answer = await nginx.count()
            assert (answer.headers["Cache-Status"], answer.json) == ("proxy; fwd=stale", {"counts": {"page": 2}})
