"""Servers of the machine's own, which tests may kill."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import run
from tests.crashes.cluster import ACCOUNT, PROGRAMS, Cluster, needed
from tests.crashes.pgbouncer import PROGRAM as PGBOUNCER
from tests.crashes.pgbouncer import PgBouncer
from tests.crashes.serving import Serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


@pytest.fixture(scope="session")
def clusters() -> Iterator[Callable[[str], Cluster]]:
    """Give servers by name, in a folder that PostgreSQL's account can pass through, stopped at the end."""
    needed(PROGRAMS and PROGRAMS / "postgres", "PostgreSQL's server")
    ground = Path(tempfile.mkdtemp(prefix="tre"))
    ground.chmod(0o755)
    made: list[Cluster] = []

    def make(name: str) -> Cluster:
        path = ground / name
        path.mkdir()
        if ACCOUNT:
            shutil.chown(path, ACCOUNT)
        made.append(Cluster(path))
        return made[-1]

    yield make
    for one in made:
        one.stop()
    shutil.rmtree(ground)


@pytest.fixture(scope="session")
def postgresql(clusters: Callable[[str], Cluster]) -> Cluster:
    """Give a server that runs."""
    server = clusters("alone")
    server.make()
    server.start()
    return server


@pytest.fixture
async def place(postgresql: Cluster) -> AsyncIterator[str]:
    """Give the name of an empty database on that server."""
    name = f"test_{secrets.token_hex(4)}"
    await run(postgresql.url(), f"create database {name}")
    yield name
    await run(postgresql.url(), f"drop database {name} with (force)")


@pytest.fixture(scope="session")
def pgbouncers(clusters: Callable[[str], Cluster]) -> Iterator[Callable[..., PgBouncer]]:
    """Give poolers that run, stopped at the end."""
    needed(PGBOUNCER, "PgBouncer")
    folder = clusters("pooled").folder
    made: list[PgBouncer] = []

    def make(cluster: Cluster, **more: Any) -> PgBouncer:
        made.append(PgBouncer(folder, cluster, **more))
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture(scope="session")
def pgbouncer(postgresql: Cluster, pgbouncers: Callable[..., PgBouncer]) -> PgBouncer:
    """Give a pooler of transactions with two servers."""
    return pgbouncers(postgresql)


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Callable[..., Serving]]:
    """Give services that run, stopped at the end."""
    made: list[Serving] = []

    def make(*arguments: str, **settings: str) -> Serving:
        made.append(Serving(tmp_path, *arguments, **settings))
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        one.stop()
