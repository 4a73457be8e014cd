"""What each query reads where there is much: a site with 150,000 comments, two thirds of them on one page."""

from __future__ import annotations

import asyncio
import json
import secrets
from datetime import UTC, datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import asyncpg
import pytest

from service.counts import Counts
from service.model import Finding, NewAuthorRule, Policy, Rules
from service.moderation.text import fingerprint
from service.moderators import Moderators
from service.postgres import Database, Session
from service.store.comments import CommentStore
from service.store.desk import DeskStore, Place
from service.store.identity import IdentityStore
from service.store.pages import PageStore
from service.store.retention import RetentionStore
from service.store.sites import SiteStore
from tests.bench.fill import Shape, digest, fill, key
from tests.conftest import named, run
from tests.store.conftest import Newsroom, open_newsroom

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from uuid import UUID

    from service.model import Status
    from service.steps import Row
    from service.store.desk import Order

    Connection = asyncpg.Connection[Any]

UNTIL = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
SHAPE = Shape(comments=150_000, hot=0.75, until=UNTIL)
BIG = ["comments", "findings", "decisions"]
MODES = ("force_custom_plan", "force_generic_plan")
HOT = "https://news.example/0/article-0"


class Reading(NamedTuple):
    """What one query read: blocks of 8 KiB, rows without an index, rows of the largest sort."""

    name: str
    mode: str
    blocks: int
    unindexed: int
    sorted: int


READINGS: list[Reading] = []


def literal(value: object) -> str:
    """Return a value as PostgreSQL reads it, whatever the type of the parameter."""
    if value is None:
        return "null"
    if isinstance(value, list | tuple):
        return quoted("{" + ",".join("NULL" if item is None else json.dumps(plain(item)) for item in value) + "}")
    return quoted(plain(value))


def plain(value: object) -> str:
    return "\\x" + value.hex() if isinstance(value, bytes) else str(value)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


class Watched(Session):
    """Explains every query in both ways of planning, and undoes it, before it runs."""

    async def all(self, name: str, *arguments: object) -> Sequence[Row]:
        await self._explain(name, arguments)
        return await super().all(name, *arguments)

    async def one(self, name: str, *arguments: object) -> Row | None:
        await self._explain(name, arguments)
        return await super().one(name, *arguments)

    async def _explain(self, name: str, arguments: tuple[object, ...]) -> None:
        known = await self._connection.fetch("select name from pg_prepared_statements where name = $1", f"own_{name}")
        if not known:
            await self._connection.execute(f"prepare own_{name} as {self._statements[name]}")
        given = f"({', '.join(map(literal, arguments))})" if arguments else ""
        for mode in MODES:
            attempt = self._connection.transaction()
            await attempt.start()
            try:
                await self._connection.execute(f"set local plan_cache_mode = {mode}")
                before = await self._unindexed()
                [answer] = await self._connection.fetch(
                    f"explain (analyze, buffers, timing off, format json) execute own_{name} {given}"
                )
                read = await self._unindexed() - before
            finally:
                await attempt.rollback()
            plan = json.loads(answer[0])[0]["Plan"]
            blocks = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
            sorts = [node["Plans"][0]["Actual Rows"] for node in nodes(plan) if node["Node Type"] == "Sort"]
            READINGS.append(Reading(name, mode, blocks, read, max(sorts, default=0)))

    async def _unindexed(self) -> int:
        """Return how many rows this transaction has read without an index, those of foreign keys included."""
        [row] = await self._connection.fetch(
            "select coalesce(sum(seq_tup_read), 0) as rows from pg_stat_xact_user_tables where relname = any($1)", BIG
        )
        return int(row["rows"])


@pytest.fixture(scope="module")
def full(postgres: str, template: str) -> Iterator[str]:
    """A database that is filled once, and read by every test here."""
    name = f"full_{secrets.token_hex(4)}"
    asyncio.run(run(postgres, f"create database {name} template {template}"))
    asyncio.run(fill(named(postgres, name), SHAPE, quiet=True))
    yield named(postgres, name)
    asyncio.run(run(postgres, f"drop database {name} with (force)"))


