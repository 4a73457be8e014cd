"""Serves until it is told to stop: the database, the first-time set-up, the listening, the draining."""

from __future__ import annotations

import asyncio
import resource
import secrets
import sys
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

import structlog
import uvloop

from service import embedded
from service.app import build, new_id, now
from service.commands import current, migrate, opened, passable, reachable
from service.embedded import EmbeddedError, EmbeddedPostgres
from service.identity import Identity
from service.server.backoff import BackOff
from service.server.doors import greet, listen
from service.server.supervisor import Supervisor
from service.server.worker import KEEPALIVE_SECONDS, LINE_BYTES, answer, inherited, until_told, work
from service.store.identity import IdentityStore, NameTaken
from service.store.sites import SiteStore
from service.telemetry import set_up_logging
from service.wordlists import load

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from aiohttp import web

    from service.settings import Settings

__all__ = ["KEEPALIVE_SECONDS", "LINE_BYTES", "serve", "set_up"]

LOOK_SECONDS = 0.5
"""How often is looked whether the embedded database still runs."""
FIRST_MODERATOR = "editor"
log = structlog.get_logger()


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


def serve(settings: Settings, *, workers: int, first_run: bool, wait: float) -> None:
    """Serve until SIGINT or SIGTERM, then let what is under way end; the database may take `wait` seconds to answer.

    Raises CommandError when the port is taken or the database is not to be used as it is.
    """
    set_up_logging()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # connections that idle must not be all there are
    with suppress(KeyboardInterrupt):  # told to stop while the database was still starting
        if left := inherited():
            uvloop.run(until_told(work(settings, left, wait), lambda: None))
            return
        owner = nullcontext() if settings.database_url else embedded.start(settings.folder)
        with owner as server:
            url = settings.database_url or (server.dsn if server else "")
            if workers == 1:
                alone = _alone(settings, url, first_run=first_run, wait=wait)
                uvloop.run(until_told(_with(server, alone), _stay))
            else:
                supervisor = Supervisor(url, settings.drain_seconds)
                together = _together(supervisor, settings, url, workers, first_run=first_run, wait=wait)
                asyncio.run(until_told(_with(server, together), supervisor.reload))


async def _with(server: EmbeddedPostgres | None, serving: Coroutine[None, None, None]) -> None:
    keeping = asyncio.create_task(_keep(server)) if server else None
    try:
        await serving
    finally:
        if keeping:
            keeping.cancel()


async def _keep(server: EmbeddedPostgres) -> None:
    """Start the embedded database again whenever it has died."""
    back_off, clock = BackOff(), asyncio.get_running_loop().time
    since = clock()
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        if not server.gone():
            continue
        pause = back_off.after(clock() - since)
        log.error("database died", starts_again_in=pause)
        await asyncio.sleep(pause)
        try:
            await asyncio.to_thread(server.revive)
        except EmbeddedError as error:
            log.warning("database cannot be started", reason=str(error))
        else:
            log.info("database started again")
        since = clock()


async def _prepare(settings: Settings, url: str, *, first_run: bool, wait: float) -> None:
    await reachable(url, wait)
    direct = settings.direct_url or url
    await reachable(direct, wait)
    await passable(settings)
    if first_run:
        await set_up(direct, settings)
    await current(direct)


async def _alone(settings: Settings, url: str, *, first_run: bool, wait: float) -> None:
    await _prepare(settings, url, first_run=first_run, wait=wait)
    [doors] = listen(settings.host, settings.port)

    async def started(_: web.AppRunner) -> None:
        greet(doors[0])

    await answer(build(settings, url, load()), doors, settings.drain_seconds, started)


def _stay() -> None:
    log.warning("not reloaded", reason="one process cannot take its own place: start with --workers 2")


async def _together(
    supervisor: Supervisor, settings: Settings, url: str, workers: int, *, first_run: bool, wait: float
) -> None:
    await _prepare(settings, url, first_run=first_run, wait=wait)
    doors = listen(settings.host, settings.port, workers)
    await supervisor.run(doors, lambda: greet(doors[0][0]))
