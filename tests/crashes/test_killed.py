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


async def check(crowd: Crowd, folder: Path, url: str) -> None:
    """Verify, post everything once more under the same keys, and verify again."""
    program = Program(folder, url)
    await crowd.verify(program, url)
    await crowd.post_all()
    await crowd.verify(program, url)


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
    await check(crowd, tmp_path, url)


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
    await check(crowd, tmp_path, url)


async def test_the_pooler(
    postgresql: Cluster, pgbouncer: PgBouncer, place: str, serving: Callable[..., Serving], tmp_path: Path
) -> None:
    url = postgresql.url(place)
    service = serving(
        DATABASE_URL=pgbouncer.url(place), TRECENTO_DATABASE_POOLER="transaction", TRECENTO_DIRECT_URL=url
    )
    crowd = Crowd(service.address)
    posting = asyncio.create_task(crowd.post_all())
    for share in (0.2, 0.4, 0.6):
        await crowd.until(share)
        pgbouncer.kill()
        assert not posting.done()
        await asyncio.to_thread(pgbouncer.start)
    await posting
    assert crowd.refused
    assert not crowd.lost
    await check(crowd, tmp_path, url)
