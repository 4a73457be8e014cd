"""What every request passes: an id, the log, problems for errors; and the doors that some routes have."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import structlog
from aiohttp import web

from service.errors import (
    CrossSite,
    Internal,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    RateLimited,
    Refusal,
)
from service.identity import client_address, subscriber
from service.telemetry import places
from service.wire import ADDRESS, HEADERS, REQUEST_ID, SHARED_HEADERS, from_own_page, problem, secret_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from ipaddress import IPv4Network, IPv6Network

    from aiohttp.typedefs import Middleware

    from service.answers import Answers
    from service.identity import Identity
    from service.store.identity import Holder
    from service.telemetry import Telemetry

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
    MemberHandler = Callable[[web.Request, Holder], Awaitable[web.StreamResponse]]

ASKING = frozenset({"GET", "HEAD"})
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
DESK = "/v1/desk/"
"""Where writing is a moderator's act, which the log keeps as it keeps failures; all else is in the numbers alone."""
MINUTE = 60.0
SHARED = web.RequestKey("shared", bool)
"""Whether pages of any origin may read the answer."""
log = structlog.get_logger()


class RateLimiter:
    """A token bucket for each key (leaky bucket as a meter, ITU-T I.371); the longest unused are forgotten."""

    def __init__(self, per_minute: int, monotonic: Callable[[], float], *, keys: int = 100_000) -> None:
        self._per_minute = per_minute
        self._monotonic = monotonic
        self._keys = keys
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def spend(self, key: str) -> None:
        """Take one token.

        Raises RateLimited when there is none.
        """
        if not self._per_minute:
            return
        now = self._monotonic()
        tokens, since = self._buckets.get(key, (float(self._per_minute), now))
        tokens = min(self._per_minute, tokens + max(0.0, now - since) * self._per_minute / MINUTE)
        left = tokens - 1 if tokens >= 1 else tokens
        self._buckets[key] = (left, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._keys:
            self._buckets.popitem(last=False)
        if tokens < 1:
            wait = int((1 - tokens) * MINUTE / self._per_minute) + 1
            raise RateLimited(headers={"Retry-After": str(wait)})


def observe(
    telemetry: Telemetry,
    proxies: Sequence[IPv4Network | IPv6Network],
    *,
    monotonic: Callable[[], float],
    new_request_id: Callable[[], str],
) -> Middleware:
    """Return the middleware round everything: whatever is raised inside becomes a problem document."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        request_id = request[REQUEST_ID] = new_request_id()
        started = monotonic()
        peer = request.remote
        request[ADDRESS] = client_address(peer, request.headers.getall("X-Forwarded-For", []), proxies)
        resource = request.match_info.route.resource
        route = resource.canonical if resource else "unknown"
        try:
            response = await handler(request)
        except Exception as error:  # noqa: BLE001 - the outermost door: nothing leaves but a problem
            response = problem(_refusal(error, request_id), f"urn:uuid:{request_id}")
        seconds = monotonic() - started
        telemetry.answered(request.method if resource else "any", route, response.status, seconds)
        if response.status >= Internal.status or (route.startswith(DESK) and request.method not in SAFE):
            log.info(
                "request",
                request=request_id,
                method=request.method,
                route=route,
                status=response.status,
                ms=round(seconds * 1000, 2),
            )
        if not response.prepared:
            response.headers.update({**HEADERS, **(SHARED_HEADERS if SHARED in request else {})})
            response.headers["X-Request-Id"] = request_id
        return response

    return middleware


def kept(answers: Answers, telemetry: Telemetry) -> Middleware:
    """Return the middleware before all others: what is kept is sent at once."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        answer = answers.get(request.raw_path)
        if answer is None or request.method not in ASKING:
            return await handler(request)
        response = answer.to(request)
        telemetry.count("requests", 1, request.method, answer.route, response.status)
        return response

    return middleware


def _refusal(error: Exception, request_id: str) -> Refusal:
    match error:
        case Refusal():
            if error.__cause__ is not None and error.status >= Internal.status:
                log.warning("away", request=request_id, problem=error.slug, error=type(error.__cause__).__name__)
            return error
        case web.HTTPMethodNotAllowed():
            return MethodNotAllowed(headers={"Allow": ", ".join(sorted(error.allowed_methods))})
        case web.HTTPRequestEntityTooLarge():
            return PayloadTooLarge()
        case web.HTTPNotFound():
            return NotFound()
        case _:
            log.error("unexpected", request=request_id, error=type(error).__name__, places=places(error))
            return Internal()


def shared(handler: Handler) -> Handler:
    """Let pages of any origin read the answer, a problem too: it holds nothing that needs a cookie."""

    async def door(request: web.Request) -> web.StreamResponse:
        request[SHARED] = True
        return await handler(request)

    return door


async def preflight(_request: web.Request) -> web.Response:
    """Answer a browser that asks whether a page of another origin may write (Fetch standard, CORS preflight)."""
    return web.Response(
        status=204,
        headers={
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Methods": "GET, POST",
            "Access-Control-Allow-Headers": "Content-Type, Idempotency-Key",
            "Access-Control-Max-Age": "86400",
        },
    )


def rated(handler: Handler, limiter: RateLimiter) -> Handler:
    """Spend a token of the caller's address before anything else."""

    async def door(request: web.Request) -> web.StreamResponse:
        limiter.spend(subscriber(request[ADDRESS]))
        return await handler(request)

    return door


def own_pages(handler: Handler) -> Handler:
    """Refuse what a page of another site makes a moderator's browser send."""

    async def door(request: web.Request) -> web.StreamResponse:
        site = request.headers.get("Sec-Fetch-Site", "none")
        if request.method not in SAFE and not (site in {"same-origin", "none"} and from_own_page(request)):
            raise CrossSite
        response = await handler(request)
        response.headers["Cache-Control"] = "no-store"
        return response

    return door


def members(handler: MemberHandler, identity: Identity) -> Handler:
    """Let in who is signed in, and tell the handler who it is."""

    async def door(request: web.Request) -> web.StreamResponse:
        return await handler(request, await identity.holder(secret_of(request)))

    return door
