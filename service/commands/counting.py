"""Compares the counts of pages with their comments, and mends them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tqdm import tqdm

from service.commands.reaching import opened
from service.store.pages import PageStore

if TYPE_CHECKING:
    from service.store.pages import PageCount


async def verify_counts(url: str) -> list[PageCount]:
    """Return every page whose count is wrong; a terminal shows how many were looked at."""
    wrong: list[PageCount] = []
    async with opened(url) as database:
        with tqdm(unit=" pages", unit_scale=True, disable=None) as bar:
            async for pages in PageStore(database).verified():
                wrong += [page for page in pages if page.kept != page.true_count]
                bar.update(len(pages))
    return wrong


async def repair_counts(url: str) -> list[PageCount]:
    """Mend every count that is wrong, and return what was mended."""
    wrong = await verify_counts(url)
    async with opened(url) as database:
        for page in wrong:
            await PageStore(database).repair(page.site_id, page.page_id)
    return wrong
