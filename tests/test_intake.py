"""Group commit against a real database: shared, fair, bounded, and without loss."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec
import pytest

from service.app import new_id
from service.counts import Counts
from service.errors import DatabaseUnavailable, Overloaded, PageClosed, ParentNotFound
from service.intake import FEW, Intake
from service.judges import FRESH_SECONDS, Judges
from service.model import Draft, Policy
from service.moderation.text import fingerprint
from service.store.comments import CommentStore
from service.store.pages import PageStore
from service.store.sites import SiteStore
from service.telemetry import Telemetry
from tests.program import SECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from service.judges import Court
    from service.moderation.lexicon import Lexicon
    from service.postgres import Database
    from tests.conftest import Clock

pytestmark = pytest.mark.usefixtures("storing")


@pytest.fixture
async def court(database: Database, lexicon: Lexicon, clock: Clock) -> Court:
    await SiteStore(database).add("default", (), clock.now())
    return await Judges(SiteStore(database), lexicon, clock.monotonic).of("default")


@pytest.fixture
async def intake(database: Database) -> Intake:
    return Intake(CommentStore(database), Counts(PageStore(database)), Telemetry())


def draft(court: Court, clock: Clock, body: str, *, author: int = 0, key: str | None = None) -> Draft:
    return Draft(
        site=court.site.id,
        id=new_id(clock.now()),
        page="page",
        title=None,
        parent=None,
        author=None,
        body=body,
        at=clock.now(),
        author_key=author.to_bytes(16, "big"),
        address_key=author.to_bytes(16, "big"),
        fingerprint=fingerprint(body),
        idempotency_key=key,
        request_hash=bytes(16) if key else None,
    )


@pytest.fixture
async def blind(court: Court, database: Database, lexicon: Lexicon, clock: Clock) -> Judges:
    """Judge by a policy that asks storage for nothing but bans."""
    off: Any = {"action": "off"}
    rules = {"flood": off, "duplicate": off, "copied": off, "new_author": off}
    policy = msgspec.convert({"rules": rules}, Policy)
    await SiteStore(database).add_policy(court.site.id, policy, clock.now())
    return Judges(SiteStore(database), lexicon, clock.monotonic)


@asynccontextmanager
async def standstill(url: str) -> AsyncIterator[None]:
    """Keep every write of a comment waiting."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute("lock table comments in exclusive mode")
            yield
    finally:
        await connection.close()


async def until_blocked(url: str, number: int) -> None:
    """Wait until so many statements wait for a lock."""
    connection = await asyncpg.connect(url)
    query = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    try:
        async with asyncio.timeout(20):
            while await connection.fetchval(query) < number:  # noqa: ASYNC110 - the server has no event to wait for
                await asyncio.sleep(0.01)
    finally:
        await connection.close()


async def test_a_crowd_shares_transactions(
    court: Court, clock: Clock, intake: Intake, sql: asyncpg.Connection[Any]
) -> None:
    drafts = [draft(court, clock, f"Word number {number} from the crowd", author=number) for number in range(300)]
    stored = await asyncio.gather(*(intake.submit(court, one) for one in drafts))
    assert [one.id for one in stored] == [one.id for one in drafts]
    assert await sql.fetchval("select count(*) from comments") == 300
    assert await sql.fetchval("select approved_count from pages") == 300
    assert await sql.fetchval("select count(distinct xmin::text) from comments") <= 8


