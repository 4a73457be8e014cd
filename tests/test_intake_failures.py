"""Whatever fails while comments are taken in, everybody is answered once, and nobody is kept out afterwards."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from service.counts import Counts
from service.errors import DatabaseUnavailable
from service.intake import Intake
from service.store.comments import CommentStore
from service.store.pages import PageStore
from service.telemetry import Telemetry
from tests.test_intake import blind, court, draft, intake, standstill, until_blocked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

    import asyncpg

    from service.judges import Court, Judges
    from service.lanes import Batch, Entry, Lane
    from service.postgres import Database
    from service.store.comments import Submitted
    from tests.conftest import Clock

__all__ = ["blind", "court", "intake"]  # fixtures
pytestmark = pytest.mark.usefixtures("storing")
PATIENCE = 20
FAULTS = [DatabaseUnavailable(headers={}), RuntimeError("on the way back")]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - the intake has no event for it
            await asyncio.sleep(0)


async def answered(waiting: Iterable[Awaitable[Submitted]]) -> list[Submitted | BaseException]:
    """Return what became of each."""
    async with asyncio.timeout(PATIENCE):
        return await asyncio.gather(*waiting, return_exceptions=True)


async def settled(intake: Intake) -> None:
    """Let it end, and make sure that it holds nobody back."""
    async with asyncio.timeout(PATIENCE):
        await intake.close()
    assert not intake._held


def fail_behind(monkeypatch: pytest.MonkeyPatch, step: str, error: Exception) -> None:
    """Have a connection fail on its way back, once: when the intake has taken a step with the first entry."""
    taken: list[Entry] = []
    take, connect = getattr(Intake, step), CommentStore.on_one_connection

    def note(self: Intake, entry: Entry, *more: object) -> None:
        taken.append(entry)
        take(self, entry, *more)

    @asynccontextmanager
    async def connect_and_fail(self: CommentStore) -> AsyncIterator[CommentStore]:
        before = len(taken)
        async with connect(self) as store:
            yield store
        if len(taken) > before == 0:
            raise error

    monkeypatch.setattr(Intake, step, note)
    monkeypatch.setattr(CommentStore, "on_one_connection", connect_and_fail)


async def test_a_cancelled_look_up_leaves_nothing_that_closing_waits_for(
    court: Court, clock: Clock, intake: Intake, url: str, sql: asyncpg.Connection[Any]
) -> None:
    async with sql.transaction():
        await sql.execute("lock table comments in access exclusive mode")
        waiting = asyncio.create_task(intake.submit(court, draft(court, clock, "Looked up", key="key")))
        await until_blocked(url, 1)
        [task] = intake._looking
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    await settled(intake)


async def test_a_batch_that_is_cancelled_before_it_begins_keeps_nobody_waiting(
    blind: Judges, clock: Clock, intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    court = await blind.of("default")
    begin = Intake._begin

    def begin_and_cancel(self: Intake, lane: Lane, batch: Batch, under_way: set[asyncio.Task[None]]) -> None:
        begin(self, lane, batch, under_way)
        for task in under_way:
            task.cancel()

    monkeypatch.setattr(Intake, "_begin", begin_and_cancel)
    with pytest.raises(asyncio.CancelledError):
        await intake.submit(court, draft(court, clock, "Lost", author=1))
    await settled(intake)


@pytest.mark.parametrize("error", FAULTS)
async def test_a_connection_that_fails_behind_a_single_comment_refuses_only_those_after_it(
    court: Court, clock: Clock, intake: Intake, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    fail_behind(monkeypatch, "_give", error)
    drafts = [draft(court, clock, body, author=at) for at, body in enumerate(["good", "x" * 301, "good as well"])]
    answers = await answered(intake.submit(court, one) for one in drafts)
    assert not isinstance(answers[0], Exception)
    assert isinstance(answers[1], Exception)
    [afterwards] = await answered([intake.submit(court, draft(court, clock, "Afterwards"))])
    assert not isinstance(afterwards, BaseException)
    assert afterwards.status == "approved"
    await settled(intake)


@pytest.mark.parametrize("error", FAULTS)
async def test_a_connection_that_fails_behind_a_single_look_up_does_not_answer_twice(
    court: Court,
    clock: Clock,
    intake: Intake,
    sql: asyncpg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    fail_behind(monkeypatch, "_judge", error)
    bad = msgspec.structs.replace(draft(court, clock, "bad", author=9), page="\0")
    drafts = [draft(court, clock, "good"), bad]
    answers = await answered(intake.submit(court, one) for one in drafts)
    assert [isinstance(answer, Exception) for answer in answers] == [False, True]
    assert await sql.fetchval("select count(*) from comments") == 1
    await settled(intake)


async def test_a_database_that_cannot_be_reached_is_tried_once_for_all_who_wait(
    court: Court, blind: Judges, clock: Clock, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[None] = []

    @asynccontextmanager
    async def silent(_: CommentStore) -> AsyncIterator[CommentStore]:
        tries.append(None)
        await asyncio.sleep(0)
        raise DatabaseUnavailable(headers={"Retry-After": "2"})
        yield

    monkeypatch.setattr(CommentStore, "on_one_connection", silent)
    plain = await blind.of("default")
    intake = Intake(CommentStore(database), Counts(PageStore(database)), Telemetry(), batch=1)
    drafts = [draft(court, clock, f"Word number {number}", author=number) for number in range(80)]
    waiting = [intake.submit(court if at % 2 else plain, one) for at, one in enumerate(drafts)]
    answers = await answered(waiting)
    assert {type(answer) for answer in answers} == {DatabaseUnavailable}
    assert len(tries) < 10  # once to look up, and once to store for each that judging paused for
    await settled(intake)


async def test_a_flood_is_seen_beside_a_comment_that_cannot_be_looked_up(
    court: Court, clock: Clock, intake: Intake
) -> None:
    drafts = [draft(court, clock, f"Word number {number}") for number in range(8)]
    bad = msgspec.structs.replace(draft(court, clock, "bad", author=9), page="\0")
    answers = await answered(intake.submit(court, one) for one in [bad, *drafts])
    assert isinstance(answers[0], Exception)
    statuses = [one.status for one in answers[1:] if not isinstance(one, BaseException)]
    assert len(statuses) == 8
    assert Counter(statuses)["approved"] <= 5  # what is stored meanwhile may count twice, but never not at all
    await settled(intake)


async def test_copies_that_come_one_by_one_are_seen_while_storage_stands_still(
    court: Court, clock: Clock, intake: Intake, url: str
) -> None:
    async with standstill(url):
        waiting = [asyncio.create_task(intake.submit(court, draft(court, clock, "First", author=99)))]
        await until_blocked(url, 1)
        for number in range(20):
            one = draft(court, clock, "Buy my watches now", author=number)
            waiting.append(asyncio.create_task(intake.submit(court, one)))
            await until(lambda: not intake._starting and not intake._looking)
    answers = await asyncio.gather(*waiting)
    assert Counter(one.status for one in answers[1:]) == {"approved": 3, "held": 17}
    await settled(intake)


async def test_a_comment_is_never_refused_as_the_copy_of_one_that_is_not_stored(
    court: Court, clock: Clock, intake: Intake, url: str, sql: asyncpg.Connection[Any]
) -> None:
    async with standstill(url):
        other = asyncio.create_task(intake.submit(court, draft(court, clock, "First", author=99)))
        await until_blocked(url, 1)
        twice = [asyncio.create_task(intake.submit(court, draft(court, clock, "I clicked twice"))) for _ in range(2)]
        await until(lambda: len(intake._judged) == 2)
        twice[0].cancel()
    await asyncio.gather(other, twice[1])
    shown = "select count(*) from comments where status = 'approved' and body = 'I clicked twice'"
    assert await sql.fetchval(shown) == 1
    await settled(intake)


async def test_a_judge_that_stops_is_told_to_who_waits(blind: Judges, clock: Clock, intake: Intake) -> None:
    class Stops:
        def judge(self, *_: object) -> Any:
            return next(iter(()))

    judge: Any = Stops()
    court = (await blind.of("default"))._replace(judge=judge)
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(RuntimeError):
            await intake.submit(court, draft(court, clock, "Lost"))
    await settled(intake)


async def test_what_fails_after_the_commit_takes_no_answer_back(
    court: Court, clock: Clock, intake: Intake, sql: asyncpg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a metric failed")

    monkeypatch.setattr(Telemetry, "observe", fail)
    drafts = [draft(court, clock, f"Word number {number}", author=number) for number in range(4)]
    answers = await asyncio.gather(*(intake.submit(court, one) for one in drafts))
    assert {answer.status for answer in answers} == {"approved"}
    assert await sql.fetchval("select count(*) from comments") == 4
    await settled(intake)


@pytest.mark.parametrize("seed", range(3))
async def test_a_crowd_with_faults_cancels_and_keys_is_answered_and_stored_once(
    court: Court,
    blind: Judges,
    clock: Clock,
    database: Database,
    sql: asyncpg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
) -> None:
    dice, luck = random.Random(seed), random.Random(seed)  # apart, for who meets a fault depends on the moment
    add, facts = CommentStore.add, CommentStore.facts

    def fault() -> None:
        if luck.random() < 0.05:
            raise luck.choice(FAULTS)

    async def faulty_add(self: CommentStore, *arguments: Any) -> Any:
        fault()
        return await add(self, *arguments)

    async def faulty_facts(self: CommentStore, *arguments: Any) -> Any:
        fault()
        return await facts(self, *arguments)

    monkeypatch.setattr(CommentStore, "add", faulty_add)
    monkeypatch.setattr(CommentStore, "facts", faulty_facts)
    monkeypatch.setattr("service.lanes.HOLD", 0.02)
    monkeypatch.setattr("service.intake.BREATH", 0.0001)
    courts = [court, await blind.of("default")]
    for turn in range(10):
        shape = {"batch": dice.choice([1, 2, 8]), "batches": dice.choice([1, 3]), "waiting": dice.choice([10, 2000])}
        intakes = [
            Intake(CommentStore(database), Counts(PageStore(database)), Telemetry(), **shape)
            for _ in range(dice.choice([1, 2]))
        ]
        tasks: list[asyncio.Task[Submitted]] = []
        for number in range(60):
            key = f"{turn}-{dice.randrange(4)}" if dice.random() < 0.3 else None
            body = "x" * 301 if dice.random() < 0.03 else f"Word {turn} {dice.randrange(200)}"
            one = draft(court, clock, body, author=dice.randrange(4), key=key)
            tasks.append(asyncio.create_task(dice.choice(intakes).submit(dice.choice(courts), one)))
            if number % 4 == 0:
                await asyncio.sleep(0)
                dice.choice(tasks).cancel()
        answers = await answered(tasks)
        for each in intakes:
            await settled(each)
        stored = {row["comment_id"] for row in await sql.fetch("select comment_id from comments")}
        assert {answer.id for answer in answers if not isinstance(answer, BaseException)} <= stored
    keys = [row[0] for row in await sql.fetch("select idempotency_key from comments where idempotency_key <> ''")]
    assert len(keys) == len(set(keys)) > 10
