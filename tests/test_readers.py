"""What article pages may ask, over real HTTP and a real database."""

from __future__ import annotations

import asyncio
import io
import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import asyncpg

    from tests.conftest import Service

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"


async def test_a_good_comment_is_shown_and_counted_at_once(service: Service) -> None:
    answer = await service.post("The bridge should have opened in spring.", author={"name": "Ada"})
    assert answer.status == 201
    assert answer.json["status"] == "approved"
    assert answer.json["author"] == {"name": "Ada"}
    assert answer.json["count"] == 1
    assert answer.json["reasons"] == []
    assert answer.json["submitted_at"] == "2026-05-04T12:00:00Z"
    assert UUID(answer.json["id"]).version == 7
    thread = await service.ask("GET", "/v1/comments", params={"page": "page"})
    assert thread.json["count"] == 1
    assert [comment["body"] for comment in thread.json["comments"]] == ["The bridge should have opened in spring."]
    assert await service.count() == 1


async def test_a_doubtful_comment_waits_and_is_not_counted(service: Service) -> None:
    answer = await service.post("What a fucking mess this bridge is.")
    assert answer.status == 202
    assert answer.json["status"] == "held"
    assert answer.json["reasons"][0]["rule"] == "strong_profanity"
    assert answer.json["reasons"][0]["spans"] == [[7, 14]]
    assert "fuck" not in answer.json["reasons"][0]["message"]
    assert await service.count() == 0
    assert (await service.ask("GET", "/v1/comments", params={"page": "page"})).json["comments"] == []


async def test_reasons_come_in_the_authors_language(service: Service) -> None:
    for header, word in (("de-AT,de;q=0.9", "derbe"), ("en", "strong"), ("xx", "strong"), ("", "strong")):
        answer = await service.post(f"What a fucking mess, {header}", headers={"Accept-Language": header})
        assert word in answer.json["reasons"][0]["message"]
        service.clock.advance(100)


async def test_a_rejected_comment_is_refused_with_reasons_and_stored_for_moderators(
    serve: Callable[..., Any], sql: asyncpg.Connection[Any]
) -> None:
    await sql.execute(
        "insert into policies select site_id, 2, $1::jsonb, now() from sites",
        json.dumps({"rules": {"reject_words": {"action": "reject", "words": ["pumpkin"]}}}),
    )
    async with serve() as service:
        answer = await service.post("You pumpkin!")
        assert answer.status == 422
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json["type"] == "/problems/comment-rejected"
        assert answer.json["reasons"][0]["spans"] == [[4, 11]]
        row = await sql.fetchrow(
            "select status, policy_version, body from comments where comment_id = $1", UUID(answer.json["comment"])
        )
        assert row is not None
        assert tuple(row) == ("rejected", 2, "You pumpkin!")
        assert await service.count() == 0


async def test_what_is_stored_in_one_go_agrees(service: Service, sql: asyncpg.Connection[Any]) -> None:
    answer = await service.post(
        "What a fucking mess this bridge is. Call 030 1234567 now", author={"name": "Ada"}, title="The bridge"
    )
    comment = UUID(answer.json["id"])
    decision = await sql.fetchrow(
        "select seq, from_status, to_status, policy_version from decisions where comment_id = $1", comment
    )
    assert decision is not None
    assert tuple(decision) == (1, None, "held", 1)
    rules = [
        row["rule"]
        for row in await sql.fetch("select rule from findings where comment_id = $1 order by ordinal", comment)
    ]
    assert "strong_profanity" in rules
    assert await sql.fetchval("select title from pages") == "The bridge"


async def test_writing_the_same_again_is_a_duplicate(service: Service) -> None:
    assert (await service.post("I was there when it opened.")).status == 201
    answer = await service.post("i was there, when it opened!")
    assert answer.status == 409
    assert answer.json["type"] == "/problems/comment-duplicate"
    assert await service.count() == 1
    assert (await service.post("I was there when it opened.", page="another")).status == 201