@pytest.fixture
async def sql(full: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(full)
    yield connection
    await connection.close()


@pytest.fixture
async def room(full: str, sql: Connection, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Newsroom]:
    """The site, with every query watched."""
    monkeypatch.setattr("service.postgres.Session", Watched)
    database = Database(full, connections=1)
    await database.open()
    sites = SiteStore(database)
    site = await sites.site("bench")
    assert site
    moderator = await sql.fetchval("select moderator_id from moderators")
    READINGS.clear()
    yield Newsroom(
        site,
        sites,
        CommentStore(database),
        PageStore(database),
        DeskStore(database),
        IdentityStore(database),
        moderator,
    )
    await database.close()


def within(blocks: int, *names: str, sorted_rows: int = 0) -> None:
    """Make sure that every query since the last time took an index, and no more blocks than that."""
    assert READINGS
    assert {reading.name for reading in READINGS} == set(names)
    worst = [one for one in READINGS if one.blocks > blocks or one.unindexed or one.sorted > sorted_rows]
    assert worst == []
    READINGS.clear()


async def shown(sql: Connection) -> list[UUID]:
    """Return the comments that the hot page shows, the first one first."""
    rows = await sql.fetch(
        "select comment_id from comments join pages using (site_id, page_id) where key = $1 and status = 'approved'"
        " order by comment_id",
        HOT,
    )
    return [row["comment_id"] for row in rows]


async def test_a_list_costs_the_same_at_its_start_in_its_middle_and_at_its_end(room: Newsroom, sql: Connection) -> None:
    ids = await shown(sql)
    assert len(ids) > 90_000
    places = (None, ids[0], ids[50], ids[len(ids) // 2], ids[-51], ids[-1])
    for place in places:
        newest = await room.comments.thread(room.site.id, HOT, "newest", place, 51)
        oldest = await room.comments.thread(room.site.id, HOT, "oldest", place, 51)
        assert newest.tally.approved == oldest.tally.approved == len(ids)
    within(80, "thread_newest", "thread_oldest", sorted_rows=51)


async def test_counts_of_many_pages_read_those_pages(room: Newsroom) -> None:
    keys = [f"https://news.example/0/article-{number}" for number in range(100)]
    assert len(await room.pages.counts(room.site.id, keys)) == 100
    within(400, "counts")


async def test_facts_cost_the_same_for_who_writes_much(room: Newsroom) -> None:
    await room.known(room.draft("https://news.example/0/article-9", at=UNTIL, author_key=b"n" * 16))
    within(100, "facts")
    crowd: dict[str, Any] = {"author_key": digest("author 0"), "address_key": digest("address 0")}
    await room.known(room.draft(HOT, body="First!", at=UNTIL, idempotency_key="new", **crowd))
    within(400, "facts")
    asking = Policy(rules=Rules(new_author=NewAuthorRule(action="hold")))
    batch = [(room.draft(HOT, at=UNTIL, **crowd), asking) for _ in range(64)]
    assert all(known.facts.author_approved for known in await room.comments.facts(batch))
    within(64 * 150, "facts", sorted_rows=64)


async def test_facts_cost_the_same_for_a_text_that_everybody_sends(room: Newsroom, sql: Connection) -> None:
    first = fingerprint("Wake up")
    await sql.execute(
        "insert into comments select $1, gen_random_uuid(), $2, null, null, decode(md5('a' || n), 'hex'),"
        " decode(md5('d' || n), 'hex'), 'Wake up', $3, 'rejected', 0, 1, $4::timestamptz - n * interval '1 second'"
        " from generate_series(1, 5000) as n",
        *(room.site.id, key(f"page {room.site.id} 0"), first, UNTIL),
    )
    stranger = await room.known(room.draft(HOT, body="Wake up", at=UNTIL))
    assert (stranger.facts.repeats_by_author, stranger.facts.repeats_by_others) == (0, 100)
    within(400, "facts")


async def test_storing_costs_what_is_stored(room: Newsroom, sql: Connection) -> None:
    ids = await shown(sql)
    finding = (Finding(rule="links", effect="hold"),)
    batch = [
        room.judged(
            f"https://news.example/0/article-{number % 8}",
            "held" if number % 4 else "approved",
            at=UNTIL,
            parent=ids[number] if number % 8 == 0 else None,
            findings=finding,
        )
        for number in range(64)
    ]
    assert len(await room.comments.add(batch)) == 64
    within(64 * 60, "insert_comments", sorted_rows=64)
    assert await room.comments.submitted(room.site.id, batch[0].draft.id)
    within(60, "submitted")


@pytest.mark.parametrize("order", ["riskiest", "newest", "oldest"])
async def test_the_queue_costs_the_same_wherever_it_is_read(room: Newsroom, sql: Connection, order: Order) -> None:
    statuses: tuple[Status, ...] = ("held", "approved", "removed")
    for status in statuses:
        rows = await sql.fetch("select comment_id, risk from comments where status = $1 order by comment_id", status)
        if order == "riskiest":
            rows.sort(key=itemgetter("risk", "comment_id"))
        places = [Place(*rows[number]) for number in (50, len(rows) // 2, -51, -1)]
        for place in (None, *places):
            await room.desk.queue(room.site.id, status, order, place, None, None, 51)
    within(51 * 15, f"queue_{order}", sorted_rows=51)  # a few of each of four tables for a row


@pytest.mark.parametrize("order", ["riskiest", "newest", "oldest"])
async def test_a_search_reads_ten_thousand_and_says_where_it_goes_on(room: Newsroom, order: Order) -> None:
    desk = Moderators(room.desk, Counts(room.pages), now=lambda: UNTIL)
    seen = 0
    after = None
    for _ in range(3):
        total, found, after = await desk.queue(room.site.id, "approved", order, after, "zebra", 50)
        assert (total, found) == (10_000, [])
        assert after
        seen += 1
    assert seen == 3
    within(12_500, f"reach_{order}", f"queue_{order}", "queue_total")


async def test_one_comment_costs_the_same_whoever_wrote_it(room: Newsroom, sql: Connection) -> None:
    comment = await sql.fetchval(
        "select comment_id from comments where author_key = $1 and status = 'approved' limit 1", digest("author 0")
    )
    found = await room.desk.comment(room.site.id, comment)
    assert found
    assert found.approved + found.held + found.rejected + found.removed == 100
    await room.desk.history(room.site.id, comment)
    within(160, "judged_comment", "history")
    for after in ("removed", "approved"):
        assert await room.decide(comment, after) == after
    within(150, "lock_comment", "history", "record_decision")


async def test_every_count_can_be_verified_and_one_mended(room: Newsroom) -> None:
    pages = 0
    async for batch in room.pages.verified():
        pages += len(batch)
        assert all(page.kept == page.true_count for page in batch)
    assert pages >= SHAPE.pages
    READINGS.clear()
    await room.pages.repair(room.site.id, key(f"page {room.site.id} 0"))
    within(10_000, "lock_page", "repair_count")  # as much as the page has


async def test_old_comments_are_found_and_deleted_at_the_cost_of_a_batch(room: Newsroom) -> None:
    store = RetentionStore(room.desk._database)
    batches = store.expired(room.site.id, "approved", UNTIL, 200)
    first = await anext(batches)
    await anext(batches)
    within(400, "expired_comments")
    assert await store.delete(room.site.id, "approved", first) == 200
    within(4000, "give_way", "lock_pages", "unlink_replies", "delete_comments", sorted_rows=200)


async def work(room: Newsroom) -> None:
    """Do what readers and moderators do."""
    site, finding = room.site.id, (Finding(rule="links", effect="hold"),)
    question = await room.posted("page", "held", findings=finding)
    await room.posted("page", findings=finding, parent=question.id)
    await room.known(room.draft("page", author_key=b"n" * 16, idempotency_key="new"))
    await room.comments.submitted(site, question.id)
    await room.comments.thread(site, "page", "newest", None, 51)
    await room.comments.thread(site, "page", "oldest", None, 51)
    await room.pages.counts(site, ["page", "nowhere"])
    await room.desk.comment(site, question.id)
    await room.decide(question.id, "approved")


@pytest.mark.parametrize("seconds", [0, 3600])
async def test_plans_made_for_empty_tables_do_not_stay(
    url: str, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr("service.postgres.Session", Watched)
    monkeypatch.setattr("service.postgres.PLAN_SECONDS", seconds)
    database = Database(url, connections=1)
    await database.open()
    try:
        room = await open_newsroom(database, "bench")
        for table in BIG:  # or autovacuum may come by, after which everything is planned anew
            await run(url, f"alter table {table} set (autovacuum_enabled = false)")
        await run(url, "vacuum analyze")
        await work(room)
        await fill(url, Shape(comments=10_000, pages=500), quiet=True, analyze=False)
        READINGS.clear()
        await work(room)
    finally:
        await database.close()
    bad = {reading.name for reading in READINGS if reading.unindexed or reading.blocks > 500}
    # Were they kept, these would read every comment.
    kept = {"facts", "judged_comment", "lock_comment"}
    assert (bad == set()) if seconds == 0 else (bad >= kept)
