"""Builds everything, once: settings, database, stores, services, handlers, application."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import uuid_utils
from aiohttp import web

from service import migrations, wire
from service.answers import Answers
from service.assets import PAGE_HEADERS, Assets
from service.comments import Comments
from service.counts import Counts
from service.desk import Desk
from service.identity import Identity
from service.intake import Intake
from service.judges import Judges
from service.listener import Listener
from service.middleware import RateLimiter, kept, members, observe, own_pages, preflight, rated, shared
from service.moderators import Moderators
from service.operators import Operators
from service.postgres import Database
from service.readers import Readers
from service.replica import Replica
from service.routes import Route, openapi, table
from service.store.comments import CommentStore
from service.store.desk import DeskStore
from service.store.identity import IdentityStore
from service.store.pages import PageStore
from service.store.sites import SiteStore
from service.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from service.middleware import Handler
    from service.moderation.lexicon import Lexicon
    from service.settings import Settings

SIGN_INS_PER_MINUTE = 10


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def new_id(at: datetime) -> UUID:
    """Return a UUIDv7 (RFC 9562), whose order is that of time."""
    return UUID(int=uuid_utils.uuid7(nanoseconds=int(at.timestamp()) * 10**9 + at.microsecond * 1000).int)


def build(
    settings: Settings,
    url: str,
    lexicon: Lexicon,
    *,
    now: Callable[[], datetime] = now,
    monotonic: Callable[[], float] = time.monotonic,
    telemetry: Telemetry | None = None,
) -> web.Application:
    """Return the application that serves the database at `url`, which is connected when the application starts."""
    database = Database(url, pooler=settings.database_pooler == "transaction")
    telemetry = telemetry or Telemetry()
    identity = Identity(IdentityStore(database), settings.key(), now)
    judges = Judges(SiteStore(database), lexicon, monotonic)
    store = CommentStore(database)
    replica = Replica(settings.replica_url) if settings.replica_url else None
    counts = Counts(PageStore(database), PageStore(replica) if replica else None)
    answers = Answers()
    counts.watch(answers.drop, answers.clear)
    telemetry.gauge("listening", lambda: counts.listening)
    telemetry.gauge("kept", lambda: answers.size)
    listener = Listener(settings.direct_url or url, counts)
    intake = Intake(store, counts, telemetry)
    standby = CommentStore(replica) if replica else None
    comments = Comments(store, counts, intake, identity, now=now, new_id=new_id, standby=standby)
    routes = table(
        Readers(comments, judges, answers),
        Desk(Moderators(DeskStore(database), counts, now=now), identity, judges),
        Operators(database, telemetry, version=len(migrations.load()), networks=settings.metrics_networks),
        Assets(),
    )
    limiters = {
        "/v1/comments": RateLimiter(settings.rate_per_minute, monotonic),
        "/v1/desk/session": RateLimiter(SIGN_INS_PER_MINUTE, monotonic),
    }
    application = web.Application(
        middlewares=[
            kept(answers, telemetry),
            observe(telemetry, settings.proxies, monotonic=monotonic, new_request_id=lambda: str(uuid_utils.uuid4())),
        ]
    )
    document = openapi(routes)

    async def give_document(request: web.Request) -> web.Response:
        return wire.cached(request, document, wire.JSON, PAGE_HEADERS)

    application.router.add_get("/openapi.json", give_document)
    for route in routes:
        handler = _through_doors(route, identity, limiters)
        if route.method == "GET":
            application.router.add_get(route.path, handler)  # answers HEAD too
        else:
            application.router.add_route(route.method, route.path, handler)
        if route.access == "pages" and route.method == "GET":
            application.router.add_route("OPTIONS", route.path, preflight)

    async def connected(_application: web.Application) -> AsyncIterator[None]:
        await database.open()
        await listener.open()
        if replica:
            await replica.open()
        try:
            yield
            await intake.close()
        finally:
            if replica:
                await replica.close()
            await listener.close()
            await database.close()

    application.cleanup_ctx.append(connected)
    return application


def _through_doors(route: Route, identity: Identity, limiters: dict[str, RateLimiter]) -> Handler:
    handler: Callable[..., Awaitable[web.StreamResponse]] = route.handler
    if route.method == "POST" and route.path in limiters:
        handler = rated(handler, limiters[route.path])
    match route.access:
        case "pages":
            return shared(handler)
        case "visitors":
            return own_pages(handler)
        case "members":
            return own_pages(members(handler, identity))
        case "anyone":
            return handler
