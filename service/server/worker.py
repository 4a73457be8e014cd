"""One process that answers requests: the whole service, or one of several under a supervisor."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from service.app import build
from service.commands import current, reachable
from service.server.channel import Channel, Covers, Inheritance, Ready, Told, Total
from service.server.doors import BACKLOG
from service.telemetry import Telemetry
from service.wordlists import load

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from service.settings import Settings
    from service.telemetry import Numbers

LINE_BYTES = 65_536
"""Longest request line: a hundred addresses of articles fit."""
KEEPALIVE_SECONDS = 75.0
"""Longer than the minute for which a reverse proxy usually keeps a connection."""
TELL_SECONDS = 1.0
"""What a worker counted in this time is lost with it when it is killed."""
GRACE_SECONDS = 2.0
"""After what is under way had its time: for answers that are cut off, batches and connections to the database."""
GARBAGE = 20_000
"""Objects that may have come to be, above those that have gone, before garbage is looked for; 700 elsewhere."""
INHERITED = "_TRECENTO_WORKER"
"""Variable that makes a process a worker, with what it inherits."""


async def until_told(serving: Coroutine[None, None, None], reload: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM, or until the terminal is closed; call `reload` on any other SIGHUP."""
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(serving)
    at_terminal = _has_terminal() and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN  # which is what nohup says

    def stop() -> None:
        if not task.cancelling():  # a second signal does not cut short what the first one lets end
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGHUP, lambda: stop() if at_terminal and not _has_terminal() else reload())
    with suppress(asyncio.CancelledError):
        await task


def _has_terminal() -> bool:
    """Tell whether a terminal controls this process; it no longer does once it is closed."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


async def answer(
    application: web.Application,
    doors: list[socket.socket],
    drain: float,
    started: Callable[[web.AppRunner], Awaitable[None]],
) -> None:
    """Answer what arrives at the doors until cancelled, then let what is under way end, for `drain` seconds."""
    runner = web.AppRunner(
        application,
        access_log=None,
        shutdown_timeout=drain,
        max_line_size=LINE_BYTES,
        keepalive_timeout=KEEPALIVE_SECONDS,
        auto_decompress=False,  # a few kilobytes could become gigabytes, on the event loop
    )
    try:
        await runner.setup()
        settle()
        for door in doors:
            await web.SockSite(runner, door, backlog=BACKLOG).start()
        await started(runner)
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def settle() -> None:
    """Look for garbage less often, and never in what is there by now: a request leaves none, and all else stays."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE)


def inherited() -> Inheritance | None:
    """Return what a supervisor left to this process; None when there is no supervisor."""
    left = os.environ.pop(INHERITED, "")
    return msgspec.json.decode(left, type=Inheritance) if left else None


async def work(settings: Settings, left: Inheritance, wait: float) -> None:
    """Answer as one of several processes until the supervisor is gone, or says so by SIGTERM.

    Raises CommandError when the database does not answer or is not at this version.
    """
    url = settings.database_url or ""
    await reachable(url, wait)
    await current(settings.direct_url or url)
    doors = [[socket.socket(fileno=number) for number in numbers] for numbers in left.doors]
    others = [door for place, members in enumerate(doors) if place != left.place for door in members]
    post = Post(await Channel.over(socket.socket(fileno=left.channel)), doors)
    telemetry = Telemetry(post.total)
    me = asyncio.current_task()

    def orphaned(_: asyncio.Task[None]) -> None:
        if me and not me.cancelling():
            signal.alarm(int(settings.drain_seconds + GRACE_SECONDS))  # nobody else would end it
            me.cancel()

    hearing = asyncio.create_task(post.hear())
    hearing.add_done_callback(orphaned)
    telling = asyncio.create_task(post.tell(telemetry))

    async def close_others(_: web.Application) -> None:
        for door in others:
            door.close()

    application = build(settings, url, load(), telemetry=telemetry)
    application.on_shutdown.append(close_others)
    try:
        await answer(application, doors[left.place], settings.drain_seconds, post.ready)
    finally:
        telling.cancel()
        await post.close(telemetry)


class Post:
    """A worker's end of the channel."""

    def __init__(self, channel: Channel, doors: list[list[socket.socket]]) -> None:
        self._channel = channel
        self._doors = doors
        self._runner: web.AppRunner | None = None
        self._covered: dict[int, list[web.SockSite]] = {}
        self._totals: asyncio.Queue[Numbers] = asyncio.Queue()
        self._asking = asyncio.Lock()

    async def ready(self, runner: web.AppRunner) -> None:
        """Say that requests are answered from now on."""
        self._runner = runner
        await self._channel.send(Ready())

    async def total(self, numbers: Numbers) -> Numbers:
        """Return what all workers have counted; what this one has is told before, so that it is never less."""
        async with self._asking:
            await self._channel.send(Told(numbers, asks=True))
            return await self._totals.get()

    async def hear(self) -> None:
        """Take what the supervisor says, until it is gone."""
        while message := await self._channel.receive():
            match message:
                case Total(numbers):
                    self._totals.put_nowait(numbers)
                case Covers(places):
                    await self._cover(places)

    async def _cover(self, places: frozenset[int]) -> None:
        for place in self._covered.keys() - places:
            for site in self._covered.pop(place):
                await site.stop()
        if not self._runner or not self._runner.server:  # about to end
            return
        for place in places - self._covered.keys():
            sites = self._covered[place] = [
                web.SockSite(self._runner, door.dup(), backlog=BACKLOG) for door in self._doors[place]
            ]
            for site in sites:
                await site.start()

    async def tell(self, telemetry: Telemetry) -> None:
        """Say again and again what was counted."""
        with suppress(ConnectionError):  # the supervisor is gone, and `hear` knows
            while True:
                await self._channel.send(Told(telemetry.numbers()))
                await asyncio.sleep(TELL_SECONDS)

    async def close(self, telemetry: Telemetry) -> None:
        """Say a last time what was counted."""
        with suppress(ConnectionError):
            await self._channel.send(Told(telemetry.numbers()))
        self._channel.close()
