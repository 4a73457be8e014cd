"""What moderators read and decide, one and many at a time."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from service.model import Finding
from service.postgres import Database
from service.store.desk import DeskStore, Place, Ruling
from tests.store.conftest import NOON, Newsroom, open_newsroom

if TYPE_CHECKING:
    import asyncpg

    from service.model import Status
    from service.store.desk import Decision, Order


def finding(score: float) -> tuple[Finding, ...]:
    return (Finding(rule="links", effect="hold", score=score, spans=((0, 2),), note="links=2"),)


async def test_the_queue_is_read_in_every_order_and_goes_on_where_it_stopped(newsroom: Newsroom) -> None:
    scores = (0.5, 0.875, 0.25, 0.875)
    ids = [(await newsroom.posted(status="held", findings=finding(score))).id for score in scores]
    await newsroom.posted(status="approved")
    expected: dict[Order, list[int]] = {"riskiest": [3, 1, 0, 2], "newest": [3, 2, 1, 0], "oldest": [0, 1, 2, 3]}
    for order, places in expected.items():
        seen = []
        after = None
        while batch := await newsroom.desk.queue(newsroom.site.id, "held", order, after, None, None, 1):
            [one] = batch
            seen.append(one.id)
            after = Place(one.id, one.risk)
        assert seen == [ids[place] for place in places], order
    assert await newsroom.desk.total(newsroom.site.id, "held") == 4


async def test_a_comment_in_the_queue_brings_all_that_a_moderator_looks_at(newsroom: Newsroom) -> None:
    draft = await newsroom.posted("page", "held", title="The bridge", author="Ada", findings=finding(0.5))
    [one] = await newsroom.desk.queue(newsroom.site.id, "held", "newest", None, None, None, 10)
    assert (one.id, one.page, one.page_title, one.author, one.body) == (
        draft.id, "page", "The bridge", "Ada", draft.body,
    )  # fmt: skip
    assert (one.status, one.at, one.risk, one.findings) == ("held", draft.at, 0.5, finding(0.5))


@pytest.mark.parametrize(
    ("words", "found"),
    [("bridge", [0]), ("BRIDGE", [0]), ("ada", [1]), ("%", [2]), ("_", []), ("50% off", [2]), ("nothing", [])],
)
async def test_words_are_sought_in_text_and_name_as_they_stand(
    newsroom: Newsroom, words: str, found: list[int]
) -> None:
    drafts = [
        await newsroom.posted(status="held", body="The Bridge opens"),
        await newsroom.posted(status="held", author="Ada"),
        await newsroom.posted(status="held", body="50% off"),
    ]
    orders: list[Order] = ["riskiest", "newest", "oldest"]
    for order in orders:
        queue = await newsroom.desk.queue(newsroom.site.id, "held", order, None, None, words, 10)
        assert [one.id for one in queue] == [drafts[place].id for place in found]


async def test_a_comment_alone_brings_the_record_of_its_author(newsroom: Newsroom) -> None:
    statuses: list[Status] = ["approved", "approved", "held", "rejected", "removed"]
    for status in statuses:
        draft = await newsroom.posted(status=status)
    found = await newsroom.desk.comment(newsroom.site.id, draft.id)
    assert found is not None
    assert (found.policy_version, found.approved, found.held, found.rejected, found.removed) == (1, 2, 1, 1, 1)
    assert await newsroom.desk.comment(newsroom.site.id, newsroom.draft().id) is None


async def test_a_decision_changes_status_count_and_history_together(newsroom: Newsroom) -> None:
    draft = await newsroom.posted(status="held")

    def approve(status: Status, _history: list[Decision]) -> Ruling:
        return Ruling(status, "approved", "fine", "looked at twice", None)

    site = newsroom.site.id
    assert await newsroom.desk.decide(site, draft.id, newsroom.moderator, NOON, approve) == ("approved", "page", (1, 1))
    assert await newsroom.decide(draft.id, "removed") == "removed"
    assert await newsroom.decide(draft.id, "removed") == "removed"
    history = await newsroom.desk.history(site, draft.id)
    assert [(one.seq, one.from_status, one.to_status, one.moderator, one.policy) for one in history] == [
        (1, None, "held", None, 1),
        (2, "held", "approved", "Ada", None),
        (3, "approved", "removed", "Ada", None),
    ]
    assert (history[1].reason, history[1].note, history[1].at) == ("fine", "looked at twice", NOON)
    assert await newsroom.approved("page") == {"page": 0}


async def test_a_rule_that_raises_leaves_everything_as_it_is(newsroom: Newsroom) -> None:
    draft = await newsroom.posted(status="held")

    def refuse(_status: Status, _history: list[Decision]) -> Ruling:
        raise LookupError

    with pytest.raises(LookupError):
        await newsroom.desk.decide(newsroom.site.id, draft.id, newsroom.moderator, NOON, refuse)
    assert len(await newsroom.desk.history(newsroom.site.id, draft.id)) == 1
    assert await newsroom.decide(draft.id, "approved") == "approved"


async def test_a_site_neither_sees_nor_decides_on_comments_of_another(newsroom: Newsroom, database: Database) -> None:
    other = await open_newsroom(database, "other")
    draft = await other.posted(status="held")
    site = newsroom.site.id
    assert await newsroom.decide(draft.id, "approved") is None
    assert await newsroom.desk.comment(site, draft.id) is None
    assert await newsroom.desk.history(site, draft.id) == []
    assert await newsroom.desk.queue(site, "held", "newest", None, None, None, 10) == []
    assert await newsroom.desk.total(site, "held") == 0
    assert await newsroom.approved("page") == {}
    assert await newsroom.comments.submitted(site, draft.id) is None


async def test_fifty_decisions_at_once_keep_counts_and_history_exact(
    newsroom: Newsroom, url: str, sql: asyncpg.Connection[Any]
) -> None:
    crowd = Database(url, connections=10)
    await crowd.open()
    try:
        newsroom.desk = DeskStore(crowd)
        drafts = [await newsroom.posted(status="held") for _ in range(5)]
        results: list[Status] = ["approved", "rejected", "removed", "approved", "held"]
        decided = [newsroom.decide(drafts[turn % 5].id, results[turn // 5 % 5]) for turn in range(50)]
        assert None not in await asyncio.gather(*decided)
        histories = [await newsroom.desk.history(newsroom.site.id, draft.id) for draft in drafts]
    finally:
        await crowd.close()
    assert await newsroom.wrong() == {}
    rows = await sql.fetch("select status, count(*) from comments group by status")
    shown = Counter({row["status"]: row["count"] for row in rows})["approved"]
    assert await newsroom.approved("page") == {"page": shown}
    for history in histories:
        assert [one.seq for one in history] == list(range(1, len(history) + 1))
        assert all(after.from_status == before.to_status for before, after in pairwise(history))


async def test_of_two_who_decide_the_second_is_told_what_the_first_did(newsroom: Newsroom) -> None:
    draft = await newsroom.posted(status="held")
    told: list[tuple[Status, int]] = []

    def decide(status: Status, history: list[Decision]) -> Ruling | None:
        told.append((status, len(history)))
        return Ruling(status, "rejected", None, None, None) if status == "held" else None

    ask = newsroom.desk.decide(newsroom.site.id, draft.id, newsroom.moderator, NOON, decide)
    again = newsroom.desk.decide(newsroom.site.id, draft.id, newsroom.moderator, NOON, decide)
    assert list(await asyncio.gather(ask, again)) == [("rejected", None, (0, 0))] * 2
    assert told == [("held", 1), ("rejected", 2)]
