"""What pages show, kept in memory: exact while every change is heard, forgotten when one may have been missed."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from service.errors import DatabaseUnavailable, Overloaded
from service.pages import REMEMBERED, REMEMBERED_LENGTH
from service.store.pages import NOBODY, Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from service.store.pages import PageStore

PAGES = 200_000
"""Pages whose counts are kept; the longest unused are forgotten first."""
Page = tuple[int, str]
"""A site and the SHA-256 of a page's key, in hexadecimal: what a notification has room for."""


_changes = msgspec.json.Decoder(list[tuple[int, str, int, int]])


def page(site: int, key: str) -> Page:
    """Return what stands for a page in notifications."""
    return site, _remembered(key) if len(key) <= REMEMBERED_LENGTH else _digest(key)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


_remembered = lru_cache(REMEMBERED)(_digest)


class Counts:
    """Counts by page; of two that are heard of one page, the one of the higher revision stays.

    Nothing is kept until somebody listens for changes (`begin`), nor after the listener was lost (`end`). What was read
    meanwhile counts only if no change was missed since the reading began, which `era` tells.
    """

    def __init__(self, store: PageStore, standby: PageStore | None = None, *, pages: int = PAGES) -> None:
        self._store = store
        self._standby = standby
        self._limit = pages
        self._known: OrderedDict[Page, Tally] = OrderedDict()
        self._tell: list[Callable[[Page], None]] = []
        self._forget: list[Callable[[], None]] = []
        self.listening = False
        self.era = 0

    def watch(self, changed: Callable[[Page], None], forgotten: Callable[[], None]) -> None:
        """Say which page has changed, and when nothing that was known can be relied upon."""
        self._tell.append(changed)
        self._forget.append(forgotten)

    def begin(self) -> None:
        """Keep from now on what is read: every change will be heard."""
        self._drop()
        self.listening = True

    def end(self) -> None:
        """Keep nothing: a change may be missed."""
        self.listening = False
        self._drop()

    def _drop(self) -> None:
        self.era += 1
        self._known.clear()
        for forget in self._forget:
            forget()

    def hear(self, text: str) -> None:
        """Take the changes of one notification."""
        for site, digest, count, revision in _changes.decode(text):
            self.learn((site, digest), Tally(count, revision))

    def learn(self, page: Page, found: Tally) -> Tally:
        """Take what a page shows at some moment; return the newest that is known."""
        known = self._known.get(page)
        if known and known.revision >= found.revision:
            return known
        if self.listening:
            self._known[page] = found
            self._known.move_to_end(page)  # it must outlive whatever is read at this moment
            if len(self._known) > self._limit:
                self._known.popitem(last=False)
        for tell in self._tell:
            tell(page)
        return found

    def settled(self, site: int, key: str, found: Tally, era: int) -> bool:
        """Take what was read of a page since an era; say whether it is the newest and lasts until the page changes."""
        return era == self.era and self.learn(page(site, key), found) == found and self.listening

    async def newest(self, site: int, key: str) -> Tally | None:
        """Return what a page shows now, None while the primary is away."""
        place, era = page(site, key), self.era
        if known := self._known.get(place):
            return known
        try:
            stored = (await self._store.counts(site, [key])).get(key, NOBODY)
        except (DatabaseUnavailable, Overloaded):
            return None
        return self.learn(place, stored) if era == self.era else stored

    async def of(self, site: int, keys: Iterable[str]) -> tuple[dict[str, int], bool]:
        """Return the count of each page, asking storage for those that are not known, and whether these are the newest.

        What is the newest stays so until `watch` tells of a change. A standby is asked only while the primary is away:
        what it missed before anybody listened would never be heard of.
        """
        era, sure = self.era, True
        pages = {key: page(site, key) for key in keys}
        found: dict[str, Tally] = {}
        while unknown := [key for key, place in pages.items() if place not in self._known and key not in found]:
            try:
                stored = await self._store.counts(site, unknown)
            except (DatabaseUnavailable, Overloaded):
                if self._standby is None:
                    raise
                stored, sure = await self._standby.counts(site, unknown), False
            for key in unknown:
                found[key] = stored.get(key, NOBODY)
                if sure and era == self.era:
                    self.learn(pages[key], found[key])
        for key, place in pages.items():  # after the waiting, in which any of them may have changed
            if known := self._known.get(place):
                self._known.move_to_end(place)
                found[key] = known
        return {key: found[key].approved for key in pages}, sure and self.listening and era == self.era