async def test_a_flood_from_one_address_is_held(service: Service) -> None:
    answers = [await service.post(f"Thought number {number} on the bridge") for number in range(7)]
    assert [answer.status for answer in answers] == [201] * 5 + [202] * 2
    service.clock.advance(120)
    assert (await service.post("A calmer thought")).status == 201


async def test_a_banned_address_is_rejected(service: Service, sql: asyncpg.Connection[Any]) -> None:
    await service.post("First")
    await sql.execute(
        "insert into bans select site_id, address_key, now() + interval '100 years' from comments limit 1"
    )
    answer = await service.post("Second")
    assert answer.status == 422
    assert answer.json["reasons"][0]["rule"] == "banned"


async def test_a_new_author_waits_until_one_comment_was_approved(
    serve: Callable[..., Any], sql: asyncpg.Connection[Any]
) -> None:
    await sql.execute(
        "insert into policies select site_id, 2, $1::jsonb, now() from sites",
        json.dumps({"rules": {"new_author": {"action": "hold"}}}),
    )
    async with serve() as service:
        assert (await service.post("My first words here", author={"name": "Ada"})).status == 202
        await sql.execute("update comments set status = 'approved'")
        assert (await service.post("My next words here", author={"name": "Ada"})).status == 201
        assert (await service.post("Somebody else's words", author={"name": "Bob"})).status == 202


@pytest.mark.parametrize(
    ("body", "status", "slug", "length"),
    [
        ("x " * 150 + "x", 422, "comment-too-long", 301),
        ("x" * 301, 422, "comment-too-long", 301),
        ("\n \n" * 10_000, 422, "comment-too-long", 30_000),
        (FAMILY * 300, 422, "comment-too-long", 2100),
        (("e" + "\u0323\u030a" * 20) * 300, 422, "comment-too-long", 300 * 40),
        ("", 422, "comment-empty", None),
        (" \n\t ", 422, "comment-empty", None),
        ("\u200b\u200c\u200d\u2060\ufeff" * 20, 422, "comment-empty", None),
        ("\u0000\u0001", 422, "comment-empty", None),
    ],
)
async def test_length_is_counted_in_code_points_of_the_canonical_body(
    service: Service, sql: asyncpg.Connection[Any], body: str, status: int, slug: str, length: int | None
) -> None:
    answer = await service.post(body)
    assert answer.status == status
    assert answer.json["type"] == f"/problems/{slug}"
    assert answer.json.get("length") == length
    assert answer.json.get("limit") == (300 if length else None)
    assert await sql.fetchval("select count(*) from comments") == 0


@pytest.mark.parametrize("body", ["é" * 300, "\U0001f600" * 300, "文" * 300, " " + "ab " * 100])
async def test_three_hundred_characters_are_taken(service: Service, body: str) -> None:
    assert (await service.post(body)).status in {201, 202}


