"""A primary that dies under a thousand comments, and a standby in its place."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp

from tests.conftest import run
from tests.crashes.crowd import Crowd
from tests.program import Program
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.crashes.cluster import Cluster
    from tests.crashes.serving import Serving

RECOVERY_SECONDS = 10.0
"""From the promotion to the next comment that is taken."""


async def test_the_standby_takes_over_with_everything_that_was_acknowledged(
    clusters: Callable[[str], Cluster], serving: Callable[..., Serving], tmp_path: Path
) -> None:
    primary, standby = clusters("primary"), clusters("standby")
    primary.make()
    primary.start()
    standby.follow(primary, "standby")
    standby.start()
    await run(primary.url(), "alter system set synchronous_standby_names = 'standby'")
    await run(primary.url(), "select pg_reload_conf()")
    both = (
        f"postgresql://postgres@127.0.0.1:{primary.port},127.0.0.1:{standby.port}/postgres"
        "?target_session_attrs=read-write&sslmode=disable"
    )
    service = serving(DATABASE_URL=both)
    crowd = Crowd(service.address)
    posting = asyncio.create_task(crowd.post_all())
    await crowd.until(0.3)
    primary.kill()
    assert not posting.done()
    await asyncio.to_thread(standby.promote)
    before = len(crowd.promised)

    async def taken() -> bool:
        return len(crowd.promised) > before

    async with asyncio.timeout(RECOVERY_SECONDS):
        await until(taken)
    await posting
    assert crowd.refused
    assert not crowd.lost

    await crowd.verify(Program(tmp_path, both), standby.url())

    async def listens_again() -> bool:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{service.address}/v1/counts", params={"page": "page-1"}) as answer,
        ):
            return "max-age=0" not in answer.headers["Cache-Control"]

    await until(listens_again)
