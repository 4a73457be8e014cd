"""What moderators do: they look at what waits, decide, and undo."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from service.counts import page
from service.errors import DecisionConflict, NotFound, NothingToRestore
from service.store.desk import Place, Ruling

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from service.counts import Counts
    from service.model import Action, Status
    from service.store.desk import Decision, DeskStore, Examined, Order, Queued
    from service.store.identity import Holder

Decide = Callable[["Status", "list[Decision]"], "Ruling | None"]
SEARCHED = 10_000
"""Comments that one search reads: their texts are looked through one by one."""
RESULTS: dict[Action, Status] = {"approve": "approved", "reject": "rejected", "remove": "removed"}


def rule(action: Action, expected: Status | None, reason: str | None, note: str | None) -> Decide:
    """Return the function that decides on one comment, given its status and its history.

    It raises DecisionConflict when the comment is not what was expected, NothingToRestore when no moderator has
    decided yet, and returns None when the comment is already what it should become. Asked to restore what was restored
    last, it returns None too: a client that heard no answer asks again. Whoever means to take the restoring back says
    what they expect.
    """

    def decide(status: Status, history: list[Decision]) -> Ruling | None:
        latest = history[-1]
        if expected is not None and status != expected:
            raise DecisionConflict(current=status, latest=latest)
        if action != "restore":
            after = RESULTS[action]
        elif latest.action == "restore" and expected is None:
            after = status
        elif latest.moderator is None or latest.from_status is None:
            raise NothingToRestore(current=status)
        else:
            after = latest.from_status
        return None if after == status else Ruling(status, after, reason, note, action)

    return decide


class Moderators:
    """The desk's side of the service."""

    def __init__(self, store: DeskStore, counts: Counts, *, now: Callable[[], datetime]) -> None:
        self._store = store
        self._counts = counts
        self._now = now

    async def queue(
        self, site: int, status: Status, order: Order, after: Place | None, words: str | None, limit: int
    ) -> tuple[int, list[Queued], Place | None]:
        """Return how many comments have a status, some of them, and where the list goes on.

        With `words` it looks at the next ten thousand, and goes on after those.
        """
        until = await self._store.reach(site, status, order, after, SEARCHED) if words else None
        comments = await self._store.queue(site, status, order, after, until, words, limit + 1)
        total = await self._store.total(site, status)
        if len(comments) <= limit:
            return total, comments, until
        last = comments[limit - 1]
        return total, comments[:limit], Place(last.id, last.risk)

    async def examine(self, site: int, comment: UUID) -> tuple[Examined, list[Decision]]:
        """Return one comment with its history.

        Raises NotFound.
        """
        found = await self._store.comment(site, comment)
        if found is None:
            raise NotFound("There is no such comment.")
        return found, await self._store.history(site, comment)

    async def decide(self, holder: Holder, comment: UUID, decide: Decide) -> Status:
        """Carry out what `rule` made, and return the status after it.

        Raises NotFound, DecisionConflict or NothingToRestore.
        """
        decided = await self._store.decide(holder.site_id, comment, holder.id, self._now(), decide)
        if decided is None:
            raise NotFound("There is no such comment.")
        if decided.page is not None:
            self._counts.learn(page(holder.site_id, decided.page), decided.tally)
        return decided.status
