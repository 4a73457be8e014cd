"""What moderators may ask, over real HTTP and a real database."""

from __future__ import annotations

import asyncio
import io
import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from service.desk import DECISIONS_BYTES
from service.identity import SESSION
from service.wire import COOKIE
from tests.newsroom import PASSWORD, TOKEN_LIFE, Moderator, held, hire, shown

if TYPE_CHECKING:
    import asyncpg

    from tests.conftest import Answer, Clock, Service

NOBODY = "01890000-0000-7000-8000-000000000000"


@pytest.fixture
async def ada(url: str, clock: Clock, service: Service) -> Moderator:
    return Moderator(service, await hire(url, clock))


@pytest.fixture
async def bob(url: str, clock: Clock, ada: Moderator) -> Moderator:
    return Moderator(ada.service, await hire(url, clock, "Bob"))


async def sign_in(service: Service, name: str = "Ada", password: str = PASSWORD, **more: Any) -> Answer:
    headers = more.pop("headers", {})
    body = {"name": name, "password": password, **more}
    return await service.ask("POST", "/v1/desk/session", json=body, headers=headers)


def cookie_of(answer: Answer) -> dict[str, str]:
    """The header that a browser sends back after an answer."""
    return {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}


async def test_a_moderator_signs_in_works_and_signs_out(ada: Moderator) -> None:
    service = ada.service
    answer = await sign_in(service)
    cookie = cookie_of(answer)
    assert answer.status == 201
    assert answer.json["site"] == "default"
    assert answer.json["moderator"]["name"] == "Ada"
    assert (await service.ask("GET", "/v1/desk/session", headers=cookie)).json == answer.json
    assert (await service.ask("GET", "/v1/desk/queue", headers=cookie)).status == 200
    left = await service.ask("DELETE", "/v1/desk/session", headers=cookie)
    assert (left.status, left.body) == (204, b"")
    assert "Max-Age=0" in left.headers["Set-Cookie"]
    assert "Path=/v1/desk" in left.headers["Set-Cookie"]
    kept = await service.ask("GET", "/v1/desk/session", headers=cookie)
    assert (kept.status, kept.json["type"]) == (401, "/problems/sign-in-required")
    assert (await ada.ask("DELETE", "session")).status == 204
    assert (await ada.ask("GET", "session")).status == 200


async def test_a_session_cookie_is_kept_from_scripts_and_other_sites(ada: Moderator) -> None:
    service = ada.service
    for host, secure in (
        ("127.0.0.1:8080", False),
        ("localhost", False),
        ("[::1]:8080", False),
        ("news.example", True),
        ("localhost.news.example", True),
        ("[", True),
        ("127.0.0.1:x", True),
    ):
        cookie = (await sign_in(service, headers={"Host": host})).headers["Set-Cookie"]
        name, *attributes = cookie.split("; ")
        expected = {"HttpOnly", "SameSite=Strict", "Path=/v1/desk", f"Max-Age={int(SESSION.total_seconds())}"}
        assert name.startswith(f"{COOKIE}=")
        assert set(attributes) == expected | ({"Secure"} if secure else set()), host


async def test_who_cannot_sign_in_learns_nothing_of_who_exists(
    ada: Moderator,
) -> None:
    answers = [
        await sign_in(ada.service, password="wrong"),
        await sign_in(ada.service, name="Eve"),
        await sign_in(ada.service, name="ada"),
        await sign_in(ada.service, name="\u0000"),
    ]
    for answer in answers:
        assert (answer.status, answer.json["type"]) == (401, "/problems/sign-in-failed")
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["WWW-Authenticate"]
    assert len({json.dumps({**answer.json, "instance": ""}) for answer in answers}) == 1
    assert (await sign_in(ada.service, site="nowhere")).json["type"] == "/problems/unknown-site"
    assert (await sign_in(ada.service, name=" Ada\u200b ")).status == 201


async def test_a_sign_in_of_another_form_is_named(service: Service) -> None:
    forms: list[tuple[dict[str, Any], str]] = [
        ({"name": "Ada"}, ""),
        ({"name": "", "password": "x"}, "/name"),
        ({"name": "Ada", "password": ""}, "/password"),
        ({"name": "Ada", "password": "x" * 501}, "/password"),
        ({"name": "Ada", "password": "x", "admin": True}, ""),
        ({"name": "Ada", "password": "x", "site": "A"}, "/site"),
    ]
    for body, pointer in forms:
        answer = await service.ask("POST", "/v1/desk/session", json=body)
        assert (answer.status, answer.json["errors"][0]["pointer"]) == (400, pointer), body


