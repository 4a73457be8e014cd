"""Sites and the versions of their policies: `sql/queries/sites.sql`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from service.model import Policy
from service.store.rows import read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.postgres import Database


class Site(Struct, frozen=True, kw_only=True):
    """A site with its current policy."""

    id: int
    name: str
    origins: tuple[str, ...]
    version: int
    policy: Policy
    bans: bool
    """Whether anybody is banned, or was."""


class PolicyVersion(Struct, frozen=True, kw_only=True):
    """A policy as it stood from a moment on."""

    version: int
    policy: Policy
    created_at: datetime


class SiteStore:
    """Sites by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def site(self, name: str) -> Site | None:
        """Return a site by name."""
        row = await self._database.one("site", name)
        return read({**row, "policy": _policy(row["document"])}, Site) if row else None

    async def add(self, name: str, origins: Sequence[str], at: datetime) -> Site:
        """Make a site with the default policy, or add origins to the one that has this name."""
        async with self._database.transaction() as session:
            await session.all("add_site", name, at)
            [added] = await session.all("add_origins", name, origins)
            if await session.one("site", name) is None:
                await session.one("add_policy", added["site_id"], msgspec.json.encode(Policy()).decode(), at)
            [row] = await session.all("site", name)
        return read({**row, "policy": _policy(row["document"])}, Site)

    async def add_policy(self, site: int, policy: Policy, at: datetime) -> int:
        """Store the next version of a site's policy and return its number."""
        [row] = await self._database.all("add_policy", site, msgspec.json.encode(policy).decode(), at)
        return int(row["version"])

    async def policies(self, site: int) -> list[PolicyVersion]:
        """Return every version of a site's policy, newest first."""
        rows = await self._database.all("policies", site)
        return [read({**row, "policy": _policy(row["document"])}, PolicyVersion) for row in rows]


def _policy(document: str) -> Policy:
    return msgspec.json.decode(document, type=Policy)
