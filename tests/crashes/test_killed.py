"""A thousand comments while something is killed: what was acknowledged is there, once, and nothing is counted twice."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.crashes.crowd import Crowd
from tests.program import Program

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.crashes.cluster import Cluster
    from tests.crashes.pgbouncer import PgBouncer
    from tests.crashes.serving import Serving


async def test_workers_and_the_pooler(
    postgresql: Cluster, pgbouncer: PgBouncer, place: str, serving: Callable[..., Serving], tmp_path: Path
) -> None:
    url = postgresql.url(place)
    service = serving(
        "--workers",
        "2",
        DATABASE_URL=pgbouncer.url(place),
        TRECENTO_DATABASE_POOLER="transaction",
        TRECENTO_DIRECT_URL=url,
    )
    crowd = Crowd(service.address)
    posting = asyncio.create_task(crowd.post_all())
    for share in (0.1, 0.4):
        await crowd.until(share)
        service.kill_a_worker()
        await crowd.until(share + 0.15)
        pgbouncer.kill()
        assert not posting.done()
        await asyncio.to_thread(pgbouncer.start)
    await posting
    assert crowd.lost
    assert crowd.refused
    await crowd.verify(Program(tmp_path, url), url)


async def test_the_whole_service(
    postgresql: Cluster, place: str, serving: Callable[..., Serving], tmp_path: Path
) -> None:
    url = postgresql.url(place)
    service = serving(DATABASE_URL=url)
    crowd = Crowd(service.address)
    posting = asyncio.create_task(crowd.post_all())
    await crowd.until(0.3)
    service.kill()
    assert not posting.done()
    await asyncio.to_thread(service.start)
    await posting
    assert crowd.lost
    await crowd.verify(Program(tmp_path, url), url)


async def test_the_database(postgresql: Cluster, place: str, serving: Callable[..., Serving], tmp_path: Path) -> None:
    url = postgresql.url(place)
    service = serving(DATABASE_URL=url)
    crowd = Crowd(service.address)
    posting = asyncio.create_task(crowd.post_all())
    for share in (0.2, 0.6):
        await crowd.until(share)
        postgresql.kill()
        assert not posting.done()
        await asyncio.to_thread(postgresql.start)
    await posting
    assert crowd.refused
    assert not crowd.lost
    await crowd.verify(Program(tmp_path, url), url)
