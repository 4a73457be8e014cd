"""Counts in memory against a real database: exact, whoever changes them, and forgotten when a change may be missed."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from service.counts import Counts, _remembered, page
from service.listener import Listener
from service.pages import REMEMBERED, REMEMBERED_LENGTH
from service.store.pages import PageStore, Tally
from tests.proxy import Proxy
from tests.store.conftest import open_newsroom
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    import asyncpg

    from service.postgres import Database
    from tests.store.conftest import Newsroom


class Pages(PageStore):
    """Storage that tells how often it was asked, and can keep its answers back."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.asked: list[tuple[str, ...]] = []
        self.answering = asyncio.Event()
        self.answering.set()

    async def counts(self, site: int, keys: Iterable[str]) -> dict[str, Tally]:
        found = await super().counts(site, list(keys))
        self.asked.append(tuple(keys))
        await self.answering.wait()
        return found


@pytest.fixture
async def newsroom(database: Database) -> Newsroom:
    return await open_newsroom(database, "default")


@pytest.fixture
def pages(database: Database) -> Pages:
    return Pages(database)


@pytest.fixture
async def counts(pages: Pages, url: str) -> AsyncIterator[Counts]:
    counts = Counts(pages)
    listener = Listener(url, counts)
    await listener.open()
    assert counts.listening
    yield counts
    await listener.close()
    assert not counts.listening


async def shows(counts: Counts, newsroom: Newsroom, key: str, number: int) -> None:
    """Wait until a page has a number."""

    async def right() -> bool:
        return await counts.of(newsroom.site.id, [key]) == ({key: number}, True)

    await until(right)


async def test_what_is_known_is_not_asked_again(counts: Counts, pages: Pages, newsroom: Newsroom) -> None:
    await newsroom.posted("a")
    await shows(counts, newsroom, "a", 1)
    pages.asked.clear()
    for _ in range(3):
        assert await counts.of(newsroom.site.id, ["a", "b"]) == ({"a": 1, "b": 0}, True)
    assert pages.asked == [("b",)]


@pytest.mark.usefixtures("storing")
async def test_every_way_to_change_a_count_is_heard(
    counts: Counts, pages: Pages, newsroom: Newsroom, sql: asyncpg.Connection[Any]
) -> None:
    await shows(counts, newsroom, "page", 0)
    first = await newsroom.posted()
    await shows(counts, newsroom, "page", 1)
    await newsroom.comments.add([newsroom.judged(), newsroom.judged(status="held"), newsroom.judged()])
    await shows(counts, newsroom, "page", 3)
    await newsroom.decide(first.id, "removed")
    await shows(counts, newsroom, "page", 2)
    await sql.execute("update pages set approved_count = 77")
    await newsroom.pages.repair(newsroom.site.id, await sql.fetchval("select page_id from pages"))
    await shows(counts, newsroom, "page", 2)
    held = await newsroom.posted(status="held")
    await newsroom.decide(held.id, "approved")
    await shows(counts, newsroom, "page", 3)
    assert pages.asked == [("page",)]


@pytest.mark.usefixtures("storing")
async def test_a_batch_over_more_pages_than_one_notification_holds_is_heard_whole(
    counts: Counts, newsroom: Newsroom
) -> None:
    keys = [f"https://news.example/{'a-long-address/' * 20}{number}" for number in range(128)]
    assert set((await counts.of(newsroom.site.id, keys))[0].values()) == {0}
    await newsroom.comments.add([newsroom.judged(key) for key in keys])

    async def heard() -> bool:
        return set((await counts.of(newsroom.site.id, keys))[0].values()) == {1}

    await until(heard)


async def test_sites_are_told_apart(counts: Counts, newsroom: Newsroom, database: Database) -> None:
    other = await open_newsroom(database, "other")
    await newsroom.posted()
    await shows(counts, newsroom, "page", 1)
    assert await counts.of(other.site.id, ["page"]) == ({"page": 0}, True)


async def test_what_changes_while_storage_answers_is_not_overwritten_by_the_answer(
    counts: Counts, pages: Pages, newsroom: Newsroom
) -> None:
    await newsroom.posted("known")
    await shows(counts, newsroom, "known", 1)
    pages.asked.clear()
    pages.answering.clear()
    asking = asyncio.create_task(counts.of(newsroom.site.id, ["known", "page", "other"]))

    async def read() -> bool:
        return bool(pages.asked)

    await until(read)
    changed: list[object] = []
    counts.watch(changed.append, lambda: None)
    await newsroom.comments.add([newsroom.judged("page"), newsroom.judged("known")])

    async def heard() -> bool:
        return len(changed) == 2

    await until(heard)
    pages.answering.set()
    assert await asking == ({"known": 2, "page": 1, "other": 0}, True)