async def test_sessions_and_tokens_end_with_their_time(
    ada: Moderator, clock: Clock, sql: asyncpg.Connection[Any]
) -> None:
    cookie = cookie_of(await sign_in(ada.service))
    clock.advance(SESSION.total_seconds() - 1)
    assert (await ada.service.ask("GET", "/v1/desk/session", headers=cookie)).status == 200
    clock.advance(1)
    assert (await ada.service.ask("GET", "/v1/desk/session", headers=cookie)).status == 401
    assert (await ada.ask("GET", "session")).status == 200
    clock.advance(TOKEN_LIFE.total_seconds())
    assert (await ada.ask("GET", "session")).status == 401
    await sign_in(ada.service)
    assert await sql.fetchval("select count(*) from credentials") == 1


async def test_secrets_are_stored_as_hashes_only(ada: Moderator, sql: asyncpg.Connection[Any]) -> None:
    secret = cookie_of(await sign_in(ada.service))["Cookie"].partition("=")[2]
    rows = await sql.fetch("select credentials::text as row from credentials")
    assert len(rows) == 2
    for row in rows:
        for hidden in (secret, ada.token):
            assert hidden.partition(".")[2] not in row["row"]
            assert hidden.partition(".")[2].encode().hex() not in row["row"]
    assert PASSWORD not in await sql.fetchval("select moderators::text from moderators")


async def test_a_tampered_token_opens_nothing(ada: Moderator, url: str, clock: Clock) -> None:
    other = await hire(url, clock, site="other")
    site, _, rest = ada.token.partition(".")
    for token in (
        "",
        "x",
        ".",
        "1",
        "1.",
        f"{other.partition('.')[0]}.{rest}",
        f"0{site}.{rest}",
        f"{site}.{rest}x",
        f"{site}.{rest[:-1]}",
        f"{site}.{rest[::-1]}",
        f"-{site}.{rest}",
        f"\u0661.{rest}",
        f"{'9' * 18}.{rest}",
        f"{'9' * 19}.{rest}",
        "é" * 100,
        "\udcff.x",
        "a" * 6000,
    ):
        for headers in ({"Authorization": f"Bearer {token}"}, {"Cookie": f"{COOKIE}={token}"}):
            answer = await ada.service.ask("GET", "/v1/desk/session", headers=headers)
            assert (answer.status, answer.json["type"]) == (401, "/problems/sign-in-required"), token
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert answer.headers["Cache-Control"] == "no-store"
    for scheme in ("bearer", "BEARER"):
        answer = await ada.service.ask("GET", "/v1/desk/session", headers={"Authorization": f"{scheme}  {ada.token} "})
        assert answer.status == 200
    basic = await ada.service.ask("GET", "/v1/desk/session", headers={"Authorization": f"Basic {ada.token}"})
    assert basic.status == 401


async def test_the_desk_is_for_moderators(service: Service) -> None:
    for method, path in (
        ("GET", "session"),
        ("DELETE", "session"),
        ("GET", "queue"),
        ("GET", f"comments/{NOBODY}"),
        ("POST", "decisions"),
    ):
        answer = await service.ask(method, f"/v1/desk/{path}")
        assert (answer.status, answer.json["type"]) == (401, "/problems/sign-in-required"), path


async def test_another_sites_moderator_sees_and_decides_nothing(ada: Moderator, url: str, clock: Clock) -> None:
    comment = await held(ada.service)
    stranger = Moderator(ada.service, await hire(url, clock, "Ada", site="other"))
    assert await stranger.queue() == {"total": 0, "comments": [], "next": None}
    answer = await stranger.ask("GET", f"comments/{comment}")
    assert (answer.status, answer.json["type"]) == (404, "/problems/not-found")
    [result] = await stranger.decide({"comment": comment, "action": "approve"})
    assert (result["comment"], result["status"], result["error"]["type"]) == (comment, None, "/problems/not-found")
    assert (await ada.queue())["total"] == 1
    assert len(await ada.history(comment)) == 1
    assert (await sign_in(ada.service, site="other")).json["site"] == "other"


