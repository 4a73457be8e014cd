"""Moderators and what proves who they are: `sql/queries/identity.sql`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from uuid import UUID

import asyncpg
from msgspec import Struct

from service.store.rows import read

if TYPE_CHECKING:
    from datetime import datetime

    from service.postgres import Database

Kind = Literal["session", "token"]


class Account(Struct, frozen=True, kw_only=True):
    """A moderator with the hash of the password."""

    id: UUID
    name: str
    password_hash: str


class Holder(Struct, frozen=True, kw_only=True):
    """A moderator, known by a session or a token."""

    site_id: int
    site: str
    id: UUID
    name: str
    kind: Kind


class NameTaken(Exception):  # noqa: N818 - the caller says what to do
    """A moderator of this site has this name already."""


class IdentityStore:
    """Moderators, their sessions and tokens; secrets are kept as hashes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_moderator(self, site: int, moderator: UUID, name: str, password_hash: str, at: datetime) -> None:
        """Make a moderator.

        Raises NameTaken when the site has one of this name.
        """
        try:
            await self._database.all("add_moderator", site, moderator, name, password_hash, at)
        except asyncpg.UniqueViolationError as error:
            raise NameTaken(name) from error

    async def moderator(self, site: int, name: str) -> Account | None:
        """Return a moderator by name."""
        row = await self._database.one("moderator", site, name)
        return read(row, Account) if row else None

    async def set_password(self, site: int, moderator: UUID, password_hash: str) -> None:
        """Give a moderator another password, and end every session and token that stands for the moderator."""
        async with self._database.transaction() as session:
            await session.all("set_password", site, moderator, password_hash)
            await session.all("drop_credentials_of", site, moderator)

    async def has_moderators(self, site: int) -> bool:
        """Say whether anybody can sign in at a site."""
        [row] = await self._database.all("count_moderators", site)
        return bool(row["total"])

    async def add_credential(
        self, site: int, secret_hash: bytes, moderator: UUID, kind: Kind, label: str, at: datetime, until: datetime
    ) -> None:
        """Store the hash of a secret that stands for a moderator until it expires."""
        await self._database.all("add_credential", site, secret_hash, moderator, kind, label, at, until)

    async def holder(self, site: int, secret_hash: bytes, at: datetime) -> Holder | None:
        """Return who holds a secret that has not expired."""
        row = await self._database.one("credential", site, secret_hash, at)
        return read(row, Holder) if row else None

    async def drop_credential(self, site: int, secret_hash: bytes) -> None:
        """End a session or a token."""
        await self._database.all("drop_credential", site, secret_hash)

    async def drop_expired(self, site: int, at: datetime) -> None:
        """Forget sessions and tokens that have expired."""
        await self._database.all("drop_expired_credentials", site, at)