async def test_control_characters_are_taken_out_of_what_is_stored(service: Service) -> None:
    answer = await service.post("a\u0000b\r\nc\u200b", author={"name": "A\u0000da\nB"})
    assert (answer.status, answer.json["body"], answer.json["author"]) == (201, "ab\nc", {"name": "Ada B"})


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        (b"", None),
        (b"{", None),
        (b"[]", ""),
        (b'"text"', ""),
        (b'{"page": "p", "body": "\xff"}', None),
        (b'{"page": "p", "body": "\\ud800"}', None),
        (b'{"page": "p", "body": "\\udc00 x"}', None),
        (b'{"page": "p", "body": 7}', "/body"),
        (b'{"page": "p", "body": null}', "/body"),
        (b'{"page": 7, "body": "x"}', "/page"),
        (b'{"page": "", "body": "x"}', "/page"),
        (b'{"page": "   ", "body": "x"}', "/page"),
        (b'{"page": "a\\u0000b", "body": "x"}', "/page"),
        (b'{"page": "' + b"p" * 3072 + b'", "body": "x"}', "/page"),
        (b'{"page": "p", "body": "x", "parent": "7"}', "/parent"),
        (b'{"page": "p", "body": "x", "site": "NO SUCH"}', "/site"),
        (b'{"page": "p", "body": "x", "site": "a\\u0000"}', "/site"),
        (b'{"page": "p", "body": "x", "author": {"name": ""}}', "/author/name"),
        (b'{"page": "p", "body": "x", "author": "Ada"}', "/author"),
        (b'{"page": "p", "body": "x", "author": {"name": "' + b"n" * 61 + b'"}}', "/author/name"),
        (b'{"page": "p", "body": "x", "status": "approved"}', ""),
        (b'{"page": "p", "body": "x", "body": "y"}', "/body"),
        (b'{"page": "p", "body": "x", "author": {"name": "a", "name": "b"}}', "/name"),
        (b"[" * 50_000, ""),
        (b'{"page": "p", "body": "x", "title": "' + b"\\u0958" * 300 + b'"}', "/title"),
        (b'{"page": "p", "body": "x", "author": {"name": "' + b"\\u0958" * 60 + b'"}}', "/author/name"),
    ],
)
async def test_what_is_not_a_comment_is_named_and_loses_nothing(
    service: Service, sql: asyncpg.Connection[Any], raw: bytes, pointer: str | None
) -> None:
    answer = await service.ask("POST", "/v1/comments", data=raw, headers={"Content-Type": "application/json"})
    assert answer.status == 400
    assert answer.json["type"] == "/problems/malformed"
    assert answer.json["instance"].startswith("urn:uuid:")
    assert [error["pointer"] for error in answer.json.get("errors", [])] == ([] if pointer is None else [pointer])
    assert await sql.fetchval("select count(*) from comments") == 0


async def test_a_body_of_ten_megabytes_is_too_large(service: Service) -> None:
    answer = await service.ask(
        "POST", "/v1/comments", data=io.BytesIO(b" " * 10_000_000), headers={"Content-Type": "application/json"}
    )
    assert (answer.status, answer.json["type"], answer.json["limit"]) == (413, "/problems/payload-too-large", 131_072)


async def test_a_large_body_of_unknown_length_is_too_large(service: Service) -> None:
    async def chunks() -> Any:
        for _ in range(40):
            yield b" " * 8192

    answer = await service.ask("POST", "/v1/comments", data=chunks(), headers={"Content-Type": "application/json"})
    assert (answer.status, answer.json["type"]) == (413, "/problems/payload-too-large")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
async def test_what_a_form_sends_is_no_json(service: Service, kind: str) -> None:
    answer = await service.ask("POST", "/v1/comments", data=b'{"page":"p","body":"x"}', headers={"Content-Type": kind})
    assert (answer.status, answer.json["type"]) == (415, "/problems/unsupported-media-type")


async def test_an_unknown_site_is_told_so(service: Service) -> None:
    for answer in (
        await service.post("x", site="nowhere"),
        await service.ask("GET", "/v1/comments", params={"page": "p", "site": "nowhere"}),
        await service.ask("GET", "/v1/counts", params={"page": "p", "site": "nowhere"}),
    ):
        assert (answer.status, answer.json["type"]) == (404, "/problems/unknown-site")


async def test_a_reply_needs_its_parent_on_the_same_page_of_the_same_site(
    service: Service, sql: asyncpg.Connection[Any]
) -> None:
    parent = (await service.post("The first word")).json["id"]
    assert (await service.post("An answer to it", parent=parent)).json["parent"] == parent
    held = (await service.post("What a fucking answer")).json["id"]
    await sql.execute("insert into sites (name, created_at) values ('other', now())")
    await sql.execute("insert into policies select site_id, 1, '{}', now() from sites where name = 'other'")
    for answer in (
        await service.post("Elsewhere", page="another", parent=parent),
        await service.post("Elsewhere", site="other", parent=parent),
        await service.post("To what nobody sees", parent=held),
        await service.post("To nothing", parent="01890000-0000-7000-8000-000000000000"),
    ):
        assert (answer.status, answer.json["type"]) == (422, "/problems/parent-not-found")


