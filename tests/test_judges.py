"""One judge for each site."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from service.errors import UnknownSite
from service.judges import FRESH_SECONDS, Judges
from service.model import Facts, Policy, Rules, WordsRule
from service.store.sites import SiteStore

if TYPE_CHECKING:
    import asyncpg

    from service.moderation.lexicon import Lexicon
    from service.postgres import Database
    from tests.conftest import Clock

PUMPKIN = Policy(rules=Rules(reject_words=WordsRule(action="reject", words=("pumpkin",))))


@pytest.fixture
async def store(database: Database, clock: Clock) -> SiteStore:
    store = SiteStore(database)
    await store.add("default", (), clock.now())
    return store


@pytest.fixture
def judges(store: SiteStore, lexicon: Lexicon, clock: Clock) -> Judges:
    return Judges(store, lexicon, clock.monotonic)


async def test_a_changed_policy_is_seen_in_time_and_no_judge_is_made_twice(
    judges: Judges, store: SiteStore, clock: Clock
) -> None:
    first = await judges.of("default")
    assert first.judge.judge("You pumpkin", Facts(), None).status == "approved"
    assert await judges.of("default") is first
    await store.add_policy(first.site.id, PUMPKIN, clock.now())
    clock.advance(FRESH_SECONDS - 0.1)
    assert await judges.of("default") is first
    clock.advance(0.1)
    second = await judges.of("default")
    assert second.site.version == 2
    assert second.judge.judge("You pumpkin", Facts(), None).status == "rejected"
    clock.advance(FRESH_SECONDS)
    third = await judges.of("default")
    assert third is not second
    assert third.judge is second.judge


async def test_a_new_origin_is_seen_without_a_new_judge(judges: Judges, store: SiteStore, clock: Clock) -> None:
    first = await judges.of("default")
    await store.add("default", ("https://news.example",), clock.now())
    clock.advance(FRESH_SECONDS)
    second = await judges.of("default")
    assert second.site.origins == ("https://news.example",)
    assert second.judge is first.judge


async def test_each_site_has_its_own_judge(judges: Judges, store: SiteStore, clock: Clock) -> None:
    other = await store.add("other", (), clock.now())
    await store.add_policy(other.id, PUMPKIN, clock.now())
    courts = await asyncio.gather(judges.of("default"), judges.of("other"), judges.of("default"))
    assert [court.site.name for court in courts] == ["default", "other", "default"]
    verdicts = [court.judge.judge("You pumpkin", Facts(), None).status for court in courts]
    assert verdicts == ["approved", "rejected", "approved"]


async def test_a_site_that_is_not_there_has_none(
    judges: Judges, store: SiteStore, clock: Clock, sql: asyncpg.Connection[Any]
) -> None:
    with pytest.raises(UnknownSite):
        await judges.of("late")
    await store.add("late", (), clock.now())
    assert (await judges.of("late")).site.name == "late"
    await sql.execute("update sites set name = 'gone' where name = 'late'")
    clock.advance(FRESH_SECONDS)
    with pytest.raises(UnknownSite):
        await judges.of("late")
    assert judges._courts.keys() == set()


async def test_a_crowd_that_comes_at_once_waits_for_one_judge(judges: Judges, store: SiteStore, clock: Clock) -> None:
    first = await asyncio.gather(*(judges.of("default") for _ in range(20)))
    assert all(court is first[0] for court in first)
    await store.add_policy(first[0].site.id, PUMPKIN, clock.now())
    clock.advance(FRESH_SECONDS)
    second = await asyncio.gather(*(judges.of("default") for _ in range(20)))
    assert all(court is second[0] for court in second)
    assert second[0].site.version == 2


async def test_who_gives_up_waiting_takes_nobody_along(judges: Judges) -> None:
    gone, stays = (asyncio.create_task(judges.of("default")) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    assert (await stays).site.name == "default"
