"""The databases of a measurement: made on a server, thrown away at the end."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from service import embedded
from tests.bench.load.usage import parent

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLES = ("comments", "decisions", "findings", "pages")
FOUND = """
select pg_backend_pid() as backend, current_setting('server_version') as version, current_setting('fsync') as fsync
"""


@dataclass(frozen=True)
class Postgres:
    """A server of databases."""

    url: str
    version: str
    fsync: str
    pid: int | None
    """Its first process; None when it runs elsewhere."""

    @contextmanager
    def database(self) -> Iterator[str]:
        """Make a database for a while; give its address."""
        name = f"trecento_bench_{secrets.token_hex(4)}"
        ask(self.url, f"create database {name}")
        try:
            yield urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))
        finally:
            ask(self.url, f"drop database {name} with (force)")

    def settle(self) -> None:
        """Have what was written brought to its place now, and not while somebody else is measured."""
        with suppress(asyncpg.InsufficientPrivilegeError):
            ask(self.url, "checkpoint")


@contextmanager
def postgres(url: str | None, folder: Path) -> Iterator[Postgres]:
    """Give the server at an address, or an embedded one with fsync."""
    if url:
        yield _found(url)
        return
    with embedded.start(folder) as own:
        yield _found(own.dsn)


def _found(url: str) -> Postgres:
    async def look() -> Postgres:
        connection: asyncpg.Connection[Any] = await asyncpg.connect(url)
        try:
            [row] = await connection.fetch(FOUND)
            return Postgres(url, row["version"].split()[0], row["fsync"], _first(row["backend"]))
        finally:
            await connection.close()

    return asyncio.run(look())


def _first(backend: int) -> int | None:
    """Return the process that started one which is connected, unless that number means another process here."""
    first = parent(backend)
    local = first is not None and Path(f"/proc/{first}/comm").read_text(encoding="ascii").strip() == "postgres"
    return first if local else None


def ask(url: str, statement: str) -> list[asyncpg.Record]:
    """Run one statement on a connection of its own; return its rows."""

    async def asked() -> list[asyncpg.Record]:
        connection: asyncpg.Connection[Any] = await asyncpg.connect(url)
        try:
            return await connection.fetch(statement)
        finally:
            await connection.close()

    return asyncio.run(asked())


def bytes_by_table(url: str) -> dict[str, float]:
    """Return the bytes on disk for each comment, by table with its indexes."""
    sizes = ", ".join(f"pg_total_relation_size('{table}') as {table}" for table in TABLES)
    [row] = ask(url, f"select (select count(*) from comments) as number, {sizes}")  # noqa: S608 - names of ours
    return {table: row[table] / max(row["number"], 1) for table in TABLES}
