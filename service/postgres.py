"""The pool of connections, the named queries that run on it, and a plain word when the database is away."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

from service.errors import DatabaseUnavailable, Overloaded
from service.hosts import Hosts
from service.migrations import SQL
from service.steps import STEPS, apart

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from pathlib import Path

    from asyncpg import Connection, Record
    from asyncpg.pool import PoolConnectionProxy

    from service.steps import Row

RETRY_SECONDS = "2"
ACQUIRE_SECONDS = 5.0
STATEMENT_SECONDS = 10.0
PLAN_SECONDS = 5.0
"""How long plans are kept: those made while a table was all but empty would read all of it when it has grown."""
STATEMENTS = 100
"""Statements that stay prepared on a connection; there are fewer."""
AWAY = (
    OSError,  # TimeoutError is one of them
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shut down, crashed, still starting, statement timeout
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,  # deadlock: the next try goes through
    asyncpg.ReadOnlySQLTransactionError,  # a standby that was the primary
    asyncpg.InternalClientError,
    asyncpg.InterfaceError,
)
REFUSED = (
    asyncpg.InvalidAuthorizationSpecificationError,  # the password was changed under a running service
    asyncpg.InvalidCatalogNameError,  # dropped, or not restored yet
)
SELF = "select pg_backend_pid()"
CITUS = "select exists (select from pg_extension where extname = 'citus')"
ARRAYS = "select " + ", ".join(
    f"null::{name}[]"
    for name in ("boolean", "bytea", "bigint", "integer", "jsonb", "real", "smallint", "text", "timestamptz", "uuid")
)
"""The types that asyncpg does not know by itself."""


def load(folder: Path = SQL / "queries") -> dict[str, str]:
    """Return the statements of a folder by name: `-- name: insert_comments`, a sentence, then the statement.

    Raises ValueError when a name stands twice.
    """
    statements: dict[str, str] = {}
    for path in sorted(folder.glob("*.sql")):
        for part in re.split(r"^-- name: ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            name, _, statement = part.partition("\n")
            if name in statements:
                raise ValueError(f"The query {name} stands twice, the second time in {path.name}.")
            statements[name] = statement.strip()
    return statements


@contextmanager
def _answering(away: tuple[type[Exception], ...] = (*AWAY, *REFUSED)) -> Iterator[None]:
    try:
        yield
    except away as error:
        if isinstance(error, ValueError):  # an argument of the wrong type: our mistake, not the database's
            raise
        raise DatabaseUnavailable(headers={"Retry-After": RETRY_SECONDS}) from error


async def _keep(_connection: Connection[Any]) -> None:
    """Leave a connection as it is when it goes back: nothing here changes its state, and a reset is a round trip."""


async def _plan_once(connection: Connection[Any]) -> None:
    """Have every statement carried out by one plan, for which it is written.

    Another for each call costs more than it saves, and a site that the statistics do not know yet would get a bad one.
    It is no startup parameter, because a pooler of sessions refuses those that it does not know.
    """
    await connection.execute("set plan_cache_mode = force_generic_plan")


async def _learn_arrays(connection: Connection[Any]) -> None:
    """Have asyncpg ask for its types in a transaction: what it sets meanwhile must not stay on a server for others."""
    async with connection.transaction():
        await connection.fetchrow(ARRAYS)


class Session:
    """Named queries on one connection; on a Citus, some of them in steps."""

    def __init__(self, connection: PoolConnectionProxy, statements: dict[str, str], *, citus: bool = False) -> None:
        self._connection = connection
        self._statements = statements
        self._steps = STEPS if citus else {}

    async def ask(self, name: str, *arguments: object) -> list[Record]:
        """Return every row that the query gives as it is written."""
        return await self._connection.fetch(self._statements[name], *arguments)

    async def all(self, name: str, *arguments: object) -> Sequence[Row]:
        """Return every row that the query gives."""
        if name in self._steps:
            return await self._steps[name](self, *arguments)
        return await self.ask(name, *arguments)

    async def one(self, name: str, *arguments: object) -> Row | None:
        """Return the first row that the query gives."""
        if name in self._steps:
            return next(iter(await self._steps[name](self, *arguments)), None)
        return await self._connection.fetchrow(self._statements[name], *arguments)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Commit what is done meanwhile when the block ends without an error."""
        async with self._connection.transaction():
            yield


