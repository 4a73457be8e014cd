"""Group commit: comments that wait at the same moment share one look-up, one transaction and one fsync."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from typing import TYPE_CHECKING

import msgspec

from service.counts import page
from service.errors import IdempotencyKeyReused, Overloaded, PageClosed, ParentNotFound
from service.lanes import Batch, Entry, Lane
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
BATCHES = 4
"""Transactions under way at once."""
WAITING = 2000
"""Drafts that may wait; one more is told to come again."""
FEW = 8
"""Drafts that always go together, because halves of them would cost more than they save."""
BREATH = 0.002
"""Seconds of judging in a row before others get the event loop."""
RETRY_SECONDS = "1"


class Intake:
    """Takes drafts in as fast as the database stores them: they are judged while those before them are stored.

    No timer is involved, so a lone comment never waits and a crowd shares the work. A transaction takes half a crowd:
    while the database stores one half, the other is read, judged or answered. Clients that are all answered at once
    all come again at once, and the service and the database then wait for each other by turns. That other half is
    judged in one go: one by one between other work takes half as long again, for that drives what judging reads out of
    the processor's caches. A second transaction begins only when a full batch waits: it would mostly wait for the
    first one's locks on the same pages, and a larger batch costs less for each of its comments.
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
        self._counts = counts
        self._telemetry = telemetry
        self._batch = batch
        self._batches = batches
        self._limit = waiting
        self._plain: Batch = deque()
        self._asking: Batch = deque()
        self._looked_up: Batch = deque()
        self._judged: Batch = deque()
        self._held: Counter[Hashable] = Counter()
        self._ahead: Counter[Hashable] = Counter()
        self._look_ups = Lane(store, self._look_up_and_judge, self._gather, self._refuse)
        self._transactions = Lane(store, self._put, self._take, self._refuse)
        self._looking: set[asyncio.Task[None]] = set()
        self._storing: set[asyncio.Task[None]] = set()
        self._unanswered = 0
        self._starting = False
        self._closing = False
        telemetry.gauge("waiting", self._waiting)

    async def submit(self, court: Court, draft: Draft) -> Submitted:
        """Return a draft as it was stored; one whose idempotency key came before as that one was.

        Raises Overloaded at once when too many wait or the service stops, PageClosed, ParentNotFound,
        IdempotencyKeyReused or DatabaseUnavailable.
        """
        if self._closing or self._waiting() >= self._limit:
            raise Overloaded(headers={"Retry-After": RETRY_SECONDS})
        entry = Entry(court, draft, asyncio.get_running_loop().create_future())
        (self._asking if entry.asks else self._plain).append(entry)
        self._start_soon()
        self._unanswered += 1
        try:
            return await entry.answer
        finally:
            self._unanswered -= 1

    @property
    def _share(self) -> int:
        """How many one transaction takes: half of a crowd, in which those just answered are about to come again."""
        return min(self._batch, max(FEW, (self._unanswered + 1) // 2))

    async def close(self) -> None:
        """Take nothing more, and return when everything that waits has been answered."""
        self._closing = True
        while self._waiting() or self._looking or self._storing:
            if under_way := self._looking | self._storing:
                await asyncio.wait(under_way)
            await asyncio.sleep(0)  # for what begins after it

    def _waiting(self) -> int:
        return len(self._plain) + len(self._asking) + len(self._looked_up) + len(self._judged)

    def _start_soon(self) -> None:
        """Start when all that arrives in this turn of the event loop has come in."""
        if not self._starting:
            self._starting = True
            asyncio.get_running_loop().call_soon(self._start)

    def _start(self) -> None:
        self._starting = False
        if self._storing and len(self._plain) >= self._share:
            self._judge_plain()
        if self._asking and not self._looking:
            self._begin(self._look_ups, self._gather(), self._looking)
        if len(self._storing) < self._batches:
            self._begin(self._transactions, self._take(len(self._storing)), self._storing)

    def _begin(self, lane: Lane, batch: Batch, under_way: set[asyncio.Task[None]]) -> None:
        if not batch:  # nothing waits, or it depends on what is under way, after which the next batch is gathered
            return
        task = asyncio.create_task(lane.carry(batch))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        task.add_done_callback(lambda _: lane.drop(batch))  # of a task that was cancelled before it began
        task.add_done_callback(lambda _: self._start())

    def _judge_plain(self) -> None:
        """Judge what storage knows nothing about."""
        clock = asyncio.get_running_loop().time
        breath = clock() + BREATH
        while self._plain:
            entry = self._plain.popleft()
            if not entry.answer.done():  # or its client has gone, and nobody holds a promise
                self._judge(entry, NOTHING_KNOWN.facts)
            if self._plain and clock() > breath:
                self._start_soon()
                return

    def _gather(self) -> Batch:
        """Return what may be looked up together, and hold back whatever depends on it."""
        batch: Batch = deque()
        put_off: list[Entry] = []
        while self._asking and len(batch) < self._batch:
            entry = self._asking.popleft()
            if entry.answer.done():  # as above
                continue
            if entry.key in self._held or not self._held.keys().isdisjoint(entry.shared):
                put_off.append(entry)
                continue
            if entry.key:
                self._held[entry.key] += 1
            batch.append(entry)
        for entry in batch:
            self._held.update(entry.shared)
            entry.held = True
        self._asking.extendleft(reversed(put_off))
        self._looked_up = batch
        self._ahead.clear()
        return batch

    async def _look_up_and_judge(self, store: CommentStore, batch: Batch) -> None:
        known = await store.facts([(entry.draft, entry.court.site.policy) for entry in batch])
        clock = asyncio.get_running_loop().time
        breath = clock() + BREATH
        for entry, found in zip(tuple(batch), known, strict=True):
            if not await self._settled(store, entry, found):
                facts = found.facts
                self._judge(entry, _with_neighbours(facts, self._ahead, entry.draft) if entry.shared else facts)
            batch.popleft()
            if clock() > breath:
                await asyncio.sleep(0)
                breath = clock() + BREATH
        self._start_soon()

    async def _settled(self, store: CommentStore, entry: Entry, known: Known) -> bool:
        """Answer what needs no judging, and say whether it was that."""
        if known.earlier:
            try:
                self._give(entry, await self._again(store, entry.draft, known))
            except IdempotencyKeyReused as refusal:
                self._refuse(entry, refusal)
            return True
        if known.page_closed:
            self._refuse(entry, PageClosed())
        elif not known.parent_shown:
            self._refuse(entry, ParentNotFound())
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

    def _judge(self, entry: Entry, facts: Facts) -> None:
        court, draft = entry.court, entry.draft
        try:
            verdict = court.judge.judge(draft.body, facts, draft.author)
        except Exception as error:  # noqa: BLE001 - it fails alone, never its neighbours
            self._refuse(entry, error)
        else:
            entry.judged = Judged(draft, verdict, court.site.version)
            self._judged.append(entry)

    def _take(self, others: int | None = None) -> Batch:
        """Return what one transaction stores; less than a full batch only where no other is under way."""
        if others is None:
            others = len(self._storing) - 1
        if others and len(self._judged) < self._batch:
            return deque()
        if len(self._judged) < self._share:
            self._judge_plain()
        return deque(self._judged.popleft() for _ in range(min(self._share, len(self._judged))))

    async def _put(self, store: CommentStore, batch: Batch) -> None:
        try:
            tallies = await store.add([entry.judged for entry in batch if entry.judged])
        except IdempotencyRace:  # another process stored one of the keys in the meantime: look again
            self._asking.extendleft(reversed(batch))
            while batch:
                self._release(batch.popleft())
            self._start_soon()
            return
        stored: list[Judged] = []
        while batch:
            entry = batch.popleft()
            judged = entry.judged
            tally = tallies.get(entry.draft.id)
            if judged is None or tally is None:
                self._refuse(entry, PageClosed())
                continue
            stored.append(judged)
            self._give(entry, Submitted.of(judged.draft, judged.verdict, tally.approved))
        self._telemetry.observe("batches", len(stored))
        for draft, verdict, _ in stored:  # before anybody who waits goes on
            self._counts.learn(page(draft.site, draft.page), tallies[draft.id])
            self._telemetry.judged(verdict)

    def _give(self, entry: Entry, submitted: Submitted) -> None:
        self._release(entry)
        if not entry.answer.done():
            entry.answer.set_result(submitted)

    def _refuse(self, entry: Entry, error: BaseException) -> None:
        self._release(entry)
        if isinstance(error, asyncio.CancelledError):
            entry.answer.cancel()
        elif not entry.answer.done():
            # which a future does not take: it would end the coroutine that waits
            entry.answer.set_exception(RuntimeError(error) if isinstance(error, StopIteration) else error)

    def _release(self, entry: Entry) -> None:
        """Let in what waited for this entry to end."""
        if not entry.held:
            return
        entry.held = False
        for mark in (entry.key, *entry.shared):
            if mark:
                self._held[mark] -= 1
                if not self._held[mark]:
                    del self._held[mark]
        if self._asking:
            self._start_soon()


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
