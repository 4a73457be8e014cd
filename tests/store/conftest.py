"""A site to store comments at, and drafts to store."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from service.app import new_id
from service.model import Draft, Policy, Status, Verdict
from service.moderation.text import fingerprint
from service.store.comments import CommentStore, Judged, Known
from service.store.desk import DeskStore, Ruling
from service.store.identity import IdentityStore
from service.store.pages import PageStore
from service.store.sites import SiteStore

if TYPE_CHECKING:
    from service.postgres import Database
    from service.store.sites import Site

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@dataclass
class Newsroom:
    """A site with its stores and one moderator."""

    site: Site
    sites: SiteStore
    comments: CommentStore
    pages: PageStore
    desk: DeskStore
    identity: IdentityStore
    moderator: UUID
    made: int = field(default=0)

    def draft(self, page: str = "page", body: str = "", **more: Any) -> Draft:
        """Return a draft that differs from every other one."""
        self.made += 1
        at = more.pop("at", NOON + timedelta(seconds=self.made))
        body = body or f"Thought number {self.made}"
        given: dict[str, Any] = {
            "site": self.site.id,
            "id": new_id(at),
            "title": None,
            "parent": None,
            "author": None,
            "author_key": b"a" * 16,
            "address_key": b"d" * 16,
            "fingerprint": fingerprint(body),
            **more,
        }
        return Draft(page=page, body=body, at=at, **given)

    def judged(self, page: str = "page", status: Status = "approved", **more: Any) -> Judged:
        findings = more.pop("findings", ())
        return Judged(self.draft(page, **more), Verdict(status=status, findings=findings), 1)

    async def posted(self, page: str = "page", status: Status = "approved", **more: Any) -> Draft:
        """Store one comment and return its draft."""
        judged = self.judged(page, status, **more)
        assert list(await self.comments.add([judged])) == [judged.draft.id]
        return judged.draft

    async def known(self, draft: Draft, policy: Policy | None = None) -> Known:
        [known] = await self.comments.facts([(draft, policy or Policy())])
        return known

    async def decide(self, comment: UUID, after: Status) -> Status | None:
        def rule(status: Status, _history: object) -> Ruling | None:
            return None if status == after else Ruling(status, after, None, None, None)

        decided = await self.desk.decide(self.site.id, comment, self.moderator, NOON, rule)
        return decided.status if decided else None

    async def approved(self, *keys: str) -> dict[str, int]:
        """Return the count of each page that is known."""
        return {key: tally.approved for key, tally in (await self.pages.counts(self.site.id, keys)).items()}

    async def wrong(self) -> dict[str, tuple[int, int]]:
        """Return the pages whose count is wrong: what is kept, what is true."""
        return {
            page.key: (page.kept, page.true_count)
            async for pages in self.pages.verified()
            for page in pages
            if page.kept != page.true_count
        }


@pytest.fixture(autouse=True)
def _storing(storing: str) -> None:
    """Have every test here run in both forms."""


@pytest.fixture
async def newsroom(database: Database) -> Newsroom:
    return await open_newsroom(database, "default")


async def open_newsroom(database: Database, name: str) -> Newsroom:
    sites = SiteStore(database)
    site = await sites.add(name, (), NOON)
    identity = IdentityStore(database)
    moderator = uuid4()
    await identity.add_moderator(site.id, moderator, "Ada", "no hash", NOON)
    return Newsroom(site, sites, CommentStore(database), PageStore(database), DeskStore(database), identity, moderator)
