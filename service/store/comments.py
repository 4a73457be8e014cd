"""What readers write and read: `sql/queries/comments.sql`."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Literal, NamedTuple
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from service.model import Facts, Status
from service.store.pages import NOBODY, Tally
from service.store.rows import Findings, read

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from service.model import Draft, Policy, Rules, Verdict
    from service.postgres import Database, Session
    from service.steps import Row


ALIKE = 200
"""Newest comments of the same text that are looked at: so many that one author's are hardly ever all of them."""
RECORD = 100
"""Newest comments of an author that make the record."""


class Known(NamedTuple):
    """What storage knows of a draft: the facts for its rules, and what may keep it from being judged."""

    facts: Facts
    page_closed: bool
    parent_shown: bool
    earlier: UUID | None
    """The comment that came with the same idempotency key."""
    earlier_hash: bytes | None


NOTHING_KNOWN = Known(Facts(), page_closed=False, parent_shown=True, earlier=None, earlier_hash=None)
"""Of a draft that nothing is asked about."""


class Judged(NamedTuple):
    """A draft with its verdict and the version of the policy that gave it, ready to be stored."""

    draft: Draft
    verdict: Verdict
    version: int


class Submitted(Struct, frozen=True, kw_only=True):
    """A comment as its author is told of it."""

    id: UUID
    page: str
    parent: UUID | None
    author: str | None
    body: str
    status: Status
    at: datetime
    count: int
    findings: Findings

    @classmethod
    def of(cls, draft: Draft, verdict: Verdict, count: int) -> Submitted:
        """Make it from what was just stored; `count` is that of the page now."""
        return cls(
            id=draft.id,
            page=draft.page,
            parent=draft.parent,
            author=draft.author,
            body=draft.body,
            status=verdict.status,
            at=draft.at,
            count=count,
            findings=verdict.findings,
        )


class Shown(NamedTuple):
    """A comment as everybody sees it."""

    id: UUID
    parent: UUID | None
    author: str | None
    body: str
    at: datetime


class Listed(NamedTuple):
    """A piece of a page's list."""

    tally: Tally
    comments: list[Shown]


class IdempotencyRace(Exception):  # noqa: N818 - a signal to read again, not a fault
    """Another request with the same key was stored in the meantime."""


class CommentStore:
    """Comments on their way in, and as pages show them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries: Database | Session = database

    @asynccontextmanager
    async def on_one_connection(self) -> AsyncIterator[CommentStore]:
        """Give this store on one connection, for queries that follow each other at once."""
        async with self._database.session() as session:
            store = CommentStore(self._database)
            store._queries = session
            yield store

    async def facts(self, drafts: Sequence[tuple[Draft, Policy]]) -> list[Known]:
        """Return what is known of each draft, in their order, in one round trip."""
        if not drafts:
            return []
        rows = await self._queries.all(
            "facts",
            [draft.site for draft, _ in drafts],
            [draft.page for draft, _ in drafts],
            [draft.parent for draft, _ in drafts],
            [draft.author_key for draft, _ in drafts],
            [draft.address_key for draft, _ in drafts],
            [draft.fingerprint for draft, _ in drafts],
            [draft.at for draft, _ in drafts],
            [draft.idempotency_key for draft, _ in drafts],
            *zip(*[_asked(policy.rules) for _, policy in drafts], strict=True),
        )
        return [_known(row) for row in rows]

    async def add(self, judged: Sequence[Judged]) -> dict[UUID, Tally]:
        """Store judged drafts in one transaction; return, for each that was stored, what its page shows now.

        A draft for a closed page is left out of what is returned.

        Raises IdempotencyRace when one of the keys was stored in the meantime.
        """
        rows = [_row(*one) for one in judged]
        findings = [
            {"site_id": draft.site, "comment_id": draft.id, "ordinal": ordinal, **msgspec.structs.asdict(finding)}
            for draft, verdict, _ in judged
            for ordinal, finding in enumerate(verdict.findings)
        ]
        try:
            stored = await self._queries.all("insert_comments", _document(rows), _document(findings))
        except asyncpg.UniqueViolationError as error:
            if "comments_idempotency" in str(error):  # a shard's index has a longer name
                raise IdempotencyRace from error
            raise
        return {row["comment_id"]: Tally(row["approved_count"], row["revision"]) for row in stored}

    async def submitted(self, site: int, comment: UUID) -> Submitted | None:
        """Return a stored comment as it was answered when it came."""
        row = await self._queries.one("submitted", site, comment)
        return read(row, Submitted) if row else None

    async def thread(
        self, site: int, key: str, order: Literal["newest", "oldest"], after: UUID | None, limit: int
    ) -> Listed:
        """Return approved comments of a page after a place in the list, and what the page shows at that moment."""
        rows = await self._queries.all(f"thread_{order}", site, key, after, limit)
        if not rows:
            return Listed(NOBODY, [])
        comments = [Shown(*row[2:]) for row in rows if row["id"]]
        return Listed(Tally(rows[0]["count"], rows[0]["revision"]), comments)


def _asked(rules: Rules) -> tuple[int, int, int, int, int, int]:
    """Return how far back the rules look, and at how many comments: none where nothing is made of them."""
    flood, duplicate, copied = rules.flood, rules.duplicate, rules.copied
    return (
        flood.seconds,
        0 if flood.action == "off" else flood.limit,
        duplicate.seconds,
        copied.seconds,
        0 if duplicate.action == copied.action == "off" else ALIKE,
        0 if rules.new_author.action == "off" else RECORD,
    )


def _known(row: Row) -> Known:
    return Known(
        facts=Facts(
            banned=row["banned"],
            author_approved=row["author_approved"],
            recent=row["recent"],
            repeats_by_author=row["repeats_by_author"],
            repeats_by_others=row["repeats_by_others"],
        ),
        page_closed=row["page_closed"],
        parent_shown=row["parent_shown"],
        earlier=row["earlier_id"],
        earlier_hash=row["earlier_hash"],
    )


def _row(draft: Draft, verdict: Verdict, version: int) -> dict[str, object]:
    """Return a comment by the names of its columns."""
    return {
        "site_id": draft.site,
        "comment_id": draft.id,
        "page_key": draft.page,
        "title": draft.title,
        "parent_id": draft.parent,
        "author": draft.author,
        "author_key": _bytes(draft.author_key),
        "address_key": _bytes(draft.address_key),
        "body": draft.body,
        "fingerprint": _bytes(draft.fingerprint),
        "status": verdict.status,
        "risk": verdict.risk,
        "policy_version": version,
        "submitted_at": draft.at,
        "idempotency_key": draft.idempotency_key,
        "request_hash": draft.request_hash and _bytes(draft.request_hash),
    }


def _bytes(value: bytes) -> str:
    """Return bytes as PostgreSQL reads them from a text."""
    return f"\\x{value.hex()}"


def _document(rows: Sequence[Mapping[str, object]]) -> str:
    return msgspec.json.encode(rows).decode()
