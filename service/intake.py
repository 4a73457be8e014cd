"""Group commit: comments that wait at the same moment share one look-up, one transaction and one fsync."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from service.counts import page
from service.errors import DatabaseUnavailable, IdempotencyKeyReused, Overloaded, PageClosed, ParentNotFound
from service.store.comments import NOTHING_KNOWN, IdempotencyRace, Judged, Submitted

if TYPE_CHECKING:
    from collections.abc import Hashable

    from service.counts import Counts
    from service.judges import Court
    from service.model import Draft, Facts
    from service.store.comments import CommentStore, Known
    from service.telemetry import Telemetry

BATCH = 128
"""Drafts in one transaction."""
BATCHES = 2
"""Transactions under way at once: one is judged here while the database carries out the other."""
WAITING = 2000
"""Drafts that may wait; one more is told to come again."""
BREATH = 0.002
"""Seconds of judging in a row before others get the event loop."""
HOLD = 1.0
"""Seconds after which a connection goes back to the pool between two batches."""
RETRY_SECONDS = "1"


class Entry(NamedTuple):
    """A draft that waits, and who waits for it."""

    court: Court
    draft: Draft
    answer: asyncio.Future[Submitted]

    @property
    def reader(self) -> Hashable | None:
        """Who wrote it: one reader's comments go in one batch after another, so that each sees those before it.

        None where the policy does not look at them.
        """
        return (self.draft.site, self.draft.address_key) if self.court.looks_back else None

    @property
    def asks(self) -> bool:
        """Whether storage knows anything that matters; that its page is open is seen to when it is stored."""
        return self.court.looks_up or self.draft.parent is not None or self.draft.idempotency_key is not None

    @property
    def key(self) -> Hashable | None:
        """What may be stored once only."""
        return (self.draft.site, self.draft.idempotency_key) if self.draft.idempotency_key else None


class Intake:
    """Takes drafts in as fast as the database stores them: while batches are on their way the next one forms.

    No timer is involved, so a lone comment never waits and a crowd shares the work.
    """

    def __init__(
        self,
        store: CommentStore,
        counts: Counts,
        telemetry: Telemetry,
        *,
        batch: int = BATCH,
        batches: int = BATCHES,
        waiting: int = WAITING,
    ) -> None:
        self._store = store
        self._counts = counts
        self._telemetry = telemetry
        self._batch = batch
        self._batches = batches
        self._limit = waiting
        self._waiting: deque[Entry] = deque()
        self._readers: set[Hashable] = set()
        self._keys: set[Hashable] = set()
        self._under_way: set[asyncio.Task[None]] = set()
        self._starting = False
        self._closing = False
        telemetry.gauge("waiting", lambda: len(self._waiting))

    async def submit(self, court: Court, draft: Draft) -> Submitted:
        """Return a draft as it was stored; one whose idempotency key came before as that one was.

        Raises Overloaded at once when too many wait or the service stops, PageClosed, ParentNotFound,
        IdempotencyKeyReused or DatabaseUnavailable.
        """
        if len(self._waiting) >= self._limit:
            self._start()
        if self._closing or len(self._waiting) >= self._limit:
            raise Overloaded(headers={"Retry-After": RETRY_SECONDS})
        loop = asyncio.get_running_loop()
        entry = Entry(court, draft, loop.create_future())
        self._waiting.append(entry)
        if not self._starting:  # after all that arrived in this turn of the event loop have come in
            self._starting = True
            loop.call_soon(self._start)
        return await entry.answer

    async def close(self) -> None:
        """Take nothing more, and return when everything that waits has been answered."""
        self._closing = True
        self._start()
        while self._under_way:
            await asyncio.wait(self._under_way)

    def _start(self) -> None:
        self._starting = False
        while self._waiting and len(self._under_way) < self._batches:
            entries = self._gather()
            if not entries:  # whatever waits depends on a batch under way, after which the next is gathered
                return
            task = asyncio.create_task(self._carry(entries))
            self._under_way.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._start()

    def _gather(self) -> list[Entry]:
        entries: list[Entry] = []
        put_off: list[Entry] = []
        while self._waiting and len(entries) < self._batch:
            entry = self._waiting.popleft()
            if entry.answer.done():  # its client has gone, and nobody holds a promise
                continue
            if (entry.reader and entry.reader in self._readers) or (entry.key and entry.key in self._keys):
                put_off.append(entry)
                continue
            if entry.key:
                self._keys.add(entry.key)
            entries.append(entry)
        self._readers.update(entry.reader for entry in entries)
        self._waiting.extendleft(reversed(put_off))
        return entries

    async def _carry(self, entries: list[Entry]) -> None:
        """Store one batch after another until nothing waits, those that follow each other at once on one connection."""
        clock = asyncio.get_running_loop().time
        try:
            while entries:
                try:
                    async with self._store.on_one_connection() as store:
                        until = clock() + HOLD
                        while entries and clock() < until:
                            await self._look_judge_and_store(store, entries)
                            entries = self._next(entries)
                except (DatabaseUnavailable, Overloaded) as error:
                    _refuse_all(entries, error)
                except Exception as error:  # noqa: BLE001 - one bad row fails alone, never its neighbours
                    await self._answer_each(entries, error)
                else:
                    continue
                entries = self._next(entries)
        finally:
            for entry in entries:  # of a batch that was cancelled
                entry.answer.cancel()
            self._release(entries)

    def _next(self, done: list[Entry]) -> list[Entry]:
        """Return the next batch, of which what waited for the one before may be part."""
        self._release(done)
        return self._gather()

    def _release(self, done: list[Entry]) -> None:
        self._readers.difference_update(entry.reader for entry in done)
        self._keys.difference_update(entry.key for entry in done)

    async def _answer_each(self, entries: list[Entry], error: Exception) -> None:
        if len(entries) == 1:
            _refuse(entries[0], error)
            return
        for place, entry in enumerate(entries):
            try:
                async with self._store.on_one_connection() as store:
                    await self._look_judge_and_store(store, [entry])
            except (DatabaseUnavailable, Overloaded) as away:
                _refuse_all(entries[place:], away)  # or each would wait for the database as long as this one did
                return
            except Exception as bad:  # noqa: BLE001 - as above
                _refuse(entry, bad)

    async def _look_judge_and_store(self, store: CommentStore, entries: list[Entry]) -> None:
        if any(entry.asks for entry in entries):
            known = await store.facts([(entry.draft, entry.court.site.policy) for entry in entries])
        else:
            known = [NOTHING_KNOWN] * len(entries)
        judged: list[tuple[Entry, Judged]] = []
        ahead: Counter[Hashable] = Counter()
        clock = asyncio.get_running_loop().time
        breath = clock() + BREATH
        for entry, found in zip(entries, known, strict=True):
            if await self._settled(store, entry, found):
                continue
            court, draft, _ = entry
            facts = _with_neighbours(found.facts, ahead, draft) if court.looks_back else found.facts
            verdict = court.judge.judge(draft.body, facts, draft.author)
            judged.append((entry, Judged(draft, verdict, court.site.version)))
            if clock() > breath:
                await asyncio.sleep(0)
                breath = clock() + BREATH
        if not judged:
            return
        try:
            tallies = await store.add([item for _, item in judged])
        except IdempotencyRace:  # another process stored one of the keys in the meantime: look again
            await self._look_judge_and_store(store, [entry for entry, _ in judged])
            return
        self._telemetry.observe("batches", len(judged))
        for entry, (draft, verdict, _) in judged:
            if draft.id not in tallies:
                _refuse(entry, PageClosed())
                continue
            self._telemetry.judged(verdict)
            self._counts.learn(page(draft.site, draft.page), tallies[draft.id])
            _give(entry, Submitted.of(draft, verdict, tallies[draft.id].approved))

    async def _settled(self, store: CommentStore, entry: Entry, known: Known) -> bool:
        """Answer what needs no judging, and say whether it was that."""
        if known.earlier:
            try:
                _give(entry, await self._again(store, entry.draft, known))
            except IdempotencyKeyReused as refusal:
                _refuse(entry, refusal)
            return True
        if known.page_closed:
            _refuse(entry, PageClosed())
        elif not known.parent_shown:
            _refuse(entry, ParentNotFound())
        else:
            return False
        return True

    async def _again(self, store: CommentStore, draft: Draft, known: Known) -> Submitted:
        if known.earlier is None or known.earlier_hash != draft.request_hash:
            raise IdempotencyKeyReused
        submitted = await store.submitted(draft.site, known.earlier)
        if submitted is None:  # retention took the comment just now
            raise IdempotencyKeyReused
        return submitted


def _with_neighbours(facts: Facts, ahead: Counter[Hashable], draft: Draft) -> Facts:
    """Return facts that know of the drafts ahead in the same batch, which storage has not seen yet."""
    by_address = ahead["address", draft.site, draft.address_key]
    by_anybody = ahead["text", draft.site, draft.fingerprint]
    by_author = ahead["author", draft.site, draft.fingerprint, draft.author_key, draft.page]
    ahead.update(
        [
            ("address", draft.site, draft.address_key),
            ("text", draft.site, draft.fingerprint),
            ("author", draft.site, draft.fingerprint, draft.author_key, draft.page),
        ]
    )
    if not by_address and not by_anybody:
        return facts
    return msgspec.structs.replace(
        facts,
        recent=facts.recent + by_address,
        repeats_by_author=facts.repeats_by_author + by_author,
        repeats_by_others=facts.repeats_by_others + by_anybody - by_author,
    )


def _give(entry: Entry, submitted: Submitted) -> None:
    if not entry.answer.done():
        entry.answer.set_result(submitted)


def _refuse_all(entries: list[Entry], error: DatabaseUnavailable | Overloaded) -> None:
    """Send everybody back: whether a commit arrived may be unknown, and another try from here could store it twice."""
    for entry in entries:
        _refuse(entry, type(error)(headers=dict(error.headers)))


def _refuse(entry: Entry, error: Exception) -> None:
    if not entry.answer.done():
        entry.answer.set_exception(error)
