"""One process that answers requests: the whole service, or one of several under a supervisor."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from aiohttp import web

from service.app import build
from service.commands import current, reachable
from service.server.channel import Channel, Ready, Told, Total
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
INHERITED = "_TRECENTO_WORKER"
"""Variable that makes a process a worker: the numbers of the files that it inherits."""


async def until_told(serving: Coroutine[None, None, None], reload: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM, and call `reload` on SIGHUP."""
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(serving)

    def stop() -> None:
        if not task.cancelling():  # a second signal does not cut short what the first one lets end
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGHUP, reload)
    with suppress(asyncio.CancelledError):
        await task


async def answer(
    application: web.Application,
    doors: list[socket.socket],
    drain: float,
    started: Callable[[], Awaitable[None]],
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
        for door in doors:
            await web.SockSite(runner, door, backlog=BACKLOG).start()
        await started()
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def inherited() -> tuple[socket.socket, list[socket.socket]] | None:
    """Return what a supervisor left to this process, its channel and its doors; None when there is no supervisor."""
    numbers = os.environ.pop(INHERITED, "")
    if not numbers:
        return None
    channel, *doors = (socket.socket(fileno=int(number)) for number in numbers.split(","))
    return channel, doors


async def work(settings: Settings, end: socket.socket, doors: list[socket.socket], wait: float) -> None:
    """Answer as one of several processes until the supervisor is gone, or says so by SIGTERM.

    Raises CommandError when the database does not answer or is not at this version.
    """
    url = settings.database_url or ""
    await reachable(url, wait)
    await current(settings.direct_url or url)
    post = Post(await Channel.over(end))
    telemetry = Telemetry(post.total)
    me = asyncio.current_task()

    def orphaned(_: asyncio.Task[None]) -> None:
        if me and not me.cancelling():
            signal.alarm(int(settings.drain_seconds + GRACE_SECONDS))  # nobody else would end it
            me.cancel()

    hearing = asyncio.create_task(post.hear())
    hearing.add_done_callback(orphaned)
    telling = asyncio.create_task(post.tell(telemetry))
    try:
        await answer(build(settings, url, load(), telemetry=telemetry), doors, settings.drain_seconds, post.ready)
    finally:
        telling.cancel()
        await post.close(telemetry)


class Post:
    """A worker's end of the channel."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._totals: asyncio.Queue[Numbers] = asyncio.Queue()
        self._asking = asyncio.Lock()

    async def ready(self) -> None:
        """Say that requests are answered from now on."""
        await self._channel.send(Ready())

    async def total(self, numbers: Numbers) -> Numbers:
        """Return what all workers have counted; what this one has is told before, so that it is never less."""
        async with self._asking:
            await self._channel.send(Told(numbers, asks=True))
            return await self._totals.get()

    async def hear(self) -> None:
        """Take what the supervisor says, until it is gone."""
        while isinstance(message := await self._channel.receive(), Total):
            self._totals.put_nowait(message.numbers)

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