async def test_a_closed_page_takes_nothing(service: Service, sql: asyncpg.Connection[Any]) -> None:
    await service.post("While it was open")
    await sql.execute("update pages set closed_at = now()")
    answer = await service.post("After it was closed")
    assert (answer.status, answer.json["type"]) == (403, "/problems/page-closed")
    assert await sql.fetchval("select count(*) from comments") == 1


async def test_the_same_key_and_body_give_the_same_answer(service: Service, sql: asyncpg.Connection[Any]) -> None:
    headers = {"Idempotency-Key": "key-1"}
    first = await service.post("Only once, please", headers=headers)
    again = await service.post("Only once, please", headers=headers)
    assert (first.status, first.json) == (again.status, again.json)
    await sql.execute("update comments set status = 'removed'")
    later = await service.post("Only once, please", headers=headers)
    assert (later.status, later.json) == (first.status, first.json)
    assert await sql.fetchval("select count(*) from comments") == 1


async def test_refusals_are_repeated_alike(service: Service, sql: asyncpg.Connection[Any]) -> None:
    headers = {"Idempotency-Key": "key-1"}
    await service.post("The very same words")
    first = await service.post("The very same words", headers=headers)
    again = await service.post("The very same words", headers=headers)
    assert first.status == again.status == 409
    assert {**first.json, "instance": ""} == {**again.json, "instance": ""}
    assert await sql.fetchval("select count(*) from comments") == 2


async def test_the_same_key_at_the_same_time_makes_one_comment(service: Service, sql: asyncpg.Connection[Any]) -> None:
    answers = await asyncio.gather(
        *(service.post("All at once", headers={"Idempotency-Key": "key-1"}) for _ in range(8))
    )
    assert {answer.status for answer in answers} == {201}, [answer.json for answer in answers]
    assert len({answer.body for answer in answers}) == 1
    assert await sql.fetchval("select count(*) from comments") == 1
    assert await service.count() == 1


async def test_the_same_key_with_another_body_is_refused(service: Service) -> None:
    headers = {"Idempotency-Key": "key-1"}
    await service.post("These words", headers=headers)
    answer = await service.post("Other words", headers=headers)
    assert (answer.status, answer.json["type"]) == (422, "/problems/idempotency-key-reused")


@pytest.mark.parametrize("key", ["", "a b", "x" * 201, "é"])
async def test_a_key_is_visible_ascii(service: Service, key: str) -> None:
    answer = await service.post("x", headers={"Idempotency-Key": key})
    assert (answer.status, answer.json["type"]) == (400, "/problems/malformed")


async def test_a_thread_is_paged_both_ways_without_gap_or_repeat(service: Service) -> None:
    written = []
    for number in range(7):
        service.clock.advance(60)
        written.append((await service.post(f"Thought number {number} about it")).json["id"])
    for sort, expected in (("oldest", written), ("newest", written[::-1])):
        seen: list[str] = []
        after: dict[str, str] = {}
        while True:
            answer = await service.ask(
                "GET", "/v1/comments", params={"page": "page", "sort": sort, "limit": 3, **after}
            )
            seen += [comment["id"] for comment in answer.json["comments"]]
            if answer.json["next"] is None:
                break
            after = {"after": answer.json["next"]}
        assert seen == expected


