"""Deletes what a site keeps no longer."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, get_args

from msgspec import Struct
from tqdm import tqdm

from service.app import now
from service.commands.reaching import CommandError, opened
from service.commands.sites import find_site
from service.model import Status
from service.store.retention import Busy, RetentionStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.store.retention import Expired

BATCH = 200
"""Comments of one transaction: as long as it runs, new comments on their pages wait."""
LOOK = 10_000
"""Comments that are counted in one query."""
TRIES = 100
PAUSE_SECONDS = 0.1
STATUSES: tuple[Status, ...] = get_args(Status)


class Retained(Struct, frozen=True, kw_only=True):
    """What was deleted, or would be."""

    site: str
    before: datetime
    dry_run: bool
    comments: dict[Status, int]
    bans: int
    credentials: int


async def retain(
    url: str, site_name: str, days: int, statuses: Sequence[Status] = STATUSES, *, dry_run: bool = False
) -> Retained:
    """Delete comments that are older than some days, and bans, sessions and tokens that have ended.

    It can be stopped at any time and run again. Readers and moderators go first wherever they meet it.

    Raises CommandError when there is no such site, or somebody holds a row for good.
    """
    at = now()
    before = at - timedelta(days=days)
    comments: dict[Status, int] = {}
    bans = credentials = 0
    async with opened(url) as database:
        site = (await find_site(database, site_name)).id
        store = RetentionStore(database)
        with tqdm(unit=" comments", unit_scale=True, disable=None) as bar:
            for status in statuses:
                comments[status] = 0
                async for batch in store.expired(site, status, before, LOOK if dry_run else BATCH):
                    comments[status] += len(batch) if dry_run else await _delete(store, site, status, batch)
                    bar.update(len(batch))
        if not dry_run:
            bans, credentials = await store.drop_expired(site, at)
    return Retained(
        site=site_name, before=before, dry_run=dry_run, comments=comments, bans=bans, credentials=credentials
    )


async def _delete(store: RetentionStore, site: int, status: Status, batch: Sequence[Expired]) -> int:
    for _ in range(TRIES):
        try:
            return await store.delete(site, status, batch)
        except Busy:
            await asyncio.sleep(PAUSE_SECONDS)
    raise CommandError(
        "Somebody has held a comment or a page for long. End that transaction (pg_stat_activity), then run this again."
    )


def statuses(text: str) -> list[Status]:
    """Read statuses, such as `rejected,removed`.

    Raises ValueError when one of them is none.
    """
    told = [part.strip() for part in text.split(",")]
    found: list[Status] = [status for status in STATUSES if status in told]
    if len(found) < len(set(told)):
        raise ValueError(text)
    return found