@pytest.mark.parametrize(
    ("crowds", "together"),
    [
        ([2], [2]),
        ([8], [8]),
        ([9], [8, 1]),
        ([24], [12, 12]),
        ([40, 24, 9, 24], [20, 20, 12, 12, 8, 1, 12, 12]),  # each is halved by its own size
    ],
)
async def test_half_of_a_crowd_is_stored_while_the_other_half_is_on_its_way(
    blind: Judges,
    clock: Clock,
    intake: Intake,
    sql: asyncpg.Connection[Any],
    crowds: list[int],
    together: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.intake.BREATH", SECONDS)  # all are judged in one go, however slow the machine
    court = await blind.of("default")
    for crowd in crowds:
        drafts = [draft(court, clock, f"Word {number} of {crowd}", author=number) for number in range(crowd)]
        await asyncio.gather(*(intake.submit(court, one) for one in drafts))
    stored = await sql.fetch(
        "select count(*) as together from comments group by xmin::text::bigint order by xmin::text::bigint"
    )
    assert [row["together"] for row in stored] == together


async def test_who_comes_while_others_are_stored_is_judged_with_as_many_as_are_stored_together(
    blind: Judges, clock: Clock, intake: Intake, url: str, sql: asyncpg.Connection[Any]
) -> None:
    court = await blind.of("default")
    async with standstill(url):
        waiting = [asyncio.create_task(intake.submit(court, draft(court, clock, "The first one")))]
        await until_blocked(url, 1)
        judged = []
        for number in range(FEW + 2):
            one = draft(court, clock, f"Word number {number}", author=number)
            waiting.append(asyncio.create_task(intake.submit(court, one)))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            judged.append(len(intake._judged))
    assert judged == [*[0] * (FEW - 1), *[FEW] * 3]
    assert {one.status for one in await asyncio.gather(*waiting)} == {"approved"}
    assert await sql.fetchval("select count(distinct xmin::text) from comments") == 3


async def test_a_lone_comment_does_not_wait_for_others(court: Court, clock: Clock, intake: Intake) -> None:
    assert (await intake.submit(court, draft(court, clock, "Alone"))).count == 1


async def test_one_bad_row_fails_alone(
    court: Court, clock: Clock, intake: Intake, sql: asyncpg.Connection[Any]
) -> None:
    drafts = [draft(court, clock, f"Word number {number}", author=number) for number in range(10)]
    drafts[4] = draft(court, clock, "x" * 301, author=4)
    answers = await asyncio.gather(*(intake.submit(court, one) for one in drafts), return_exceptions=True)
    assert [isinstance(answer, asyncpg.CheckViolationError) for answer in answers] == [
        number == 4 for number in range(10)
    ]
    assert await sql.fetchval("select count(*) from comments") == 9
    assert await sql.fetchval("select approved_count from pages") == 9


async def test_too_many_are_told_at_once_and_the_others_are_stored(
    court: Court, clock: Clock, database: Database, url: str, sql: asyncpg.Connection[Any]
) -> None:
    intake = Intake(CommentStore(database), Counts(PageStore(database)), Telemetry(), batch=2, batches=1, waiting=3)
    async with standstill(url):
        drafts = [draft(court, clock, f"Word number {number}", author=number) for number in range(5)]
        waiting = [asyncio.create_task(intake.submit(court, one)) for one in drafts[:2]]
        await until_blocked(url, 1)
        waiting += [asyncio.create_task(intake.submit(court, one)) for one in drafts[2:]]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded) as refused:
            await intake.submit(court, draft(court, clock, "One too many", author=9))
        assert refused.value.headers["Retry-After"] == "1"
    await asyncio.gather(*waiting)
    assert await sql.fetchval("select count(*) from comments") == 5


async def test_who_hangs_up_takes_nobody_along(
    court: Court, clock: Clock, database: Database, url: str, sql: asyncpg.Connection[Any]
) -> None:
    intake = Intake(CommentStore(database), Counts(PageStore(database)), Telemetry(), batches=1)
    async with standstill(url):
        first = asyncio.create_task(intake.submit(court, draft(court, clock, "Under way", author=1)))
        await until_blocked(url, 1)
        gone = asyncio.create_task(intake.submit(court, draft(court, clock, "Gone while waiting", author=2)))
        stays = asyncio.create_task(intake.submit(court, draft(court, clock, "Stays", author=3)))
        await asyncio.sleep(0)
        gone.cancel()
        first.cancel()
    assert (await stays).status == "approved"
    await intake.close()
    bodies = {row["body"] for row in await sql.fetch("select body from comments")}
    assert bodies == {"Under way", "Stays"}


async def test_closing_answers_everybody_who_waits(
    court: Court, clock: Clock, database: Database, url: str, sql: asyncpg.Connection[Any]
) -> None:
    intake = Intake(CommentStore(database), Counts(PageStore(database)), Telemetry(), batch=1, batches=1)
    async with standstill(url):
        drafts = [draft(court, clock, f"Word number {number}", author=number) for number in range(5)]
        waiting = [asyncio.create_task(intake.submit(court, one)) for one in drafts[:2]]
        await until_blocked(url, 1)
        waiting += [asyncio.create_task(intake.submit(court, one)) for one in drafts[2:]]
        await asyncio.sleep(0)
        closing = asyncio.create_task(intake.close())
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await intake.submit(court, draft(court, clock, "Too late", author=9))
    await closing
    assert {task.result().status for task in waiting} == {"approved"}
    assert await sql.fetchval("select count(*) from comments") == 5


