"""What moderators may ask: to sign in and out, the queue, one comment, and decisions on many."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from uuid import UUID

from aiohttp import web

from service import wire
from service.desk.shapes import (
    NOTE,
    REASON,
    DecisionProblem,
    DecisionResult,
    DecisionsReply,
    ExaminedComment,
    NewDecisions,
    QueuedComment,
    QueueQuery,
    QueueReply,
    SessionReply,
    SignIn,
)
from service.errors import (
    DatabaseUnavailable,
    DecisionConflict,
    Malformed,
    NotFound,
    NothingToRestore,
    Overloaded,
)
from service.identity import SESSION
from service.moderation.text import canonical
from service.moderators import rule
from service.store.desk import Place

if TYPE_CHECKING:
    from service.identity import Identity
    from service.judges import Judges
    from service.moderators import Decide, Moderators
    from service.store.identity import Holder

SIGN_IN_BYTES = 8192
"""A name and a password of the greatest length, each character escaped."""
DECISIONS_BYTES = 2**21
"""A hundred decisions with a reason and a note of the greatest length, each character escaped."""
LOOPBACK = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]*)?", re.IGNORECASE)
"""Hosts that browsers reach without a wire (Secure Contexts, section 3.1), so that plain HTTP will do."""


class Desk:
    """Handlers for moderators."""

    def __init__(self, moderators: Moderators, identity: Identity, judges: Judges) -> None:
        self._moderators = moderators
        self._identity = identity
        self._judges = judges

    async def sign_in(self, request: web.Request) -> web.Response:
        """Sign in with a name and a password; the answer sets a cookie."""
        given = await wire.read_body(request, SignIn, SIGN_IN_BYTES)
        court = await self._judges.of(given.site)
        secret, holder = await self._identity.sign_in(court.site.id, wire.line(given.name) or "", given.password)
        response = wire.reply(SessionReply.of(holder), status=201)
        response.set_cookie(
            wire.COOKIE,
            secret,
            path="/v1/desk",
            max_age=int(SESSION.total_seconds()),
            httponly=True,
            samesite="Strict",
            secure=request.secure or LOOPBACK.fullmatch(request.host) is None,
        )
        return response

    async def session(self, _request: web.Request, holder: Holder) -> web.Response:
        """Say who is signed in."""
        return wire.reply(SessionReply.of(holder))

    async def sign_out(self, request: web.Request, holder: Holder) -> web.Response:
        """End the session; a token, which nobody signed in for, stays."""
        if holder.kind == "session":
            await self._identity.sign_out(wire.secret_of(request))
        response = web.Response(status=204)
        response.del_cookie(wire.COOKIE, path="/v1/desk")
        return response

    async def queue(self, request: web.Request, holder: Holder) -> web.Response:
        """List comments of one status, the riskiest first."""
        query = wire.read_query(request, QueueQuery)
        total, comments, after = await self._moderators.queue(
            holder.site_id, query.status, query.sort, _place(query.after), canonical(query.q or "") or None, query.limit
        )
        return wire.reply(
            QueueReply(
                total=total,
                comments=[QueuedComment.of(comment) for comment in comments],
                next=f"{after.comment}~{after.risk}" if after else None,
            )
        )

    async def comment(self, request: web.Request, holder: Holder) -> web.Response:
        """Show one comment with its findings, its author's record and its history."""
        comment, history = await self._moderators.examine(holder.site_id, _comment_id(request))
        return wire.reply(ExaminedComment.with_history(comment, history))

    async def decide(self, request: web.Request, holder: Holder) -> web.Response:
        """Approve, reject, remove or restore comments; each is answered for itself."""
        given = await wire.read_body(request, NewDecisions, DECISIONS_BYTES)
        rulings = [
            rule(
                item.action,
                item.expected,
                wire.measured(item.reason, REASON, f"/decisions/{place}/reason"),
                wire.measured(item.note, NOTE, f"/decisions/{place}/note"),
            )
            for place, item in enumerate(given.decisions)
        ]
        results: list[DecisionResult] = []
        for item, ruling in zip(given.decisions, rulings, strict=True):
            try:
                results.append(await self._decide(holder, item.comment, ruling))
            except (DatabaseUnavailable, Overloaded) as refusal:
                if not results:
                    raise
                # What was decided stays decided, and is said; the rest is not tried against a database that is away.
                left = given.decisions[len(results) :]
                error = DecisionProblem.of(refusal)
                results += [DecisionResult(comment=item.comment, status=None, error=error) for item in left]
                break
        return wire.reply(DecisionsReply(results))

    async def _decide(self, holder: Holder, comment: UUID, decide: Decide) -> DecisionResult:
        try:
            status = await self._moderators.decide(holder, comment, decide)
        except (NotFound, DecisionConflict, NothingToRestore) as refusal:
            error = DecisionProblem.of(refusal)
            return DecisionResult(comment=comment, status=error.current, error=error)
        return DecisionResult(comment=comment, status=status)


def _comment_id(request: web.Request) -> UUID:
    try:
        return UUID(request.match_info["comment"])
    except ValueError:
        raise Malformed("The id of a comment is a UUID.") from None


def _place(after: str | None) -> Place | None:
    if after is None:
        return None
    comment, _, risk = after.partition("~")
    try:
        place = Place(UUID(comment), float(risk))
    except ValueError:
        place = None
    if place is None or not 0 <= place.risk <= 1:
        raise Malformed.at("?after", "takes the `next` of the answer before")
    return place
