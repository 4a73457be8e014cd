"""Comments on their way into storage, one and many at a time."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import asyncpg
import msgspec
import pytest

from service.model import Facts, Finding, Policy
from service.postgres import Database
from service.store.comments import CommentStore, IdempotencyRace, Judged
from tests.store.conftest import NOON, Newsroom, open_newsroom
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from service.model import Status

KEY: dict[str, Any] = {"idempotency_key": "once", "request_hash": b"r" * 16}
FINDINGS = (
    Finding(rule="links", effect="hold", score=0.5, spans=((0, 3), (4, 9)), note="links=2"),
    Finding(rule="shouting", effect="pass", shadow=True, failed=True, score=0.25),
)


def waiting_for_locks(sql: asyncpg.Connection[Any], number: int) -> Callable[[], Awaitable[bool]]:
    async def asked() -> bool:
        await sql.execute("select pg_stat_clear_snapshot()")  # a transaction sees the same activity all along
        waiting = (
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        )
        return bool(await sql.fetchval(waiting) == number)

    return asked


def policy(**rules: dict[str, Any]) -> Policy:
    return msgspec.convert({"rules": rules}, Policy)


async def test_a_batch_over_several_pages_is_stored_with_all_that_belongs_to_it(
    newsroom: Newsroom, sql: asyncpg.Connection[Any]
) -> None:
    batch = [
        newsroom.judged("a", title="The bridge", findings=FINDINGS),
        newsroom.judged("a", "held", findings=FINDINGS[:1]),
        newsroom.judged("a", author="Ada", author_key=b"b" * 16),
        newsroom.judged("b", "rejected", findings=FINDINGS),
        newsroom.judged("c"),
    ]
    counts = await newsroom.comments.add(batch)
    assert [counts[judged.draft.id] for judged in batch] == [(2, 1), (2, 1), (2, 1), (0, 0), (1, 1)]
    for draft, verdict, _ in batch:
        stored = await newsroom.comments.submitted(newsroom.site.id, draft.id)
        assert stored is not None
        assert (stored.page, stored.body, stored.author, stored.at) == (draft.page, draft.body, draft.author, draft.at)
        assert (stored.status, stored.findings) == (verdict.status, verdict.findings)
    assert await sql.fetchval("select count(*) from decisions where seq = 1 and policy_version = 1") == 5
    titles = await sql.fetch("select key, title, approved_count from pages order by key")
    assert [tuple(row) for row in titles] == [("a", "The bridge", 2), ("b", None, 0), ("c", None, 1)]
    assert await newsroom.wrong() == {}


async def test_a_page_keeps_its_first_title(newsroom: Newsroom, sql: asyncpg.Connection[Any]) -> None:
    for title in (None, "First", "Second", None):
        await newsroom.posted(title=title)
    assert await sql.fetchval("select title from pages") == "First"


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"body": "x" * 301}, asyncpg.CheckViolationError),
        ({"parent": NOON}, asyncpg.DataError),
        ({"author": "x" * 61}, asyncpg.CheckViolationError),
    ],
)
async def test_a_batch_with_one_bad_row_stores_nothing(
    newsroom: Newsroom, sql: asyncpg.Connection[Any], wrong: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await newsroom.comments.add([newsroom.judged("a"), newsroom.judged("b", **wrong), newsroom.judged("c")])
    for table in ("pages", "comments", "findings", "decisions"):
        assert await sql.fetchval(f"select count(*) from {table}") == 0  # noqa: S608 - names of tables


async def test_an_empty_batch_is_nothing(newsroom: Newsroom) -> None:
    assert await newsroom.comments.add([]) == {}
    assert await newsroom.comments.facts([]) == []


async def test_a_closed_page_takes_nothing_and_leaves_its_neighbours_alone(
    newsroom: Newsroom, sql: asyncpg.Connection[Any]
) -> None:
    await newsroom.posted("closed")
    await newsroom.pages.close(newsroom.site.id, "closed", newsroom.draft().id, NOON)
    refused, taken = newsroom.judged("closed", findings=FINDINGS), newsroom.judged("open", findings=FINDINGS)
    assert await newsroom.comments.add([refused, taken]) == {taken.draft.id: (1, 1)}
    assert await sql.fetchval("select count(*) from comments") == 2
    assert await sql.fetchval("select count(*) from findings") == 2
    assert await newsroom.approved("closed", "open") == {"closed": 1, "open": 1}
    assert (await newsroom.known(newsroom.draft("closed"))).page_closed
    await newsroom.pages.open(newsroom.site.id, "closed")
    assert not (await newsroom.known(newsroom.draft("closed"))).page_closed
    assert await newsroom.comments.add([refused]) == {refused.draft.id: (2, 2)}


async def test_a_page_that_nobody_has_commented_on_can_be_closed(newsroom: Newsroom) -> None:
    await newsroom.pages.close(newsroom.site.id, "new", newsroom.draft().id, NOON)
    assert await newsroom.comments.add([newsroom.judged("new")]) == {}


async def test_an_idempotency_key_is_stored_once_and_found_again(newsroom: Newsroom) -> None:
    first = await newsroom.posted(**KEY)
    known = await newsroom.known(newsroom.draft(**KEY))
    assert (known.earlier, known.earlier_hash) == (first.id, b"r" * 16)
    with pytest.raises(IdempotencyRace):
        await newsroom.comments.add([newsroom.judged("b"), newsroom.judged(**KEY)])
    assert await newsroom.approved("page", "b") == {"page": 1}


async def test_what_was_answered_first_is_answered_again_whatever_moderators_did(newsroom: Newsroom) -> None:
    draft = await newsroom.posted(status="held", findings=FINDINGS)
    await newsroom.decide(draft.id, "approved")
    again = await newsroom.comments.submitted(newsroom.site.id, draft.id)
    assert again is not None
    assert again.status == "held"
    assert await newsroom.comments.submitted(newsroom.site.id, newsroom.draft().id) is None


async def test_facts_come_in_the_order_of_the_drafts(newsroom: Newsroom) -> None:
    parent = await newsroom.posted("b")
    drafts = [newsroom.draft("b", parent=parent.id), newsroom.draft("a", parent=parent.id), newsroom.draft("c")]
    known = await newsroom.comments.facts([(draft, Policy()) for draft in drafts])
    assert [item.parent_shown for item in known] == [True, False, True]


@pytest.mark.parametrize(("status", "shown"), [("approved", True), ("held", False), ("rejected", False)])
async def test_only_what_is_shown_can_be_answered(newsroom: Newsroom, status: Status, shown: bool) -> None:  # noqa: FBT001 - a parameter of the test
    parent = await newsroom.posted(status=status)
    assert (await newsroom.known(newsroom.draft(parent=parent.id))).parent_shown is shown


async def test_a_comment_of_another_site_cannot_be_answered(newsroom: Newsroom, database: Database) -> None:
    other = await open_newsroom(database, "other")
    parent = await other.posted()
    assert not (await newsroom.known(newsroom.draft(parent=parent.id))).parent_shown
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await newsroom.posted(parent=parent.id)


async def test_the_record_of_an_author_is_counted(newsroom: Newsroom) -> None:
    statuses: list[Status] = ["approved", "approved", "held", "rejected", "removed"]
    for status in statuses:
        await newsroom.posted(status=status, author_key=b"x" * 16)
    asked = policy(new_author={"action": "hold"})
    for author, approved in ((b"x", 2), (b"y", 0)):
        draft = newsroom.draft(author_key=author * 16)
        assert (await newsroom.known(draft, asked)).facts.author_approved == approved


async def test_recent_comments_are_counted_inside_the_window(newsroom: Newsroom) -> None:
    rules = policy(flood={"seconds": 60, "limit": 10})
    for seconds in (0, 30, 59):
        await newsroom.posted(at=NOON + timedelta(seconds=seconds))
    await newsroom.posted(at=NOON, address_key=b"e" * 16)

    async def recent(seconds: int) -> int:
        return (await newsroom.known(newsroom.draft(at=NOON + timedelta(seconds=seconds)), rules)).facts.recent

    assert [await recent(seconds) for seconds in (59, 60, 90, 119)] == [3, 2, 1, 0]


async def test_the_same_text_is_counted_by_whom_and_where(newsroom: Newsroom) -> None:
    rules = policy(duplicate={"seconds": 100}, copied={"seconds": 1000, "limit": 3})
    await newsroom.posted("page", body="Buy this", at=NOON)
    await newsroom.posted("other", body="Buy this", at=NOON)
    await newsroom.posted("page", body="buy THIS!", at=NOON, author_key=b"z" * 16)

    async def repeats(seconds: int) -> tuple[int, int]:
        draft = newsroom.draft("page", body="Buy this", at=NOON + timedelta(seconds=seconds))
        facts = (await newsroom.known(draft, rules)).facts
        return facts.repeats_by_author, facts.repeats_by_others

    assert [await repeats(seconds) for seconds in (99, 100, 999, 1000)] == [(1, 2), (0, 2), (0, 2), (0, 0)]


async def test_nothing_is_looked_up_for_rules_that_are_off(newsroom: Newsroom) -> None:
    off = policy(**{rule: {"action": "off"} for rule in ("duplicate", "copied", "flood", "new_author")})
    await newsroom.posted(body="Buy this")
    await newsroom.posted(body="Buy this", author_key=b"z" * 16)
    draft = newsroom.draft(body="Buy this")
    assert (await newsroom.known(draft, off)).facts == Facts()
    facts = (await newsroom.known(draft, policy(new_author={"action": "hold"}))).facts
    assert facts == Facts(author_approved=1, recent=2, repeats_by_author=1, repeats_by_others=1)


async def test_a_ban_holds_until_it_ends(newsroom: Newsroom, sql: asyncpg.Connection[Any]) -> None:
    await sql.execute("insert into bans values ($1, $2, $3)", newsroom.site.id, b"a" * 16, NOON + timedelta(hours=1))
    assert (await newsroom.known(newsroom.draft(at=NOON))).facts.banned
    assert not (await newsroom.known(newsroom.draft(at=NOON + timedelta(hours=1)))).facts.banned
    assert not (await newsroom.known(newsroom.draft(at=NOON, author_key=b"b" * 16))).facts.banned


async def test_threads_go_on_where_they_stopped(newsroom: Newsroom) -> None:
    shown = [(await newsroom.posted()).id for _ in range(5)]
    await newsroom.posted(status="held")
    site = newsroom.site.id

    async def listed(order: Literal["newest", "oldest"], after: UUID | None) -> list[UUID]:
        found = await newsroom.comments.thread(site, "page", order, after, 3)
        assert found.tally == (5, 5)
        return [one.id for one in found.comments]

    assert await listed("oldest", None) == shown[:3]
    assert await listed("oldest", shown[2]) == shown[3:]
    assert await listed("newest", None) == shown[:1:-1]
    assert await listed("newest", shown[2]) == shown[1::-1]
    assert await listed("newest", shown[0]) == []
    assert await newsroom.comments.thread(site, "nowhere", "newest", None, 3) == ((0, 0), [])


async def test_batches_on_the_same_pages_at_once_keep_the_counts_exact(newsroom: Newsroom, url: str) -> None:
    crowd = Database(url, connections=10)
    await crowd.open()
    try:
        store = CommentStore(crowd)
        pages = [f"page {number}" for number in range(5)]
        batches = []
        for number in range(50):
            turn = number % len(pages)
            order = pages[turn:] + pages[:turn]
            statuses: list[Status] = ["approved", "held", "approved", "rejected", "approved"]
            batches.append([newsroom.judged(page, status) for page, status in zip(order, statuses, strict=True)])
        answers = await asyncio.gather(*(store.add(batch) for batch in batches))
    finally:
        await crowd.close()
    assert sum(map(len, answers)) == 250
    assert await newsroom.approved(*pages) == dict.fromkeys(pages, 30)
    assert await newsroom.wrong() == {}


async def test_the_same_keys_in_another_order_do_not_wait_for_each_other_in_a_ring(
    newsroom: Newsroom, sql: asyncpg.Connection[Any]
) -> None:
    def batch(*keys: str) -> list[Judged]:
        first = keys[0]
        return [newsroom.judged(f"{first}/{key}", idempotency_key=key, request_hash=b"r" * 16) for key in keys]

    await newsroom.posted()
    unfinished = sql.transaction()
    await unfinished.start()
    await sql.execute("""
        insert into comments select filled.* from comments, jsonb_populate_record(comments, jsonb_build_object(
            'comment_id', gen_random_uuid(), 'idempotency_key', 'm', 'request_hash', '\\x' || repeat('72', 16)
        )) as filled
    """)
    running = [asyncio.create_task(newsroom.comments.add(batch(*keys))) for keys in ("amz", "zma")]
    await until(waiting_for_locks(sql, 2))
    await unfinished.rollback()
    answers = await asyncio.gather(*running, return_exceptions=True)
    assert {type(answer) for answer in answers} == {dict, IdempotencyRace}


async def test_an_answer_is_stored_while_its_parent_is_decided_on(
    newsroom: Newsroom, url: str, sql: asyncpg.Connection[Any]
) -> None:
    parent = await newsroom.posted()
    moderator = Database(url, connections=1)
    await moderator.open()
    try:
        async with moderator.transaction() as session:
            await session.one("lock_comment", newsroom.site.id, parent.id)
            answer = await newsroom.posted(parent=parent.id)
            arguments = (newsroom.site.id, parent.id, "approved", "removed", newsroom.moderator, None, None, NOON, None)
            await session.one("record_decision", *arguments)
            # The page's count is locked now, and the next answer waits for it instead of the other way round.
            waiting = asyncio.create_task(newsroom.posted(parent=answer.id))
            await until(waiting_for_locks(sql, 1))
        await waiting
    finally:
        await moderator.close()
    assert await newsroom.approved("page") == {"page": 2}
    assert await newsroom.wrong() == {}
