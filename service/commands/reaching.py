"""How a command comes to the database, and what it says when it does not."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from asyncpg import InterfaceError

from service import embedded
from service.citus import distribute as distribute_tables
from service.errors import DatabaseUnavailable
from service.migrations import load as load_migrations
from service.migrations import migrate as apply_migrations
from service.migrations import pending
from service.postgres import Database, connect, pooled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from service.settings import Settings

CONNECT_SECONDS = 10.0
"""How long a command waits for a database that is still starting."""


class CommandError(Exception):
    """A command cannot go on; the message is one line that says what to do."""


@contextmanager
def database_url(settings: Settings, *, make: bool = False) -> Iterator[str]:
    """Give the address of the database itself: the one that is set, or the embedded one, started when it does not run.

    Raises CommandError when there is no embedded one yet and none is to be made.
    """
    if settings.database_url:
        yield settings.direct_url or settings.database_url
        return
    if not make and not (settings.folder / "postgres").exists():
        raise CommandError(
            f"There is no database in {settings.folder}. Set TRECENTO_DATA to the folder of the service, or"
            " DATABASE_URL; trecento serve --setup makes a new one."
        )
    with embedded.reach(settings.folder) as url:
        yield url


async def reachable(url: str, seconds: float = CONNECT_SECONDS) -> None:
    """Wait until the database answers.

    Raises CommandError after some seconds, and at once when the address is none.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        try:
            connection = await connect(url)
        except DatabaseUnavailable as error:
            if loop.time() >= deadline:
                raise CommandError(
                    f"The database does not answer ({type(error.__cause__).__name__}). Is DATABASE_URL right, and"
                    " does PostgreSQL run?"
                ) from error
            await asyncio.sleep(0.25)
        except ValueError as error:
            # asyncpg's own words name an option; those of urllib may quote a piece of the password.
            why = f" ({error})" if isinstance(error, InterfaceError) else ""
            raise CommandError(
                "DATABASE_URL is no address of the form postgresql://user:password@host:5432/database with special"
                f" characters as %XX{why}."
            ) from error
        else:
            await connection.close()
            return


async def passable(settings: Settings) -> None:
    """Make sure that a pooler of transactions stands where the settings say, and nowhere else.

    Raises CommandError.
    """
    url = settings.database_url
    if url and not settings.database_pooler and await pooled(url):
        raise CommandError(
            "At DATABASE_URL is a pooler that gives each transaction another server. Set"
            " TRECENTO_DATABASE_POOLER=transaction, and TRECENTO_DIRECT_URL to PostgreSQL itself."
        )
    if settings.direct_url and await pooled(settings.direct_url):
        raise CommandError(
            "At TRECENTO_DIRECT_URL is a pooler that gives each transaction another server: nothing can be listened"
            " to through it. Set it to PostgreSQL itself."
        )


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """Give the database, connected and at this version.

    Raises CommandError.
    """
    await current(url)
    database = Database(url, connections=2)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def current(url: str) -> None:
    """Make sure that the database is at this version.

    Raises CommandError.
    """
    connection = await connect(url)
    try:
        todo = await pending(connection, load_migrations())
    finally:
        await connection.close()
    if todo:
        names = ", ".join(migration.name for migration in todo)
        raise CommandError(f"The database lacks migrations ({names}). Run: trecento migrate")


async def migrate(url: str) -> list[str]:
    """Bring the database to this version; return the names of what was applied."""
    connection = await connect(url)
    try:
        return [migration.name for migration in await apply_migrations(connection, load_migrations())]
    finally:
        await connection.close()


async def distribute(url: str) -> list[str]:
    """Distribute the tables over a Citus cluster; return the names of those that were not distributed yet."""
    connection = await connect(url)
    try:
        return await distribute_tables(connection)
    finally:
        await connection.close()