async def test_a_page_of_another_site_cannot_use_a_moderators_browser(ada: Moderator) -> None:
    service = ada.service
    own = service.origin
    comment = await held(service)
    refused = (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Origin": "://"},
        {"Origin": ""},
        {"Origin": f"{own}.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": own},
        {"Sec-Fetch-Site": ""},
    )
    decision = {"decisions": [{"comment": comment, "action": "approve"}]}
    for headers in refused:
        answers = (
            await ada.ask("POST", "decisions", json=decision, headers=headers),
            await ada.ask("DELETE", "session", headers=headers),
            await sign_in(service, headers=headers),
        )
        for answer in answers:
            assert (answer.status, answer.json["type"]) == (403, "/problems/cross-site"), headers
    assert len(await ada.history(comment)) == 1
    for headers in ({"Origin": own}, {"Origin": own, "Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}):
        assert (await ada.ask("POST", "decisions", json=decision, headers=headers)).status == 200
    assert (await ada.ask("GET", "queue", headers={"Origin": "https://evil.example"})).status == 200


async def test_sign_ins_are_limited_by_address(ada: Moderator, clock: Clock) -> None:
    unfinished = [await ada.service.ask("POST", "/v1/desk/session", json={}) for _ in range(11)]
    assert [answer.status for answer in unfinished] == [400] * 10 + [429]
    refused = await sign_in(ada.service)
    assert (refused.status, refused.json["type"]) == (429, "/problems/rate-limited")
    clock.advance(int(refused.headers["Retry-After"]))
    assert (await sign_in(ada.service)).status == 201
    assert (await sign_in(ada.service)).status == 429
    assert (await ada.ask("GET", "session")).status == 200


async def test_the_queue_shows_what_waits_with_what_was_found(ada: Moderator) -> None:
    await shown(ada.service)
    answer = await ada.service.post(
        "What a fucking mess, call 030 1234567", author={"name": "Eve"}, title="The <bridge>"
    )
    listed = await ada.queue()
    assert (listed["total"], listed["next"]) == (1, None)
    [comment] = listed["comments"]
    findings = comment.pop("findings")
    assert comment == {
        "id": answer.json["id"],
        "page": "page",
        "page_title": "The <bridge>",
        "author": {"name": "Eve"},
        "body": "What a fucking mess, call 030 1234567",
        "status": "held",
        "submitted_at": "2026-05-04T12:00:00Z",
    }
    [profanity] = [finding for finding in findings if finding["rule"] == "strong_profanity"]
    assert profanity["effect"] == "hold"
    assert profanity["spans"] == [[7, 14]]
    assert profanity["message"].startswith("Strong profanity (")
    assert profanity["shadow"] is profanity["failed"] is False
    assert 0 < profanity["score"] <= 1
    assert "contact_details" in {finding["rule"] for finding in findings}
    assert {comment["status"] for comment in (await ada.queue(status="approved"))["comments"]} == {"approved"}
    assert (await ada.queue(status="removed"))["comments"] == []


@pytest.mark.parametrize("sort", ["riskiest", "newest", "oldest"])
async def test_the_queue_is_paged_without_gap_or_repeat(
    ada: Moderator, clock: Clock, sql: asyncpg.Connection[Any], sort: str
) -> None:
    written = []
    for number in range(11):
        clock.advance(20)
        written.append(await held(ada.service, number))
    risks = [0.1, 0.97, 0.97, 0.3, 1, 0, 0.97, 1 / 3, 0.1, 0.97, 1]
    for comment, risk in zip(written, risks, strict=True):
        await sql.execute("update comments set risk = $2 where comment_id = $1", comment, risk)
    expected = {
        "oldest": written,
        "newest": written[::-1],
        "riskiest": [comment for _, comment in sorted(zip(risks, written, strict=True), reverse=True)],
    }[sort]
    for limit in (1, 3, 10, 11, 100):
        seen: list[str] = []
        more: dict[str, str] = {}
        while True:
            listed = await ada.queue(sort=sort, limit=limit, **more)
            assert listed["total"] == 11
            assert 0 < len(listed["comments"]) <= limit
            seen += [comment["id"] for comment in listed["comments"]]
            if listed["next"] is None:
                break
            more = {"after": listed["next"]}
        assert seen == expected, limit


async def test_a_list_goes_on_where_it_was_although_comments_left_it(ada: Moderator, clock: Clock) -> None:
    written = []
    for number in range(6):
        clock.advance(20)
        written.append(await held(ada.service, number))
    first = await ada.queue(sort="oldest", limit=3)
    await ada.decide(*({"comment": comment, "action": "approve"} for comment in written[:3]))
    rest = await ada.queue(sort="oldest", limit=3, after=first["next"])
    assert [comment["id"] for comment in rest["comments"]] == written[3:]


async def test_the_queue_is_searched_for_what_was_typed_and_nothing_else(ada: Moderator, clock: Clock) -> None:
    bodies = [
        "fucking 100% sure",
        "fucking 100 times",
        "fucking snake_case",
        "fucking snakeXcase",
        "fucking O'Hara \\d",
    ]
    for body in bodies:
        clock.advance(60)
        assert (await ada.service.post(body, author={"name": "Żółć 7"})).status == 202
    for words, found in (
        ("100%", bodies[:1]),
        ("100", bodies[:2]),
        ("%", bodies[:1]),
        ("_", bodies[2:3]),
        ("e_c", bodies[2:3]),
        ("O'HARA", bodies[4:]),
        ("\\d", bodies[4:]),
        ("\\", bodies[4:]),
        ("'", bodies[4:]),
        ('"', []),
        ("żÓŁĆ", bodies),
        ("z\u0307o\u0301łc\u0301", bodies),
        ("fuck\u0000ing", bodies),
        ("'; drop table comments; --", []),
        ("{}", []),
        ("x" * 300, []),
    ):
        listed = await ada.queue(sort="oldest", q=words)
        assert [comment["body"] for comment in listed["comments"]] == found, words
    assert len((await ada.queue(q=""))["comments"]) == len(bodies)


async def test_a_search_that_does_not_reach_all_goes_on(
    service: Service, ada: Moderator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.moderators.SEARCHED", 2)
    ids = [await held(service, number) for number in range(5)]
    for sort, place in (("oldest", 4), ("newest", 0), ("riskiest", 0)):
        found: list[str] = []
        asked = 0
        after: dict[str, str] = {}
        while not asked or after:
            answer = await ada.queue(sort=sort, q=f"number {place} is", **after)
            found += [comment["id"] for comment in answer["comments"]]
            after = {"after": answer["next"]} if answer["next"] else {}
            asked += 1
        assert (found, asked) == ([ids[place]], 3)


async def test_a_wrong_query_is_named(ada: Moderator) -> None:
    for query, pointer in (
        ("after=", "?after"),
        ("after=7", "?after"),
        (f"after={NOBODY}", "?after"),
        (f"after={NOBODY}~", "?after"),
        (f"after={NOBODY}~x", "?after"),
        (f"after={NOBODY}~nan", "?after"),
        (f"after={NOBODY}~inf", "?after"),
        (f"after={NOBODY}~-1", "?after"),
        (f"after={NOBODY}~1e300", "?after"),
        (f"after={NOBODY}~0.5~0.5", "?after"),
        ("after=x~0.5", "?after"),
        ("after=" + "x" * 101, "?after"),
        ("status=approve", "?status"),
        ("status=held&status=held", "?status"),
        ("sort=best", "?sort"),
        ("limit=0", "?limit"),
        ("limit=101", "?limit"),
        ("limit=1.5", "?limit"),
        ("limit=99999999999999999999999", "?limit"),
        ("q=" + "x" * 301, "?q"),
        ("q=%ff", "?q"),
    ):
        for sort in ("",) if "sort" in query else ("&sort=riskiest", "&sort=newest"):
            answer = await ada.ask("GET", f"queue?{query}{sort}")
            assert (answer.status, answer.json.get("type")) == (400, "/problems/malformed"), query
            assert [error["pointer"] for error in answer.json["errors"]] == [pointer], query


async def test_one_comment_is_shown_with_its_authors_record_and_history(ada: Moderator, clock: Clock) -> None:
    author = {"name": "Eve"}
    first = (await ada.service.post("The first of many words", author=author)).json["id"]
    await ada.service.post("The second of many words", author=author)
    clock.advance(3)
    comment = (await ada.service.post("What a fucking bridge", author=author)).json["id"]
    await ada.decide({"comment": first, "action": "remove"})
    clock.advance(1)
    await ada.decide({"comment": comment, "action": "approve", "reason": "quoted", "note": "says the mayor"})
    answer = await ada.ask("GET", f"comments/{comment}")
    assert answer.status == 200
    assert answer.json["policy_version"] == 1
    assert answer.json["author_record"] == {"approved": 2, "held": 0, "rejected": 0, "removed": 1}
    assert answer.json["findings"][0]["message"]
    assert answer.json["history"] == [
        {
            "seq": 1,
            "from": None,
            "to": "held",
            "by": {"moderator": None, "policy": 1},
            "reason": None,
            "note": None,
            "at": "2026-05-04T12:00:03Z",
        },
        {
            "seq": 2,
            "from": "held",
            "to": "approved",
            "by": {"moderator": "Ada", "policy": None},
            "reason": "quoted",
            "note": "says the mayor",
            "at": "2026-05-04T12:00:04Z",
        },
    ]


async def test_a_comment_is_asked_for_by_its_id(ada: Moderator) -> None:
    for wrong in ("7", "x" * 36, "%00", NOBODY[:-1]):
        answer = await ada.ask("GET", f"comments/{wrong}")
        assert (answer.status, answer.json["type"]) == (400, "/problems/malformed"), wrong
    answer = await ada.ask("GET", f"comments/{NOBODY}")
    assert (answer.status, answer.json["type"]) == (404, "/problems/not-found")


async def test_counts_follow_every_decision(ada: Moderator) -> None:
    waiting, open_ = await held(ada.service), await shown(ada.service)
    counted = 1
    status = {waiting: "held", open_: "approved"}
    for comment, action, after in (
        (waiting, "approve", "approved"),
        (waiting, "approve", "approved"),
        (waiting, "remove", "removed"),
        (waiting, "reject", "rejected"),
        (waiting, "restore", "removed"),
        (waiting, "restore", "rejected"),
        (waiting, "restore", "removed"),
        (open_, "reject", "rejected"),
        (open_, "restore", "approved"),
        (open_, "approve", "approved"),
        (open_, "restore", "rejected"),
        (waiting, "approve", "approved"),
        (waiting, "restore", "removed"),
        (waiting, "restore", "approved"),
    ):
        [result] = await ada.decide({"comment": comment, "action": action, "expected": status[comment]})
        assert result == {"comment": comment, "status": after, "error": None}
        counted += (after == "approved") - (status[comment] == "approved")
        status[comment] = after
        assert await ada.service.count() == counted
        assert len((await ada.service.ask("GET", "/v1/comments?page=page")).json["comments"]) == counted
    assert [line["to"] for line in await ada.history(open_)] == ["approved", "rejected", "approved", "rejected"]


async def test_what_is_no_longer_expected_is_a_conflict_that_names_who_was_first(
    ada: Moderator, bob: Moderator, clock: Clock
) -> None:
    comment = await held(ada.service)
    clock.advance(5)
    await ada.decide({"comment": comment, "action": "approve", "expected": "held", "note": "fine"})
    clock.advance(5)
    [result] = await bob.decide({"comment": comment, "action": "reject", "expected": "held"})
    error = result.pop("error")
    assert result == {"comment": comment, "status": "approved"}
    assert (error["type"], error["status"], error["current"]) == ("/problems/decision-conflict", 409, "approved")
    assert error["latest"] == {
        "seq": 2,
        "from": "held",
        "to": "approved",
        "by": {"moderator": "Ada", "policy": None},
        "reason": None,
        "note": "fine",
        "at": "2026-05-04T12:00:05Z",
    }
    assert await ada.service.count() == 1
    assert len(await ada.history(comment)) == 2


async def test_what_the_policy_decided_cannot_be_undone_but_may_conflict(ada: Moderator) -> None:
    comment = await held(ada.service)
    [result] = await ada.decide({"comment": comment, "action": "restore"})
    assert result["status"] == "held"
    assert result["error"]["type"] == "/problems/nothing-to-restore"
    assert result["error"]["status"] == 409
    [result] = await ada.decide({"comment": comment, "action": "approve", "expected": "rejected"})
    assert result["error"]["type"] == "/problems/decision-conflict"
    assert result["error"]["latest"]["by"] == {"moderator": None, "policy": 1}
    assert len(await ada.history(comment)) == 1


async def test_every_decision_of_a_request_is_answered_for_itself(ada: Moderator) -> None:
    first, second = await held(ada.service, 1), await held(ada.service, 2)
    results = await ada.decide(
        {"comment": first, "action": "approve", "expected": "held"},
        {"comment": NOBODY, "action": "approve"},
        {"comment": first, "action": "reject", "expected": "held"},
        {"comment": first, "action": "remove", "expected": "approved"},
        {"comment": second, "action": "restore"},
        {"comment": second, "action": "reject"},
    )
    assert [(result["comment"], result["status"]) for result in results] == [
        (first, "approved"),
        (NOBODY, None),
        (first, "approved"),
        (first, "removed"),
        (second, "held"),
        (second, "rejected"),
    ]
    slugs = [result["error"] and result["error"]["type"].removeprefix("/problems/") for result in results]
    assert slugs == [None, "not-found", "decision-conflict", None, "nothing-to-restore", None]
    assert await ada.service.count() == 0


async def test_a_hundred_decisions_are_carried_out_at_once(ada: Moderator) -> None:
    written = [await shown(ada.service, number) for number in range(3)]
    note = "é" * 1000
    decisions = [
        {"comment": comment, "action": action, "note": note, "reason": "r" * 100}
        for action in ("remove", "approve") * 17
        for comment in written
    ][:100]
    results = await ada.decide(*decisions)
    assert [(result["error"], result["status"]) for result in results] == [
        (None, "removed" if decision["action"] == "remove" else "approved") for decision in decisions
    ]
    history = await ada.history(written[0])
    assert len(history) == 35
    assert history[-1]["note"] == note


async def test_two_moderators_at_once_agree_on_who_was_first(ada: Moderator, bob: Moderator) -> None:
    comment = await held(ada.service)
    tries = [
        who.decide({"comment": comment, "action": action, "expected": "held"})
        for _ in range(5)
        for who, action in ((ada, "approve"), (bob, "reject"))
    ]
    results = [result for [result] in await asyncio.gather(*tries)]
    won = [result for result in results if result["error"] is None]
    assert len(won) == 1
    history = await ada.history(comment)
    assert [line["to"] for line in history] == ["held", won[0]["status"]]
    for result in results:
        if result["error"]:
            assert result["error"]["type"] == "/problems/decision-conflict"
            assert result["error"]["latest"] == history[-1]
    assert await ada.service.count() == (won[0]["status"] == "approved")


async def test_everything_that_happens_at_once_is_in_the_history(ada: Moderator, bob: Moderator) -> None:
    comment = await held(ada.service)
    await asyncio.gather(
        *(
            who.decide({"comment": comment, "action": action})
            for who in (ada, bob)
            for action in ("approve", "reject", "remove", "restore") * 3
        )
    )
    history = await ada.history(comment)
    assert [line["seq"] for line in history] == list(range(1, len(history) + 1))
    for before, after in pairwise(history):
        assert after["from"] == before["to"]
        assert after["from"] != after["to"]
    status = (await ada.ask("GET", f"comments/{comment}")).json["status"]
    assert status == history[-1]["to"]
    assert await ada.service.count() == (status == "approved")


async def test_notes_and_reasons_are_cleaned_like_comments(ada: Moderator) -> None:
    comment = await held(ada.service)
    [result] = await ada.decide(
        {"comment": comment, "action": "approve", "reason": "\u202espam\u0000", "note": " a\u0000\u200bb\r\nc\ue000 "}
    )
    assert result["error"] is None
    assert [(line["reason"], line["note"]) for line in await ada.history(comment)][1] == ("spam", "ab\nc\ue000")
    await ada.decide({"comment": comment, "action": "reject", "reason": "\u200b", "note": "\u0000"})
    assert [(line["reason"], line["note"]) for line in await ada.history(comment)][2] == (None, None)


async def test_a_note_that_grows_in_its_canonical_form_is_told_its_length(ada: Moderator) -> None:
    comment = await held(ada.service)
    grows = "\u0958"  # two code points in NFC
    for name, limit in (("note", 1000), ("reason", 100)):
        decision = {"comment": comment, "action": "approve", name: grows * limit}
        answer = await ada.ask("POST", "decisions", json={"decisions": [decision]})
        assert (answer.status, answer.json["type"]) == (400, "/problems/malformed")
        assert answer.json["errors"][0]["pointer"] == f"/decisions/0/{name}"
    assert len(await ada.history(comment)) == 1


async def test_decisions_of_another_form_are_named(ada: Moderator) -> None:
    forms: list[tuple[object, str]] = [
        ([], ""),
        ({}, ""),
        ({"decisions": []}, "/decisions"),
        ({"decisions": [{"comment": NOBODY, "action": "approve"}] * 101}, "/decisions"),
        ({"decisions": [{"comment": NOBODY, "action": "approve"}], "as": "Bob"}, ""),
        ({"decisions": [{"comment": NOBODY, "action": "approve", "by": "Bob"}]}, "/decisions/0"),
        (
            {"decisions": [{"comment": NOBODY, "action": "approve"}, {"comment": "7", "action": "approve"}]},
            "/decisions/1/comment",
        ),
        ({"decisions": [{"comment": NOBODY, "action": "delete"}]}, "/decisions/0/action"),
        ({"decisions": [{"comment": NOBODY, "action": "approve", "expected": "gone"}]}, "/decisions/0/expected"),
        ({"decisions": [{"comment": NOBODY, "action": "approve", "note": "x" * 1001}]}, "/decisions/0/note"),
        ({"decisions": [{"comment": NOBODY, "action": "approve", "reason": "x" * 101}]}, "/decisions/0/reason"),
    ]
    for body, pointer in forms:
        answer = await ada.ask("POST", "decisions", json=body)
        assert (answer.status, answer.json["type"]) == (400, "/problems/malformed"), body
        assert answer.json["errors"][0]["pointer"] == pointer, body


async def test_what_is_wrong_in_one_decision_keeps_all_from_being_carried_out(ada: Moderator) -> None:
    comment = await held(ada.service)
    body = {"decisions": [{"comment": comment, "action": "approve"}, {"comment": comment, "action": "delete"}]}
    assert (await ada.ask("POST", "decisions", json=body)).status == 400
    assert len(await ada.history(comment)) == 1


async def test_more_than_any_decisions_need_is_not_read(ada: Moderator) -> None:
    answer = await ada.ask(
        "POST", "decisions", data=io.BytesIO(b" " * (DECISIONS_BYTES + 1)), headers={"Content-Type": "application/json"}
    )
    assert (answer.status, answer.json["type"]) == (413, "/problems/payload-too-large")
    assert answer.json["limit"] == DECISIONS_BYTES


async def test_what_was_decided_before_the_database_went_away_is_said(
    ada: Moderator, sql: asyncpg.Connection[Any]
) -> None:
    comments = [await held(ada.service, number) for number in range(3)]
    async with sql.transaction():
        await sql.execute("select from comments where comment_id = $1 for update", UUID(comments[1]))
        deciding = asyncio.create_task(ada.decide(*({"comment": one, "action": "approve"} for one in comments)))
        cut = (
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and wait_event_type = 'Lock'"
        )
        async with asyncio.timeout(20):
            while not await sql.fetchval(cut):  # noqa: ASYNC110 - the server has no event to wait for
                await asyncio.sleep(0.01)
        results = await deciding
    assert [result["status"] for result in results] == ["approved", None, None]
    assert [result["error"] and result["error"]["type"] for result in results] == [
        None,
        "/problems/database-unavailable",
        "/problems/database-unavailable",
    ]
    assert await ada.service.count() == 1


async def test_a_restore_that_is_sent_again_is_answered_like_the_first(service: Service, ada: Moderator) -> None:
    comment = await held(service)
    await ada.decide({"comment": comment, "action": "remove"})
    for _ in range(3):
        [result] = await ada.decide({"comment": comment, "action": "restore"})
        assert (result["status"], result["error"]) == ("held", None)
    assert [entry["to"] for entry in await ada.history(comment)] == ["held", "removed", "held"]
    [result] = await ada.decide({"comment": comment, "action": "restore", "expected": "removed"})
    assert (result["status"], result["error"]["type"]) == ("held", "/problems/decision-conflict")
    [result] = await ada.decide({"comment": comment, "action": "restore", "expected": "held"})
    assert (result["status"], result["error"]) == ("removed", None)
