"""Brings the database to this version, one numbered file at a time, and refuses a newer one."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from asyncpg import Connection
    from asyncpg.pool import PoolConnectionProxy

SQL = Path(__file__).parents[1] / "sql"
LOCK = 3_000_300
"""Key of the advisory lock that lets one starter migrate at a time."""
LOCK_SECONDS = 5
"""How long a migration waits for a table: while it waits, everybody else waits behind it."""


class MigrationError(Exception):
    """The database cannot be brought to this version; the message says what to do."""


class Migration(NamedTuple):
    """One numbered file."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """What tells that an applied file was changed afterwards."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def load(folder: Path = SQL / "migrations") -> list[Migration]:
    """Return the files of a folder in their order.

    Raises MigrationError when a name is not `0001_words.sql` or the numbers leave a gap.
    """
    found: list[Migration] = []
    for path in sorted(folder.glob("*.sql")):
        match = re.fullmatch(r"(\d{4})_([a-z0-9_]+)\.sql", path.name)
        if not match or int(match[1]) != len(found) + 1:
            raise MigrationError(f"{path.name} is not the next migration after number {len(found)}.")
        found.append(Migration(int(match[1]), match[2], path.read_text(encoding="utf-8")))
    return found


async def pending(connection: Connection | PoolConnectionProxy, migrations: list[Migration]) -> list[Migration]:
    """Return what is still to be applied.

    Raises MigrationError when the database is newer than this version or an applied file was changed since.
    """
    if not await connection.fetchval("select to_regclass('migrations') is not null"):
        return migrations
    applied = {
        row["version"]: row["checksum"] for row in await connection.fetch("select version, checksum from migrations")
    }
    if (newer := max(applied, default=0)) > len(migrations):
        raise MigrationError(
            f"The database is at version {newer}, this service at {len(migrations)}: install the newer service."
        )
    for migration in migrations:
        if applied.get(migration.version, migration.checksum) != migration.checksum:
            raise MigrationError(
                f"Migration {migration.version} ({migration.name}) was applied from another file: restore it."
            )
    return [migration for migration in migrations if migration.version not in applied]


async def migrate(connection: Connection | PoolConnectionProxy, migrations: list[Migration]) -> list[Migration]:
    """Apply what is pending in one transaction, alone, and return it."""
    # Read committed, whatever the server's default: who waited must see what was applied meanwhile.
    async with connection.transaction(isolation="read_committed"):
        await connection.execute("select pg_advisory_xact_lock($1)", LOCK)
        await connection.execute(f"set local lock_timeout = '{LOCK_SECONDS * 1000:g}ms'")
        await connection.execute(
            "create table if not exists migrations (version integer primary key, name text not null,"
            " checksum text not null, applied_at timestamptz not null default now())"
        )
        todo = await pending(connection, migrations)
        for migration in todo:
            await connection.execute(
                "insert into migrations (version, name, checksum) values ($1, $2, $3)",
                migration.version,
                migration.name,
                migration.checksum,
            )
            await connection.execute(migration.sql)
    return todo