async def test_another_transaction_begins_only_when_a_full_batch_waits(
    blind: Judges, clock: Clock, database: Database, url: str, sql: asyncpg.Connection[Any]
) -> None:
    court = await blind.of("default")
    intake = Intake(CommentStore(database), Counts(PageStore(database)), Telemetry(), batch=2, batches=2)
    drafts = [draft(court, clock, f"Word number {number}", author=number) for number in range(5)]
    async with standstill(url):
        waiting = [asyncio.create_task(intake.submit(court, drafts[0]))]
        await until_blocked(url, 1)
        waiting.append(asyncio.create_task(intake.submit(court, drafts[1])))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(intake._storing) == 1
        waiting += [asyncio.create_task(intake.submit(court, one)) for one in drafts[2:]]
        await until_blocked(url, 2)
        assert len(intake._storing) == 2
    await asyncio.gather(*waiting)
    assert await sql.fetchval("select count(*) from comments") == 5
    assert await sql.fetchval("select count(distinct xmin::text) from comments") == 3


async def test_the_same_words_at_the_same_time_are_taken_once(
    court: Court, clock: Clock, intake: Intake, sql: asyncpg.Connection[Any]
) -> None:
    drafts = [draft(court, clock, "I clicked twice, sorry") for _ in range(6)]
    stored = await asyncio.gather(*(intake.submit(court, one) for one in drafts))
    assert Counter(one.status for one in stored) == {"approved": 1, "rejected": 5}
    assert await sql.fetchval("select approved_count from pages") == 1


@pytest.mark.parametrize("batch", [1, 2, 3, 128])
async def test_a_flood_is_seen_in_one_batch_and_across_batches(
    court: Court, clock: Clock, database: Database, batch: int
) -> None:
    intake = Intake(CommentStore(database), Counts(PageStore(database)), Telemetry(), batch=batch, batches=2)
    drafts = [draft(court, clock, f"Word number {number}") for number in range(8)]
    strangers = [draft(court, clock, f"Another word {number}", author=1 + number) for number in range(8)]
    mixed = [one for pair in zip(strangers, drafts, strict=True) for one in pair]
    stored = await asyncio.gather(*(intake.submit(court, one) for one in mixed))
    assert Counter(one.status for one in stored[1::2]) == {"approved": 5, "held": 3}
    assert Counter(one.status for one in stored[0::2]) == {"approved": 8}


async def test_the_same_key_at_the_same_time_is_one_comment(
    court: Court, clock: Clock, database: Database, sql: asyncpg.Connection[Any]
) -> None:
    # Two intakes stand for two processes: neither knows what the other has under way.
    intakes = [Intake(CommentStore(database), Counts(PageStore(database)), Telemetry()) for _ in range(2)]
    drafts = [draft(court, clock, "Once", key="key") for _ in range(6)]
    stored = await asyncio.gather(*(intakes[number % 2].submit(court, one) for number, one in enumerate(drafts)))
    assert len({one.id for one in stored}) == 1
    assert await sql.fetchval("select count(*) from comments") == 1


async def test_a_lost_connection_is_said_to_each_and_stores_at_most_once(
    court: Court, clock: Clock, intake: Intake, url: str, sql: asyncpg.Connection[Any]
) -> None:
    async with standstill(url):
        waiting = [
            asyncio.create_task(intake.submit(court, draft(court, clock, f"Word number {number}", author=number)))
            for number in range(3)
        ]
        await until_blocked(url, 1)
        await sql.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and wait_event_type = 'Lock'"
        )
        answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(answer) for answer in answers] == [DatabaseUnavailable] * 3
    assert len({id(answer) for answer in answers}) == 3
    assert await sql.fetchval("select count(*) from comments") == 0
    assert (await intake.submit(court, draft(court, clock, "Afterwards", author=9))).status == "approved"


