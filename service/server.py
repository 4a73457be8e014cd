"""Serves until it is told to stop: the database, the first-time set-up, the listening, the draining."""

from __future__ import annotations

import asyncio
import resource
import secrets
import signal
import sys
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

import uvloop
from aiohttp import web

from service import embedded
from service.app import build, new_id, now
from service.commands import CommandError, current, migrate, opened, reachable
from service.identity import Identity
from service.store.identity import IdentityStore, NameTaken
from service.store.sites import SiteStore
from service.telemetry import set_up_logging
from service.wordlists import load

if TYPE_CHECKING:
    from service.settings import Settings

DRAIN_SECONDS = 10.0
LINE_BYTES = 65_536
"""Longest request line: a hundred addresses of articles fit."""
KEEPALIVE_SECONDS = 75.0
"""Longer than the minute for which a reverse proxy usually keeps a connection."""
FIRST_MODERATOR = "editor"


async def set_up(url: str, settings: Settings) -> None:
    """Migrate, make the site `default`, and a first moderator when there is none, whose password is printed."""
    await migrate(url)
    async with opened(url) as database:
        site = await SiteStore(database).add("default", (), now())
        store = IdentityStore(database)
        if await store.has_moderators(site.id):
            return
        password = secrets.token_urlsafe(12)
        hashed = await Identity(store, settings.key(), now).hash_password(password)
        with suppress(NameTaken):  # a process that starts beside this one was first
            await store.add_moderator(site.id, new_id(now()), FIRST_MODERATOR, hashed, now())
            # Said at once: should this start fail further on, the next one would not make another.
            print(f"The first moderator is {FIRST_MODERATOR!r} with the password {password!r}, shown this once.\n")
            sys.stdout.flush()


def serve(settings: Settings, *, first_run: bool, wait: float) -> None:
    """Serve until SIGINT or SIGTERM, then let what is under way end; the database may take `wait` seconds to answer.

    Raises CommandError when the port is taken or the database is not to be used as it is.
    """
    set_up_logging()
    with suppress(KeyboardInterrupt):  # told to stop while the database was still starting
        owner = nullcontext() if settings.database_url else embedded.start(settings.folder)
        with owner as server:
            url = settings.database_url or (server.dsn if server else "")
            uvloop.run(_until_told(settings, url, first_run=first_run, wait=wait))


async def _until_told(settings: Settings, url: str, *, first_run: bool, wait: float) -> None:
    loop = asyncio.get_running_loop()
    serving = asyncio.create_task(_serve(settings, url, first_run=first_run, wait=wait))

    def stop() -> None:
        if not serving.cancelling():  # a second signal does not cut short what the first one lets end
            serving.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    with suppress(asyncio.CancelledError):
        await serving


async def _serve(settings: Settings, url: str, *, first_run: bool, wait: float) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # connections that idle must not be all there are
    await reachable(url, wait)
    if first_run:
        await set_up(url, settings)
    await current(url)
    runner = web.AppRunner(
        build(settings, url, load()),
        access_log=None,
        shutdown_timeout=DRAIN_SECONDS,
        max_line_size=LINE_BYTES,
        keepalive_timeout=KEEPALIVE_SECONDS,
        auto_decompress=False,  # a few kilobytes could become gigabytes, on the event loop
    )
    try:
        await runner.setup()
        try:
            await web.TCPSite(runner, settings.host, settings.port).start()
        except OSError as error:
            raise CommandError(
                f"{settings.host}:{settings.port} cannot be listened on ({error.strerror or error}). Is a service"
                " running there? Choose another port with TRECENTO_PORT."
            ) from error
        greet(runner.addresses[0])
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def greet(address: tuple[str, int]) -> None:
    """Say where everything is."""
    host, port = address[:2]
    base = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    print(f"Trecento serves on {base}\n")
    print(f"  a demo article   {base}/")
    print(f"  the desk         {base}/desk")
    print(f"  the API          {base}/docs\n")
    print("Ctrl-C stops it.", flush=True)
