"""Keeps several workers answering on one port: starts them, again when they die, and others in their place."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
import structlog

from service.commands import CommandError
from service.server.backoff import BackOff
from service.server.channel import Channel, Covers, Inheritance, Message, Ready, Told, Total
from service.server.worker import GRACE_SECONDS, INHERITED
from service.telemetry import Numbers

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Callable, Collection, Coroutine, Sequence

START_SECONDS = 60.0
"""What a worker may take to be ready when it is to take the place of another."""
SILENCE_SECONDS = 30.0
"""What says nothing for so long, where a word every second is usual, hangs."""
COMMAND = (sys.executable, *sys.orig_argv[1:])
"""How this process was started, and each worker is."""
log = structlog.get_logger()


class Worker:
    """A process that answers, or will, or no longer does."""

    def __init__(self, place: int, process: Process, channel: Channel) -> None:
        loop = asyncio.get_running_loop()
        self.place = place
        self.process = process
        self.channel = channel
        self.numbers = Numbers()
        self.ready: asyncio.Future[bool] = loop.create_future()
        """Settled when it answers, or has ended before it did."""
        self.told_to_end = False
        self._since = loop.time()

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return asyncio.get_running_loop().time() - self._since

    @property
    def answers(self) -> bool:
        """Whether it was ready once and was not told to end since."""
        return self.ready.done() and self.ready.result() and not self.told_to_end

    def end(self, within: float) -> None:
        """Tell it to let what is under way end, and kill it when it takes longer than some seconds."""
        if not self.told_to_end:
            self.told_to_end = True
            self._signal(signal.SIGTERM)
            asyncio.get_running_loop().call_later(within, self.kill)

    def kill(self) -> None:
        """End it at once."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self.process.send_signal(number)


