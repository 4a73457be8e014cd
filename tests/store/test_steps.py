"""What plain PostgreSQL does in one statement and a Citus in steps: the same, several sites at once included."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from service.counts import page
from service.listener import CHANNEL
from service.model import Finding, Policy
from service.postgres import Database
from service.steps import STEPS
from service.store.comments import IdempotencyRace
from service.store.pages import Tally
from service.store.retention import LOCK_WAIT
from tests.store.conftest import NOON, Newsroom, open_newsroom
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    import asyncpg

    from service.steps import Row

    Connection = asyncpg.Connection[Any]


@pytest.fixture
async def other(database: Database) -> Newsroom:
    return await open_newsroom(database, "other")


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of the statements for which steps were taken."""
    names: set[str] = set()

    def watched(name: str, step: Callable[..., Awaitable[list[Row]]]) -> Callable[..., Awaitable[list[Row]]]:
        async def take(*arguments: Any) -> list[Row]:
            names.add(name)
            return await step(*arguments)

        return take

    for name, step in STEPS.items():
        monkeypatch.setitem(STEPS, name, watched(name, step))
    return names


async def test_steps_are_taken_on_a_citus_alone(
    taken: set[str], newsroom: Newsroom, database: Database, storing: str
) -> None:
    draft = await newsroom.posted()
    await newsroom.known(draft)
    await newsroom.decide(draft.id, "removed")
    async with database.transaction() as session:
        await session.one("give_way", LOCK_WAIT)
        await session.one("delete_comments", newsroom.site.id, [draft.id], "removed")
    assert taken == (STEPS.keys() if storing == "citus" else set())


async def test_nothing_is_planned_for_all_arguments_on_a_citus(url: str, storing: str) -> None:
    database = Database(url, connections=1)
    database.statements |= {"mode": "select current_setting('plan_cache_mode') as mode"}
    await database.open()
    try:
        row = await database.one("mode")
    finally:
        await database.close()
    assert row
    assert row["mode"] == ("auto" if storing == "citus" else "force_generic_plan")


async def test_nodes_wait_for_a_lock_no_longer_than_the_coordinator(database: Database) -> None:
    database.statements |= {"wait": "select current_setting('lock_timeout') as wait"}
    for expected in (LOCK_WAIT, "0"):
        async with database.transaction() as session:
            if expected == LOCK_WAIT:
                await session.one("give_way", LOCK_WAIT)
            row = await session.one("wait")
            assert row
            assert row["wait"] == expected


async def test_drafts_of_several_sites_get_their_own_facts(newsroom: Newsroom, other: Newsroom) -> None:
    sent: dict[str, Any] = {"idempotency_key": "k", "request_hash": b"r" * 16}
    ours, theirs = await newsroom.posted("page", **sent), await other.posted("page", **sent)
    await other.pages.close(other.site.id, "shut", newsroom.moderator, NOON)
    drafts = [other.draft("shut", **sent), newsroom.draft("shut", **sent), other.draft("page"), newsroom.draft(**sent)]
    known = await newsroom.comments.facts([(draft, Policy()) for draft in drafts])
    assert [(one.page_closed, one.earlier) for one in known] == [
        (True, theirs.id),
        (False, ours.id),
        (False, None),
        (False, ours.id),
    ]


async def test_a_batch_of_several_sites_is_stored_whole_or_not_at_all(
    newsroom: Newsroom, other: Newsroom, sql: Connection
) -> None:
    finding = (Finding(rule="links", effect="hold"),)
    batch = [
        other.judged("page", idempotency_key="b", request_hash=b"r" * 16),
        newsroom.judged("page", "held", findings=finding),
        other.judged("shut"),
        newsroom.judged("page"),
    ]
    await other.pages.close(other.site.id, "shut", newsroom.moderator, NOON)
    stored = await newsroom.comments.add(batch)
    first, second, _, fourth = (one.draft for one in batch)
    assert stored == {first.id: Tally(1, 1), second.id: Tally(1, 1), fourth.id: Tally(1, 1)}
    rows = await sql.fetch("select site_id, comment_id, rule from findings")
    assert [tuple(row) for row in rows] == [(newsroom.site.id, second.id, "links")]
    with pytest.raises(IdempotencyRace):
        await newsroom.comments.add([newsroom.judged("new"), other.judged(idempotency_key="b", request_hash=b"r" * 16)])
    assert await sql.fetchval("select count(*) from comments") == 3
    assert await newsroom.approved("page", "new") == {"page": 1}
    assert await other.approved("page", "shut") == {"page": 1, "shut": 0}
    assert await newsroom.wrong() == {}


async def test_what_is_told_is_the_same_in_both_forms(newsroom: Newsroom, other: Newsroom, sql: Connection) -> None:
    heard: list[str] = []
    await sql.add_listener(CHANNEL, lambda *given: heard.append(given[-1]))

    async def told(number: int) -> list[list[Any]]:
        async def all_of_it() -> bool:
            return sum(len(json.loads(text)) for text in heard) >= number

        await until(all_of_it)
        sizes = [len(json.loads(text)) for text in heard]
        assert sizes == [min(64, number - start) for start in range(0, number, 64)]
        assert all(len(text.encode()) < 8000 for text in heard)
        changes = [change for text in heard for change in json.loads(text)]
        heard.clear()
        return sorted(changes)

    def expected(room: Newsroom, keys: Sequence[str], *tally: int) -> list[list[Any]]:
        return [[*page(room.site.id, key), *tally] for key in keys]

    pages = [f"https://news.example/{number}" for number in range(100)]
    drafts = [other.judged("page"), *(newsroom.judged(key) for key in pages), newsroom.judged("silent", "held")]
    await newsroom.comments.add(drafts)
    assert await told(101) == sorted([*expected(newsroom, pages, 1, 1), *expected(other, ["page"], 1, 1)])
    await newsroom.decide(drafts[-1].draft.id, "rejected")  # no count changes
    await newsroom.decide(drafts[1].draft.id, "removed")
    assert await told(1) == expected(newsroom, pages[:1], 0, 2)
    await newsroom.decide(drafts[1].draft.id, "approved")
    assert await told(1) == expected(newsroom, pages[:1], 1, 3)
    await sql.execute("update pages set approved_count = 7 where key = 'silent'")
    await newsroom.pages.repair(newsroom.site.id, await sql.fetchval("select page_id from pages where key = 'silent'"))
    assert await told(1) == expected(newsroom, ["silent"], 0, 1)


async def test_a_decision_on_what_has_another_status_by_now_changes_nothing(
    newsroom: Newsroom, database: Database
) -> None:
    draft = await newsroom.posted()
    given = (newsroom.site.id, draft.id, "held", "removed", newsroom.moderator, None, None, NOON, None)
    assert await database.one("record_decision", *given) is None
    assert len(await newsroom.desk.history(newsroom.site.id, draft.id)) == 1
    assert await newsroom.approved("page") == {"page": 1}
