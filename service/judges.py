"""One judge for each site, compiled off the event loop and renewed when the site's policy changes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from service.errors import DatabaseUnavailable, Overloaded, UnknownSite
from service.moderation.judge import Judge

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.moderation.lexicon import Lexicon
    from service.store.sites import Site, SiteStore

FRESH_SECONDS = 2.0
"""How long a changed policy or origin, or the first ban of a site, may take to be seen."""


class Court(NamedTuple):
    """A site and the judge that its current policy makes."""

    site: Site
    judge: Judge
    read_at: float
    looks_back: bool
    """Whether a verdict may depend on comments that came just before."""
    looks_up: bool
    """Whether a verdict may depend on anything that storage knows."""

    @classmethod
    def of(cls, site: Site, judge: Judge, read_at: float) -> Court:
        """Say of a site what its policy asks for."""
        rules = site.policy.rules
        looks_back = not rules.flood.action == rules.duplicate.action == rules.copied.action == "off"
        asks = (site.bans and rules.banned.action != "off") or rules.new_author.action != "off"
        return cls(site, judge, read_at, looks_back, looks_back or asks)


class Judges:
    """Sites by name, each with its judge."""

    def __init__(self, store: SiteStore, lexicon: Lexicon, monotonic: Callable[[], float]) -> None:
        self._store = store
        self._lexicon = lexicon
        self._monotonic = monotonic
        self._courts: dict[str, Court] = {}
        self._reading: dict[str, asyncio.Task[Court]] = {}

    async def of(self, name: str) -> Court:
        """Return a site with its judge.

        Raises UnknownSite.
        """
        court = self._courts.get(name)
        if court and self._monotonic() - court.read_at < FRESH_SECONDS:
            return court
        reading = self._reading.get(name)
        if reading is None:  # whoever comes meanwhile waits for the same answer
            reading = asyncio.create_task(self._read(name, court))
            self._reading[name] = reading
            reading.add_done_callback(lambda _: self._reading.pop(name, None))
        return await asyncio.shield(reading)

    async def _read(self, name: str, known: Court | None) -> Court:
        now = self._monotonic()
        try:
            site = await self._store.site(name)
        except (DatabaseUnavailable, Overloaded):
            if known is None:
                raise
            # Pages can still be read from memory and from a standby; what is written meets the same database.
            self._courts[name] = known._replace(read_at=self._monotonic())
            return known
        if site is None:
            self._courts.pop(name, None)
            raise UnknownSite
        if known and known.site.version == site.version:
            court = Court.of(site, known.judge, now)
        else:
            court = Court.of(site, await asyncio.to_thread(Judge, site.policy, self._lexicon), now)
        self._courts[name] = court
        return court
