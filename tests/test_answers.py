"""Kept answers as clients see them: the same bytes, dropped with every change, and never kept when in doubt."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from service.answers import ADDRESS_BYTES, OVERHEAD, PAGE_OVERHEAD, Answer, Answers, Dates
from service.counts import page
from service.listener import Listener
from tests.newsroom import Moderator, held, hire, shown
from tests.proxy import Proxy
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import asyncpg

    from tests.conftest import Clock, Service

COUNTS = "/v1/counts?page=page"
THREAD = "/v1/comments?page=page"
PAGE = page(1, "page")


async def raw(service: Service, request: bytes) -> bytes:
    """Send bytes, and return everything that comes until the server closes."""
    parts = urlsplit(service.origin)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(request)
    try:
        async with asyncio.timeout(20):
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize("path", [COUNTS, THREAD])
async def test_a_kept_answer_is_the_first_one_again(service: Service, sql: asyncpg.Connection[Any], path: str) -> None:
    await shown(service)
    first = await service.ask("GET", path)
    await sql.execute("alter table comments rename to gone")  # nothing could be read any more
    await sql.execute("alter table pages rename to away")
    again = await service.ask("GET", path)
    assert (again.status, again.body) == (200, first.body)
    assert {name for name in again.headers if again.headers[name] != first.headers[name]} <= {"Date"}
    assert again.headers["Date"]
    assert again.headers["Content-Type"] == "application/json"
    assert again.headers["Access-Control-Allow-Origin"] == "*"
    assert again.headers["X-Content-Type-Options"] == "nosniff"
    assert "X-Request-Id" not in again.headers  # it would name the request of somebody else
    unchanged = await service.ask("GET", path, headers={"If-None-Match": f'W/"other", W/{again.headers["ETag"]}'})
    assert (unchanged.status, unchanged.body) == (304, b"")
    assert unchanged.headers["ETag"] == again.headers["ETag"]
    assert unchanged.headers["Cache-Control"] == again.headers["Cache-Control"]
    assert (await service.ask("GET", path, headers={"If-None-Match": '"other"'})).status == 200
    head = await service.ask("HEAD", path)
    assert (head.status, head.body, head.headers["ETag"]) == (200, b"", first.headers["ETag"])
    assert head.headers["Content-Length"] == str(len(first.body))


@pytest.mark.parametrize("path", [COUNTS, THREAD])
async def test_clients_that_close_and_those_of_old_are_answered_as_they_ask(service: Service, path: str) -> None:
    await shown(service)
    body = (await service.ask("GET", path)).body
    for request, wish in ((f"GET {path} HTTP/1.1\r\nHost: a", "close"), (f"GET {path} HTTP/1.0", "close")):
        head, _, rest = (await raw(service, f"{request}\r\nConnection: {wish}\r\n\r\n".encode())).partition(b"\r\n\r\n")
        assert head.split(b"\r\n")[0].endswith(b"200 OK")
        assert rest == body
    one = f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    last = f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
    assert (await raw(service, one + one + last)).count(body) == 3
    tagged = last.replace(b"Connection", b"If-None-Match: *\r\nConnection")
    assert b"304 Not Modified" in await raw(service, tagged)


async def test_what_answers_a_comment_says_the_same_whether_or_not_the_connection_stays(service: Service) -> None:
    def request(text: str, version: str, *wish: str) -> bytes:
        body = json.dumps({"page": "page", "body": text}).encode()
        lines = (f"POST /v1/comments HTTP/{version}", "Host: a", "Content-Type: application/json", *wish)
        return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body

    def read(answer: bytes) -> tuple[str, dict[str, str], Any]:
        head, _, body = answer.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        assert len(headers) == len(lines)
        assert int(headers.pop("Content-Length")) == len(body)
        assert headers.pop("Date")
        assert UUID(headers.pop("X-Request-Id"))
        return status.partition(" ")[2], headers, json.loads(body)

    close = "Connection: close"
    both = await raw(service, request("The first words.", "1.1") + request("The next words.", "1.1", close))
    place = both.index(b"HTTP/1.1", 1)
    (stayed, headers, document), (closed, others, _) = read(both[:place]), read(both[place:])
    assert stayed == closed == "201 Created"
    assert others == {**headers, "Connection": "close"}
    assert document["body"] == "The first words."
    old, kept, document = read(await raw(service, request("The last words.", "1.0")))
    assert (old, kept, document["count"]) == ("201 Created", headers, 3)
    assert headers["Server"]
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Type"] == "application/json"


async def test_every_change_of_a_page_is_in_the_next_answer(service: Service, clock: Clock, url: str) -> None:
    ada = Moderator(service, await hire(url, clock))

    async def told() -> tuple[int, int]:
        thread = (await service.ask("GET", THREAD)).json
        assert thread["count"] == len(thread["comments"])
        return await service.count(), thread["count"]

    assert await told() == (0, 0)
    comment = await shown(service)
    assert await told() == (1, 1)
    waiting = await held(service)
    assert await told() == (1, 1)
    await ada.decide({"comment": waiting, "action": "approve"})
    assert await told() == (2, 2)
    await ada.decide({"comment": comment, "action": "remove"})
    assert await told() == (1, 1)
    await ada.decide({"comment": comment, "action": "restore"})
    assert await told() == (2, 2)


async def test_a_change_in_one_process_is_in_the_answers_of_another(
    service: Service, serve: Callable[..., Any]
) -> None:
    async with serve() as other:
        assert await other.count() == 0
        await shown(service)

        async def heard() -> bool:
            thread = (await other.ask("GET", THREAD)).json
            return bool(await other.count() == 1 == len(thread["comments"]))

        await until(heard)


async def test_a_crowd_that_asks_at_once_is_answered_by_one_reading(
    service: Service, sql: asyncpg.Connection[Any]
) -> None:
    await shown(service)
    async with sql.transaction():
        await sql.execute("lock table pages in access exclusive mode")
        asking = [asyncio.create_task(service.ask("GET", THREAD)) for _ in range(30)]
        waiting = (
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        )

        async def reading() -> bool:
            return bool(await sql.fetchval(waiting))

        await until(reading)
        assert await sql.fetchval(waiting) == 1
    assert {(await answer).body for answer in asking} == {(await service.ask("GET", THREAD)).body}


@pytest.fixture
async def proxied(
    url: str, serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Service, Proxy]]:
    async with Proxy(url) as proxy:
        monkeypatch.setattr("service.app.Listener", lambda _url, audience: Listener(proxy.url, audience))
        async with serve() as service:
            yield service, proxy


async def test_while_changes_may_be_missed_no_cache_keeps_a_count(proxied: tuple[Service, Proxy]) -> None:
    service, proxy = proxied
    await shown(service)
    assert "max-age=1" in (await service.ask("GET", COUNTS)).headers["Cache-Control"]
    assert b"trecento_listening 1" in (await service.ask("GET", "/metrics")).body
    await proxy.cut()

    async def unsure() -> bool:
        answer = await service.ask("GET", COUNTS)
        assert answer.json["counts"]["page"] == 1
        return "max-age=0" in answer.headers["Cache-Control"]

    await until(unsure)
    assert b"trecento_listening 0" in (await service.ask("GET", "/metrics")).body
    await shown(service, 2)
    assert await service.count() == 2
    assert len((await service.ask("GET", THREAD)).json["comments"]) == 2
    await proxy.restore()

    async def sure() -> bool:
        answer = await service.ask("GET", COUNTS)
        assert answer.json["counts"]["page"] == 2
        return "max-age=1" in answer.headers["Cache-Control"]

    await until(sure)


def answers(*, kept_bytes: int) -> Answers:
    return Answers(kept_bytes=kept_bytes, dates=Dates(lambda: 0.0))


def test_the_longest_unused_answers_go_when_there_are_too_many() -> None:
    kept = answers(kept_bytes=3 * OVERHEAD + 3 * PAGE_OVERHEAD)
    for address in ("a", "b"):
        kept.keep(address, kept.made("route", b"x", {}), [PAGE])
    assert kept.get("a")
    kept.keep("c", kept.made("route", b"x", {}), [PAGE])
    assert [bool(kept.get(address)) for address in "abc"] == [True, False, True]
    kept.keep("d" * (ADDRESS_BYTES + 1), kept.made("route", b"x", {}), [PAGE])
    assert kept.get("d" * (ADDRESS_BYTES + 1)) is None
    kept.keep("e", kept.made("route", b"x" * 5 * OVERHEAD, {}), [PAGE])
    assert kept.get("e") is None


def test_an_answer_about_many_pages_weighs_more() -> None:
    kept = answers(kept_bytes=100 * OVERHEAD)
    pages = [page(1, str(number)) for number in range(100)]
    kept.keep("a", kept.made("route", b"x", {}), pages[:1])
    one = kept.size
    kept.keep("b", kept.made("route", b"x", {}), pages)
    assert kept.size - 2 * one == 99 * PAGE_OVERHEAD
    kept.drop(pages[50])
    assert kept.size == one


async def test_whoever_asks_after_a_change_does_not_get_what_was_read_before_it() -> None:
    kept = answers(kept_bytes=100 * OVERHEAD)
    gates = [asyncio.Event(), asyncio.Event()]

    async def make(number: int) -> Answer:
        await gates[number].wait()
        return kept.made("route", str(number).encode(), {})

    before = [asyncio.create_task(kept.of("a", lambda: make(0))) for _ in range(2)]
    await asyncio.sleep(0)
    kept.drop(PAGE)
    after = [asyncio.create_task(kept.of("a", lambda: make(1))) for _ in range(2)]
    await asyncio.sleep(0)
    gates[0].set()
    assert len({(await answer).tag for answer in before}) == 1
    last = asyncio.create_task(kept.of("a", lambda: make(1)))
    gates[1].set()
    assert {(await answer).tag for answer in after} == {(await last).tag} != {(await before[0]).tag}


async def test_a_client_that_does_not_read_is_not_answered_without_end(service: Service) -> None:
    sent = 3000
    for number in range(50):
        await shown(service, number)
        service.clock.advance(60)
    body = (await service.ask("GET", THREAD)).body

    async def answered() -> int:
        metrics = (await service.ask("GET", "/metrics")).body.decode()
        [line] = [
            line
            for line in metrics.splitlines()
            if line.startswith('trecento_requests_total{method="GET",route="/v1/comments"')
        ]
        return int(float(line.rpartition(" ")[2]))

    parts = urlsplit(service.origin)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1024)
    try:
        writer.write(f"GET {THREAD} HTTP/1.1\r\nHost: a\r\n\r\n".encode() * sent)
        seen = [await answered()]
        while len(seen) < 10 or seen[-10] != seen[-1]:
            seen.append(await answered())
        assert 0 < seen[-1] < sent
        async with asyncio.timeout(20):
            for _ in range(sent):
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200 OK")
                await reader.readexactly(len(body))
        assert await answered() == sent + 1
    finally:
        writer.close()


def test_a_page_takes_along_every_answer_that_tells_of_it_and_no_other() -> None:
    kept = answers(kept_bytes=100 * OVERHEAD)
    other = page(1, "other")
    for address, pages in {"a": [PAGE], "b": [other], "both": [PAGE, other]}.items():
        kept.keep(address, kept.made("route", b"x", {}), pages)
    kept.drop(PAGE)
    assert [bool(kept.get(address)) for address in ("a", "b", "both")] == [False, True, False]
    kept.drop(PAGE)
    kept.clear()
    assert kept.get("b") is None


def test_the_date_is_that_of_the_clock() -> None:
    seconds = [0.0]
    dates = Dates(lambda: seconds[0])
    assert dates() == dates() == b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
    seconds[0] = 1.5
    assert dates() == b"Date: Thu, 01 Jan 1970 00:00:01 GMT\r\n"


def test_an_answer_knows_its_size() -> None:
    answer = Answer(Dates(), "route", b"x" * 500, {"A": "b"})
    assert answer.size > 500 + OVERHEAD
    assert answer.tag.startswith('"')