async def test_a_database_that_goes_away_between_single_comments_is_asked_no_more(
    court: Court,
    clock: Clock,
    database: Database,
    url: str,
    sql: asyncpg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.intake.FEW", 40)  # all in one transaction
    intake = Intake(CommentStore(database), Counts(PageStore(database)), Telemetry(), batches=1)
    await sql.execute(
        "create function leave() returns trigger language plpgsql as $$ begin"
        " if new.body = 'Word number 2' then raise exception using errcode = 'admin_shutdown'; end if;"
        " return new; end $$"
    )
    await sql.execute("create trigger leaves before insert on comments for each row execute function leave()")
    bodies = ["Word number 0", "x" * 301, *(f"Word number {number}" for number in range(2, 40))]
    drafts = [draft(court, clock, body, author=at, key=f"key-{at:02}") for at, body in enumerate(bodies)]
    async with standstill(url):
        waiting = [asyncio.create_task(intake.submit(court, one)) for one in drafts]
        await until_blocked(url, 1)
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(answer).__name__ for answer in answers[:2]] == ["Submitted", "CheckViolationError"]
    assert {type(answer) for answer in answers[2:]} == {DatabaseUnavailable}
    assert await sql.fetchval("select count(*) from comments") == 1


async def test_of_a_batch_only_the_key_that_another_process_stores_at_this_moment_is_looked_up_again(
    court: Court,
    clock: Clock,
    database: Database,
    url: str,
    sql: asyncpg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.intake.FEW", 41)  # as above
    intakes = [Intake(CommentStore(database), Counts(PageStore(database)), Telemetry(), batches=1) for _ in range(2)]
    once = [
        msgspec.structs.replace(draft(court, clock, "Once", author=77, key="key"), page="another page") for _ in intakes
    ]
    drafts = [draft(court, clock, f"Word number {number}", author=number) for number in range(40)]
    await sql.execute(
        "create function wait() returns trigger language plpgsql as $$ begin"
        " perform pg_advisory_xact_lock(1); return new; end $$"
    )
    await sql.execute(
        "create trigger waits after insert on comments for each row when (new.body = 'Once') execute function wait()"
    )
    await sql.execute("select pg_advisory_lock(1)")
    others = asyncio.create_task(intakes[0].submit(court, once[0]))
    await until_blocked(url, 1)
    ours = [asyncio.create_task(intakes[1].submit(court, one)) for one in (*drafts, once[1])]
    await until_blocked(url, 2)
    await sql.execute("select pg_advisory_unlock(1)")
    stored = await asyncio.gather(*ours)
    assert stored[-1].id == (await others).id
    assert dict(await sql.fetch("select key, approved_count from pages")) == {"page": 40, "another page": 1}
    assert await sql.fetchval("select count(*) from comments") == 41
    assert await sql.fetchval("select count(distinct xmin::text) from comments") == 2  # theirs, and all of ours


async def test_nothing_is_looked_up_for_what_needs_nothing(
    blind: Judges, clock: Clock, intake: Intake, database: Database
) -> None:
    court = await blind.of("default")
    del database.statements["facts"], database.statements["facts_of_site"]
    assert (await intake.submit(court, draft(court, clock, "Needs nothing"))).status == "approved"
    with pytest.raises(KeyError):
        await intake.submit(court, draft(court, clock, "Has a key", key="key"))


async def test_keys_parents_closed_pages_and_bans_are_seen_where_no_rule_looks_back(
    blind: Judges, clock: Clock, intake: Intake, sql: asyncpg.Connection[Any]
) -> None:
    court = await blind.of("default")
    first = await intake.submit(court, draft(court, clock, "Once", key="key"))
    assert (await intake.submit(court, draft(court, clock, "Once", key="key"))).id == first.id
    orphan = draft(court, clock, "An answer to nothing")
    with pytest.raises(ParentNotFound):
        await intake.submit(court, msgspec.structs.replace(orphan, parent=orphan.id))
    await sql.execute("update pages set closed_at = now()")
    with pytest.raises(PageClosed):
        await intake.submit(court, draft(court, clock, "Too late"))
    await sql.execute("update pages set closed_at = null")
    await sql.execute("insert into bans values ($1, $2, 'infinity')", court.site.id, bytes(16))
    clock.advance(FRESH_SECONDS)
    court = await blind.of("default")
    assert (await intake.submit(court, draft(court, clock, "Banned"))).status == "rejected"
    assert await sql.fetchval("select count(*) from comments") == 2


async def test_a_batch_that_is_cancelled_keeps_nobody_waiting_and_no_reader_out(
    court: Court, clock: Clock, intake: Intake, url: str
) -> None:
    async with standstill(url):
        waiting = asyncio.create_task(intake.submit(court, draft(court, clock, "Under way", key="key")))
        await until_blocked(url, 1)
        [batch] = intake._storing
        batch.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert (await intake.submit(court, draft(court, clock, "Afterwards", key="key"))).status == "approved"