async def test_one_article_has_one_thread_however_its_address_is_written(service: Service) -> None:
    await service.post("x marks", page="HTTPS://News.Example:443/a?utm_source=x&id=7#top")
    asked = ["https://news.example/a?id=7", "https://news.example/a?id=7&fbclid=1", "https://news.example/b"]
    answer = await service.ask("GET", "/v1/counts", params=[("page", page) for page in asked])
    assert answer.json == {"counts": dict(zip(asked, [1, 1, 0], strict=True))}


async def test_counts_can_be_kept_by_caches_and_asked_again(service: Service) -> None:
    await service.post("Something")
    answer = await service.ask("GET", "/v1/counts", params={"page": "page"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "s-maxage" in answer.headers["Cache-Control"]
    assert "stale-if-error" in answer.headers["Cache-Control"]
    tag = answer.headers["ETag"]
    same = await service.ask("GET", "/v1/counts", params={"page": "page"}, headers={"If-None-Match": f'"x", W/{tag}'})
    assert (same.status, same.body) == (304, b"")
    assert same.headers["Access-Control-Allow-Origin"] == "*"
    await service.post("Something else")
    changed = await service.ask("GET", "/v1/counts", params={"page": "page"}, headers={"If-None-Match": tag})
    assert (changed.status, changed.json) == (200, {"counts": {"page": 2}})


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("/v1/counts", "?page"),
        ("/v1/counts?" + "&".join(f"page={number}" for number in range(101)), "?page"),
        ("/v1/counts?page=", "?page"),
        ("/v1/counts?page=a%00", "?page"),
        ("/v1/counts?page=a%ff", "?page"),
        ("/v1/counts?page=a&site=b&site=c", "?site"),
        ("/v1/comments?page=a&page=b", "?page"),
        ("/v1/comments?page=a&limit=0", "?limit"),
        ("/v1/comments?page=a&limit=101", "?limit"),
        ("/v1/comments?page=a&limit=ten", "?limit"),
        ("/v1/comments?page=a&sort=best", "?sort"),
        ("/v1/comments?page=a&after=7", "?after"),
    ],
)
async def test_a_wrong_query_is_named(service: Service, path: str, pointer: str) -> None:
    from yarl import URL  # noqa: PLC0415 - to send the address as it stands

    answer = await service.ask("GET", str(URL(path, encoded=True)))
    assert (answer.status, answer.json["type"]) == (400, "/problems/malformed")
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]


async def test_a_hundred_long_addresses_are_counted(service: Service) -> None:
    pages = [f"https://news.example/{'long-' * 60}{number}" for number in range(100)]
    answer = await service.ask("GET", "/v1/counts", params=[("page", page) for page in pages])
    assert answer.json["counts"] == dict.fromkeys(pages, 0)


async def test_only_a_sites_own_origins_may_write(service: Service, sql: asyncpg.Connection[Any]) -> None:
    foreign = {"Origin": "https://news.example"}
    answer = await service.post("x", headers=foreign)
    assert (answer.status, answer.json["type"]) == (403, "/problems/origin-not-allowed")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert (await service.post("Own", headers={"Origin": service.origin})).status == 201
    for odd in ("null", "http://[", "http://user@evil.example", ""):
        assert (await service.post("None", headers={"Origin": odd})).status == 403
    await sql.execute("update sites set origins = '{https://news.example}'")
    service.clock.advance(10)
    assert (await service.post("Allowed", headers=foreign)).status == 201


async def test_a_browser_may_ask_before_it_writes(service: Service) -> None:
    answer = await service.ask("OPTIONS", "/v1/comments", headers={"Origin": "https://news.example"})
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Idempotency-Key" in answer.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize("path", ["/v1/counts?page=page", "/v1/comments?page=page", "/embed.js", "/", "/health/live"])
async def test_what_can_be_read_can_be_asked_for_its_headers(service: Service, path: str) -> None:
    whole, head = await service.ask("GET", path), await service.ask("HEAD", path)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == whole.headers["Content-Length"]
    assert head.headers.get("ETag") == whole.headers.get("ETag")
