"""Batches on their way through the database: the steps that are taken with them, and what becomes of one that fails."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from service.errors import DatabaseUnavailable, Overloaded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

    from service.judges import Court
    from service.model import Draft
    from service.store.comments import CommentStore, Judged, Submitted

HOLD = 1.0
"""Seconds after which a connection goes back to the pool between two batches."""


class Entry:
    """A draft that waits, who waits for it, and the verdict once there is one."""

    __slots__ = ("answer", "court", "draft", "held", "judged", "key", "shared")

    def __init__(self, court: Court, draft: Draft, answer: asyncio.Future[Submitted]) -> None:
        self.court = court
        self.draft = draft
        self.answer = answer
        self.judged: Judged | None = None
        self.key: Hashable = (draft.site, draft.idempotency_key) if draft.idempotency_key else None
        """What may be stored once only."""
        self.shared: tuple[Hashable, ...] = (
            ((draft.site, "reader", draft.address_key), (draft.site, "text", draft.fingerprint))
            if court.looks_back
            else ()
        )
        """Who wrote it and what: of these, one batch is judged after another, so that each sees those before it.

        Nothing where the policy does not look at them.
        """
        self.held = False
        """Whether others wait for it to end."""

    @property
    def asks(self) -> bool:
        """Whether storage knows anything that matters; that its page is open is seen to when it is stored."""
        return self.court.looks_up or self.draft.parent is not None or self.key is not None


Batch: TypeAlias = "deque[Entry]"
"""Entries that have not ended: a step takes out what has."""


class Lane(NamedTuple):
    """Takes one step with one batch after another, those that follow each other at once on one connection."""

    store: CommentStore
    step: Callable[[CommentStore, Batch], Awaitable[None]]
    following: Callable[[], Batch]
    """Gives the next batch, an empty one when nothing waits."""
    refuse: Callable[[Entry, BaseException], None]
    """Ends an entry with an error."""

    async def carry(self, batch: Batch) -> None:
        """Go on from a batch until nothing waits; whatever happens, every entry ends."""
        clock = asyncio.get_running_loop().time
        try:
            while batch:
                reached = False
                try:
                    async with self.store.on_one_connection() as store:
                        reached = True
                        until = clock() + HOLD
                        while batch and clock() < until:
                            await self.step(store, batch)
                            batch = self.following()
                except (DatabaseUnavailable, Overloaded) as error:
                    self._refuse_all(batch, error)
                    while not reached and (batch := self.following()):  # which would wait as long, and in vain
                        self._refuse_all(batch, error)
                except Exception as error:  # noqa: BLE001 - one bad row fails alone, never its neighbours
                    await self._carry_each(batch, error)
                else:
                    continue
                batch = self.following()
        finally:
            self.drop(batch)

    def drop(self, batch: Batch) -> None:
        """Let nobody wait for a batch that was cancelled."""
        while batch:
            self.refuse(batch.popleft(), asyncio.CancelledError())

    async def _carry_each(self, batch: Batch, error: Exception) -> None:
        if not batch:  # all have their answer, so that nobody else would hear of it
            raise error
        if len(batch) == 1:
            self.refuse(batch.popleft(), error)
        while batch:
            alone = deque([batch.popleft()])
            try:
                async with self.store.on_one_connection() as store:
                    await self.step(store, alone)
            except (DatabaseUnavailable, Overloaded) as away:
                self._refuse_all(alone, away)
                self._refuse_all(batch, away)  # or each would wait for the database as long as this one did
            except Exception as bad:  # noqa: BLE001 - as above
                while alone:
                    self.refuse(alone.popleft(), bad)
            finally:
                self.drop(alone)

    def _refuse_all(self, batch: Batch, error: DatabaseUnavailable | Overloaded) -> None:
        """Send everybody back: a commit may have arrived unheard, and another try from here could store it twice."""
        while batch:
            self.refuse(batch.popleft(), type(error)(headers=dict(error.headers)))
