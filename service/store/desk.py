"""What moderators read and decide: `sql/queries/desk.sql`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal, NamedTuple
from uuid import UUID

from msgspec import Struct

from service.model import Action, Status
from service.store.pages import NOBODY, Tally
from service.store.rows import Findings, read

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.postgres import Database

Order = Literal["riskiest", "newest", "oldest"]


class Queued(Struct, frozen=True, kw_only=True):
    """A comment as a moderator sees it in a list."""

    id: UUID
    page: str
    page_title: str | None
    author: str | None
    body: str
    status: Status
    at: datetime
    risk: float
    findings: Findings


class Examined(Queued, frozen=True, kw_only=True):
    """A comment as a moderator sees it alone; the four numbers are what became of the author's last hundred."""

    policy_version: int
    approved: int
    held: int
    rejected: int
    removed: int


class Decision(Struct, frozen=True, kw_only=True):
    """One line of a comment's history."""

    seq: int
    from_status: Status | None
    to_status: Status
    moderator: str | None
    policy: int | None
    reason: str | None
    note: str | None
    at: datetime
    action: Action | None
    """What the moderator asked for; None when the policy decided, and where it was not written down yet."""


class Ruling(NamedTuple):
    """What a moderator decides, once it is clear that it may be decided."""

    before: Status
    after: Status
    reason: str | None
    note: str | None
    action: Action | None


class Decided(NamedTuple):
    """The status after a decision, and the page with what it shows now where that has changed."""

    status: Status
    page: str | None = None
    tally: Tally = NOBODY


class Place(NamedTuple):
    """Where a list goes on: after this comment, which has this risk."""

    comment: UUID
    risk: float


def _parts(place: Place | None, order: Order) -> tuple[UUID | float | None, ...]:
    comment, risk = place or (None, None)
    return (comment, risk) if order == "riskiest" else (comment,)


class DeskStore:
    """The queue and the decisions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def queue(
        self,
        site: int,
        status: Status,
        order: Order,
        after: Place | None,
        until: Place | None,
        words: str | None,
        limit: int,
    ) -> list[Queued]:
        """Return comments of one status between two places in the list; `words` must stand in text or name."""
        places = (*_parts(after, order), *_parts(until, order))
        rows = await self._database.all(f"queue_{order}", site, status, *places, words, limit)
        return [read(row, Queued) for row in rows]

    async def reach(self, site: int, status: Status, order: Order, after: Place | None, count: int) -> Place | None:
        """Return the place of the comment that is `count` further in the list, None when the list ends before."""
        row = await self._database.one(f"reach_{order}", site, status, *_parts(after, order), count - 1)
        return Place(**row) if row else None

    async def total(self, site: int, status: Status) -> int:
        """Return how many comments have a status, 10,000 for more."""
        [row] = await self._database.all("queue_total", site, status)
        return int(row["total"])

    async def comment(self, site: int, comment: UUID) -> Examined | None:
        """Return one comment with its author's record."""
        row = await self._database.one("judged_comment", site, comment)
        return read(row, Examined) if row else None

    async def history(self, site: int, comment: UUID) -> list[Decision]:
        """Return every decision on a comment, the first one first."""
        return [read(row, Decision) for row in await self._database.all("history", site, comment)]

    async def decide(
        self,
        site: int,
        comment: UUID,
        moderator: UUID,
        at: datetime,
        rule: Callable[[Status, list[Decision]], Ruling | None],
    ) -> Decided | None:
        """Let `rule` decide while nobody else can; return what came of it, None for no such comment.

        `rule` is given the status and the history, and returns None to leave everything as it is; what it raises
        leaves everything as it is too.
        """
        async with self._database.transaction() as session:
            row = await session.one("lock_comment", site, comment)
            if row is None:
                return None
            history = [read(line, Decision) for line in await session.all("history", site, comment)]
            ruling = rule(row["status"], history)
            if ruling is None:
                return Decided(row["status"])
            recorded = await session.one(
                "record_decision",
                site,
                comment,
                ruling.before,
                ruling.after,
                moderator,
                *ruling[2:4],
                at,
                ruling.action,
            )
            if recorded is None or recorded["key"] is None:
                return Decided(ruling.after)
            return Decided(ruling.after, recorded["key"], Tally(recorded["count"], recorded["revision"]))
