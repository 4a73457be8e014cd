"""Compares the counts of pages with their comments, and mends them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from service.commands.reaching import opened
from service.store.pages import PageStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.store.pages import PageCount


async def verify_counts(url: str, progress: Callable[[int], None]) -> list[PageCount]:
    """Return every page whose count is wrong."""
    wrong: list[PageCount] = []
    checked = 0
    async with opened(url) as database:
        async for pages in PageStore(database).verified():
            checked += len(pages)
            wrong += [page for page in pages if page.kept != page.true_count]
            progress(checked)
    return wrong


async def repair_counts(url: str, progress: Callable[[int], None]) -> list[PageCount]:
    """Mend every count that is wrong, and return what was mended."""
    wrong = await verify_counts(url, progress)
    async with opened(url) as database:
        for page in wrong:
            await PageStore(database).repair(page.site_id, page.page_id)
    return wrong


def progress(checked: int) -> None:
    """Show, on a terminal, how many pages were looked at."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{checked:,} pages looked at")
        sys.stderr.flush()
