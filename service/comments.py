"""What can happen to a comment on its way to a page: it is submitted, listed and counted."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, NamedTuple

from service.errors import CommentEmpty, CommentTooLong, DatabaseUnavailable
from service.model import LIMIT, Draft
from service.moderation.text import canonical, fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from uuid import UUID

    from service.counts import Counts
    from service.identity import Identity
    from service.intake import Intake
    from service.judges import Court
    from service.store.comments import CommentStore, Listed, Shown, Submitted

MEASURED = 16_384
"""Code points over which a text is not brought into its canonical form: that would hold everybody else up."""


class Submission(NamedTuple):
    """A comment as it arrives, its page key already canonical."""

    page: str
    title: str | None
    author: str | None
    body: str
    parent: UUID | None
    address: str
    idempotency_key: str | None
    request: bytes
    """What must be the same for a repeated idempotency key to mean the same request."""


class Thread(NamedTuple):
    """A piece of a page's list of comments; `lasting` until the page changes, or not when a change may be missed."""

    approved: int
    comments: list[Shown]
    after: UUID | None
    lasting: bool


class Comments:
    """The readers' side of the service."""

    def __init__(
        self,
        store: CommentStore,
        counts: Counts,
        intake: Intake,
        identity: Identity,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[datetime], UUID],
        standby: CommentStore | None = None,
    ) -> None:
        self._store = store
        self._standby = standby
        self._counts = counts
        self._intake = intake
        self._identity = identity
        self._now = now
        self._new_id = new_id

    async def submit(self, court: Court, submission: Submission) -> Submitted:
        """Judge a comment and store it with what was found; a repeated idempotency key gives the first answer.

        Raises CommentEmpty, CommentTooLong and what Intake.submit raises.
        """
        return await self._intake.submit(court, self._draft(court.site.id, submission))

    def _draft(self, site: int, submission: Submission) -> Draft:
        body = measured(submission.body)
        at = self._now()
        keys = self._identity.reader(site, submission.address, submission.author, at)
        return Draft(
            site=site,
            id=self._new_id(at),
            page=submission.page,
            title=submission.title,
            parent=submission.parent,
            author=submission.author,
            body=body,
            at=at,
            author_key=keys.author,
            address_key=keys.address,
            fingerprint=fingerprint(body),
            idempotency_key=submission.idempotency_key,
            request_hash=hashlib.blake2b(submission.request, digest_size=16).digest()
            if submission.idempotency_key
            else None,
        )

    async def thread(
        self, site: int, key: str, order: Literal["newest", "oldest"], after: UUID | None, limit: int
    ) -> Thread:
        """Return approved comments of a page, and where the list goes on."""
        era = self._counts.era
        found, sure = await self._listed(site, key, order, after, limit + 1)
        lasting = sure and self._counts.settled(site, key, found.tally, era)
        more = len(found.comments) > limit
        last = found.comments[limit - 1].id if more else None
        return Thread(found.tally.approved, found.comments[:limit], last, lasting)

    async def _listed(
        self, site: int, key: str, order: Literal["newest", "oldest"], after: UUID | None, limit: int
    ) -> tuple[Listed, bool]:
        """Return a list that shows everything the primary told of, and whether it does: while it is away, none can."""
        if self._standby is None:
            return await self._store.thread(site, key, order, after, limit), True
        newest = await self._counts.newest(site, key)
        with suppress(DatabaseUnavailable):
            found = await self._standby.thread(site, key, order, after, limit)
            if newest is None or found.tally.revision >= newest.revision:
                return found, newest is not None
        return await self._store.thread(site, key, order, after, limit), True

    async def counts(self, site: int, keys: Sequence[str]) -> tuple[dict[str, int], bool]:
        """Return the number of approved comments of each page, and whether that lasts until one of them changes."""
        return await self._counts.of(site, keys)


def measured(text: str) -> str:
    """Return the text of a comment in its canonical form.

    Raises CommentEmpty when nothing of it can be seen, and CommentTooLong.
    """
    if len(text) > MEASURED:
        raise CommentTooLong(limit=LIMIT, length=len(text))
    body = canonical(text)
    if not body:
        raise CommentEmpty
    if len(body) > LIMIT:
        raise CommentTooLong(limit=LIMIT, length=len(body))
    return body