class Supervisor:
    """Answers for the workers of one service."""

    def __init__(
        self, url: str, drain: float, *, silence: float = SILENCE_SECONDS, command: Sequence[str] = COMMAND
    ) -> None:
        self._url = url
        self._limit = drain + GRACE_SECONDS
        self._silence = silence
        self._command = command
        self._doors: list[list[socket.socket]] = []
        self._places: dict[int, Worker] = {}
        """Who answers, or did last, at each set of doors."""
        self._living: set[Worker] = set()
        self._gone = Numbers(counters={"deaths": {(): 0}})
        """What those have counted that ended."""
        self._pauses: defaultdict[int, BackOff] = defaultdict(BackOff)
        self._watching: set[asyncio.Task[None]] = set()
        self._restarting: set[asyncio.Task[None]] = set()
        self._greeted = False
        self._told = asyncio.Event()

    def reload(self) -> None:
        """Put a new worker in the place of each, as soon as all the new ones are ready."""
        self._told.set()

    async def run(self, doors: list[list[socket.socket]], greet: Callable[[], None]) -> None:
        """Keep a worker at each set of doors until cancelled; then have them end.

        Raises CommandError when one of the first ends before it is ready.
        """
        self._doors = doors
        try:
            for place in range(len(doors)):
                self._places[place] = await self._start(place)
            if not await _all_ready(self._places.values()):
                raise CommandError("The workers cannot start; what they wrote says why.")
            greet()
            self._greeted = True
            while True:
                await self._told.wait()
                self._told.clear()
                await self._relieve()
        finally:
            await self._end()

    async def _start(self, place: int) -> Worker:
        ours, theirs = socket.socketpair()
        channel = await Channel.over(ours)
        with theirs:
            doors = [[door.fileno() for door in members] for members in self._doors]
            left = Inheritance(theirs.fileno(), place, doors)
            try:
                process = await asyncio.create_subprocess_exec(
                    *self._command,
                    env={**os.environ, "DATABASE_URL": self._url, INHERITED: msgspec.json.encode(left).decode()},
                    pass_fds=[left.channel, *(number for numbers in doors for number in numbers)],
                    process_group=0,  # a terminal's Ctrl-C is for the supervisor alone
                )
            except BaseException:
                channel.close()
                raise
        worker = Worker(place, process, channel)
        self._living.add(worker)
        _keep(self._watching, self._watch(worker))
        return worker

    async def _watch(self, worker: Worker) -> None:
        await self._hear(worker)
        code = await worker.process.wait()
        worker.channel.close()
        self._living.discard(worker)
        self._gone.add(Numbers(worker.numbers.counters, worker.numbers.histograms))
        was_ready = worker.ready.done()
        if not was_ready:
            worker.ready.set_result(False)
        if worker.told_to_end:
            return
        self._gone.add(Numbers(counters={"deaths": {(): 1}}))
        log.error("worker died", worker=worker.process.pid, code=code)
        if self._places.get(worker.place) is worker and (was_ready or self._greeted):
            _keep(self._restarting, self._restart(worker))
            await self._cover()

    async def _hear(self, worker: Worker) -> None:
        try:
            while message := await self._next(worker):
                match message:
                    case Ready():
                        worker.ready.set_result(True)
                        await self._cover()
                    case Told(numbers, asks):
                        worker.numbers = numbers
                        if asks:
                            await worker.channel.send(Total(self._total()))
        except ConnectionError:
            return  # it went while it was answered
        except msgspec.MsgspecError as error:
            log.warning("worker of another version", worker=worker.process.pid, reason=str(error))
            worker.kill()

    async def _next(self, worker: Worker) -> Message | None:
        receiving = asyncio.create_task(worker.channel.receive())
        # Twice half of the time: should this process have stood still, there is something to be read at once.
        for _ in range(2):
            await asyncio.wait({receiving}, timeout=self._silence / 2 if worker.answers else None)
            if receiving.done():
                break
        else:
            log.error("worker hangs", worker=worker.process.pid)
            worker.kill()
        return await receiving

    async def _cover(self) -> None:
        """Have one worker answer at the doors of those that died, until others answer there."""
        answering = [worker for worker in self._places.values() if worker in self._living and worker.answers]
        lacking = frozenset(self._places) - {worker.place for worker in answering}
        for worker in answering:
            with suppress(ConnectionError):  # it died just now: this is called again
                await worker.channel.send(Covers(lacking if self._greeted and worker is answering[0] else frozenset()))

    async def _restart(self, dead: Worker) -> None:
        pause = self._pauses[dead.place].after(dead.age)
        while self._places[dead.place] is dead:  # else a reload was faster
            log.info("worker starts again", seconds=pause)
            await asyncio.sleep(pause)
            try:
                successor = await self._start(dead.place)
            except OSError as error:
                pause = self._pauses[dead.place].after(0)
                log.warning("worker cannot be started", error=error.strerror)
                continue
            if self._places[dead.place] is dead:
                self._places[dead.place] = successor
            else:
                successor.end(self._limit)

    async def _relieve(self) -> None:
        log.info("reloading")
        try:
            successors = [await self._start(place) for place in self._places]
            ready = await _all_ready(successors, START_SECONDS) and self._living.issuperset(successors)
        except OSError as error:
            log.warning("worker cannot be started", error=error.strerror)
            ready = False
        if not ready:
            for worker in self._living - {*self._places.values()}:
                worker.end(self._limit)
            log.error("not reloaded", reason="a new worker did not become ready: those before go on")
            return
        for successor in successors:
            before, self._places[successor.place] = self._places[successor.place], successor
            before.end(self._limit)
        await self._cover()
        log.info("reloaded")

    async def _end(self) -> None:
        for door in (door for doors in self._doors for door in doors):
            door.close()
        for task in self._restarting:
            task.cancel()
        await asyncio.gather(*self._restarting, return_exceptions=True)
        for worker in self._living:
            worker.end(self._limit)
        while self._watching:
            await asyncio.wait(self._watching)

    def _total(self) -> Numbers:
        total = Numbers(gauges={"workers": sum(worker.answers for worker in self._living)})
        for numbers in (self._gone, *(worker.numbers for worker in self._living)):
            total.add(numbers)
        return total


async def _all_ready(workers: Collection[Worker], within: float | None = None) -> bool:
    """Say whether all become ready."""
    await asyncio.wait([worker.ready for worker in workers], timeout=within)
    return all(worker.ready.done() and worker.ready.result() for worker in workers)


def _keep(tasks: set[asyncio.Task[None]], coroutine: Coroutine[None, None, None]) -> None:
    task = asyncio.create_task(coroutine)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