class Database:
    """A pool of connections to one PostgreSQL.

    Through a pooler of transactions each statement may meet another server, so that none can be prepared beforehand:
    asyncpg asks for a statement's types in one round trip, and sends all of it in the next one.

    Every method raises DatabaseUnavailable when the database cannot be reached or loses the connection, and
    Overloaded when no connection came free in time.
    """

    def __init__(self, url: str, *, connections: int = 10, idle: int = 1, pooler: bool = False) -> None:
        self.statements = load()
        self.statements |= apart(self.statements)
        self._pool: asyncpg.Pool[Record] = asyncpg.create_pool(
            url,
            min_size=idle,
            max_size=connections,
            command_timeout=STATEMENT_SECONDS,
            timeout=ACQUIRE_SECONDS,
            reset=_keep,
            connect=Hosts(url).connect,
            init=self._get_ready,
            statement_cache_size=0 if pooler else STATEMENTS,
            server_settings={"application_name": "trecento", "timezone": "UTC"},
        )
        self._pooler = pooler
        self._citus = False
        self._planned: dict[int, float] = {}

    async def open(self) -> None:
        """Connect."""
        with _answering():
            await self._pool

    async def close(self) -> None:
        """Let running queries end, then disconnect."""
        await self._pool.close()

    async def _get_ready(self, connection: Connection[Any]) -> None:
        self._citus = await connection.fetchval(CITUS)
        if self._pooler:
            await _learn_arrays(connection)
        elif not self._citus:  # what Citus takes apart it plans for the arguments of one call, and else refuses
            await _plan_once(connection)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Give one connection for several queries."""
        with _answering():
            try:
                connection = await self._pool.acquire(timeout=ACQUIRE_SECONDS)
            except TimeoutError as error:
                if self._pool.get_size() < self._pool.get_max_size():  # it was a new connection that took so long
                    raise
                raise Overloaded(headers={"Retry-After": RETRY_SECONDS}) from error
            try:
                await self._plan_anew(connection)
                yield Session(connection, self.statements, citus=self._citus)
            except (TimeoutError, asyncpg.ReadOnlySQLTransactionError):
                # The server fell silent, or another has become the primary: no connection to it is to be used again.
                await self._pool.expire_connections()
                raise
            finally:
                await self._pool.release(connection)

    async def _plan_anew(self, connection: PoolConnectionProxy) -> None:
        """Make the server forget, now and then, how it carries out what was prepared, foreign keys included.

        It plans a prepared statement for the tables as they are, and keeps that until they are analyzed, which may be
        a minute and several hundred thousand comments later. Through a pooler nothing is prepared.
        """
        server, now = connection.get_server_pid(), asyncio.get_running_loop().time()
        if self._pooler or self._planned.setdefault(server, now) > now - PLAN_SECONDS:
            return
        if len(self._planned) > self._pool.get_max_size():  # some of these are gone
            self._planned.clear()
        self._planned[server] = now
        await connection.execute("discard plans")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """Give one connection inside a transaction, committed when the block ends without an error."""
        async with self.session() as session, session.transaction():
            yield session

    async def all(self, name: str, *arguments: object) -> Sequence[Row]:
        """Return every row that the query gives."""
        async with self.session() as session:
            return await session.all(name, *arguments)

    async def one(self, name: str, *arguments: object) -> Row | None:
        """Return the first row that the query gives."""
        async with self.session() as session:
            return await session.one(name, *arguments)


async def connect(url: str) -> Connection[Any]:
    """Return one connection outside any pool, for what a pooler of transactions cannot carry.

    Raises DatabaseUnavailable when the database cannot be reached, and PostgreSQL's own words when it refuses.
    """
    with _answering(AWAY):
        return await Hosts(url).connect(timeout=ACQUIRE_SECONDS, statement_cache_size=0)


async def pooled(url: str) -> bool:
    """Say whether a pooler of transactions stands at an address: two connections that share one server.

    Raises what connect raises.
    """
    first = await connect(url)
    try:
        if first.get_server_pid() == await first.fetchval(SELF):
            return False
        second = await connect(url)  # a pooler of sessions gives it another server
        try:
            return bool(await first.fetchval(SELF) == await second.fetchval(SELF))
        finally:
            await second.close()
    finally:
        await first.close()
