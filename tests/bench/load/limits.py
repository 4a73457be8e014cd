"""What bounds writing: inserts that share a round trip over one connection, and inserts one by one with pgbench."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import asyncpg
import uvloop

from service.embedded.place import EmbeddedError, find_programs
from tests.bench.load.work import LENGTH, PAGES

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLERS = 128
"""Who wait for one insert each, on one connection."""
CLIENTS = 16
TABLE = """
create table inserted (
    id uuid primary key default gen_random_uuid(), page int not null, body text not null,
    at timestamptz not null default now()
)
"""
TOGETHER = "insert into inserted (page, body) select * from unnest($1::int[], $2::text[])"
ALONE = f"\\set page random(1, {PAGES})\ninsert into inserted (page, body) values (:page, '{'x' * LENGTH}');\n"


class Inserted(NamedTuple):
    """Rows, and the seconds in which they were committed."""

    rows: int
    seconds: float


def coalesced(url: str, seconds: float) -> Inserted:
    """Insert with asyncpg, whatever callers wait at the moment in one statement."""
    return uvloop.run(_coalesced(url, seconds))


async def _coalesced(url: str, seconds: float) -> Inserted:
    connection: asyncpg.Connection[Any] = await asyncpg.connect(url)
    loop = asyncio.get_running_loop()
    waiting: list[tuple[int, asyncio.Future[None]]] = []
    some = asyncio.Event()
    started = perf_counter()
    rows = 0

    async def call(page: int) -> None:
        nonlocal rows
        while perf_counter() < started + seconds:
            answer = loop.create_future()
            waiting.append((page, answer))
            some.set()
            await answer
            rows += 1

    async def carry() -> None:
        insert = await connection.prepare(TOGETHER)
        while True:
            await some.wait()
            some.clear()
            batch = waiting.copy()
            waiting.clear()
            await insert.fetch([page for page, _ in batch], ["x" * LENGTH] * len(batch))
            for _, answer in batch:
                answer.set_result(None)

    carrying = asyncio.create_task(carry())
    await asyncio.gather(*(call(page) for page in range(CALLERS)))
    took = perf_counter() - started
    carrying.cancel()
    await connection.close()
    return Inserted(rows, took)


def pgbench() -> str | None:
    """Find the program where Debian, the embedded server or the path has it."""
    return next(filter(None, (shutil.which("pgbench", path=place) for place in _places())), None)


def _places() -> Iterator[str | None]:
    yield None
    yield from sorted((str(path) for path in Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    try:
        yield str(find_programs())
    except EmbeddedError:
        return


def alone(program: str, url: str, folder: Path, seconds: float) -> Inserted:
    """Insert with pgbench, one row in each transaction.

    Raises RuntimeError with what it says when it cannot.
    """
    script = folder / "insert.sql"
    script.write_text(ALONE, encoding="ascii")
    told = ["--no-vacuum", f"--client={CLIENTS}", "--jobs=1", f"--time={max(round(seconds), 1)}", "--protocol=prepared"]
    ran = subprocess.run(  # noqa: S603 - PostgreSQL's own program
        [program, *told, f"--file={script}", url], capture_output=True, text=True, check=False
    )
    number = re.search(r"^number of transactions actually processed: (\d+)", ran.stdout, re.MULTILINE)
    rate = re.search(r"^tps = ([\d.]+)", ran.stdout, re.MULTILINE)
    if not number or not rate or ran.returncode:
        raise RuntimeError((ran.stderr.strip() or ran.stdout.strip()).splitlines()[-1])
    return Inserted(int(number[1]), int(number[1]) / float(rate[1]))