async def test_of_two_numbers_the_one_of_the_higher_revision_stays(counts: Counts) -> None:
    place = page(1, "page")
    assert counts.learn(place, Tally(5, 7)) == (5, 7)
    assert counts.learn(place, Tally(9, 6)) == (5, 7)
    assert counts.learn(place, Tally(4, 8)) == (4, 8)


async def test_the_longest_unused_are_forgotten_first(pages: Pages, newsroom: Newsroom) -> None:
    counts = Counts(pages, pages=2)
    counts.begin()
    for key in ("a", "b", "a", "c", "a", "b"):
        assert await counts.of(newsroom.site.id, [key]) == ({key: 0}, True)
    assert pages.asked == [("a",), ("b",), ("c",), ("b",)]
    assert await counts.of(newsroom.site.id, ["a", "b", "c", "d"]) == (dict.fromkeys("abcd", 0), True)


def test_what_has_just_changed_is_not_forgotten_first(pages: Pages) -> None:
    counts = Counts(pages, pages=2)
    counts.begin()
    first, second, third = (page(1, key) for key in "abc")
    for place in (first, second):
        counts.learn(place, Tally(1, 1))
    counts.learn(first, Tally(2, 2))
    counts.learn(third, Tally(1, 1))
    assert counts.learn(first, Tally(1, 1)) == (2, 2)


async def test_without_a_listener_nothing_is_kept_and_nothing_wrong_is_said(
    pages: Pages, newsroom: Newsroom, url: str
) -> None:
    counts = Counts(pages)
    forgotten: list[str] = []
    counts.watch(lambda _: None, lambda: forgotten.append("all"))
    async with Proxy(url) as proxy:
        listener = Listener(proxy.url, counts)
        await listener.open()
        await shows(counts, newsroom, "page", 0)
        await proxy.cut()

        async def lost() -> bool:
            return not counts.listening

        await until(lost)
        await newsroom.posted()
        assert await counts.of(newsroom.site.id, ["page"]) == ({"page": 1}, False)
        await newsroom.posted()
        assert await counts.of(newsroom.site.id, ["page"]) == ({"page": 2}, False)
        await proxy.restore()
        await shows(counts, newsroom, "page", 2)
        pages.asked.clear()
        await newsroom.posted()
        await shows(counts, newsroom, "page", 3)
        assert pages.asked == []
        assert forgotten == ["all"] * 3
        await listener.close()


async def test_what_was_asked_before_the_listener_was_lost_does_not_last(pages: Pages, newsroom: Newsroom) -> None:
    counts = Counts(pages)
    counts.begin()
    pages.answering.clear()
    asking = asyncio.create_task(counts.of(newsroom.site.id, ["page"]))

    async def read() -> bool:
        return bool(pages.asked)

    await until(read)
    counts.end()
    counts.begin()
    await newsroom.posted()
    pages.answering.set()
    assert await asking == ({"page": 0}, False)
    assert await counts.of(newsroom.site.id, ["page"]) == ({"page": 1}, True)


async def test_a_listener_comes_back_although_the_database_is_not_there_at_first(
    pages: Pages, newsroom: Newsroom, url: str
) -> None:
    counts = Counts(pages)
    proxy = Proxy(url)
    async with proxy:
        pass
    listener = Listener(proxy.url, counts)
    await listener.open()
    assert not counts.listening
    async with proxy:
        await shows(counts, newsroom, "page", 0)
        await listener.close()


@pytest.fixture
def restless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.listener.BEAT_SECONDS", 0.05)
    monkeypatch.setattr("service.listener.ANSWER_SECONDS", 0.2)


@pytest.mark.usefixtures("restless")
async def test_a_connection_that_died_without_a_word_is_found_out(pages: Pages, newsroom: Newsroom, url: str) -> None:
    counts = Counts(pages)
    async with Proxy(url) as proxy:
        listener = Listener(proxy.url, counts)
        await listener.open()
        await shows(counts, newsroom, "page", 0)
        proxy.silence()
        await newsroom.posted()

        async def lost() -> bool:
            return await counts.of(newsroom.site.id, ["page"]) == ({"page": 1}, False)

        await until(lost)
        proxy.speak()
        await shows(counts, newsroom, "page", 1)
        await listener.close()


def test_what_stands_for_a_page_is_remembered_for_neither_many_keys_nor_long_ones() -> None:
    _remembered.cache_clear()
    long = "ä" * (REMEMBERED_LENGTH + 1)
    assert page(7, long) == page(7, long) == (7, hashlib.sha256(long.encode()).hexdigest())
    assert _remembered.cache_info().currsize == 0
    for number in range(REMEMBERED + 1):
        assert page(7, str(number)) == page(7, str(number))
    assert _remembered.cache_info().currsize == REMEMBERED
