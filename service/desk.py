"""What moderators may ask: to sign in and out, the queue, one comment, and decisions on many."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from service import wire
from service.errors import Malformed, Refusal
from service.identity import SESSION
from service.model import Effect, Span, Status
from service.moderation.explain import for_moderator
from service.moderation.text import canonical
from service.moderators import Action, rule
from service.store.desk import Order, Place
from service.wire import Author, Limit, SiteName

if TYPE_CHECKING:
    from service.identity import Identity
    from service.judges import Judges
    from service.model import Finding
    from service.moderators import Moderators
    from service.store.desk import Decision, Queued
    from service.store.identity import Holder

SIGN_IN_BYTES = 4096
DECISIONS_BYTES = 524_288
"""A hundred decisions with a note each."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})

Name = Annotated[str, Meta(min_length=1, max_length=60)]
Password = Annotated[str, Meta(min_length=1, max_length=500)]


class SignIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A name and a password."""

    name: Name
    password: Password
    site: SiteName = "default"


class Moderator(Struct, frozen=True, kw_only=True):
    """Who is signed in."""

    id: UUID
    name: str


class SessionReply(Struct, frozen=True, kw_only=True):
    """Who is signed in, and where."""

    moderator: Moderator
    site: str


class QueueQuery(Struct, frozen=True, kw_only=True):
    """Which comments of the moderator's site; `after` is the `next` of the answer before."""

    status: Status = "held"
    sort: Order = "riskiest"
    after: Annotated[str, Meta(max_length=100)] | None = None
    limit: Limit = 50
    q: Annotated[str, Meta(max_length=300)] | None = None


class FindingReply(Struct, frozen=True, kw_only=True):
    """What a rule found, and the same in plain words."""

    rule: str
    effect: Effect
    shadow: bool
    failed: bool
    score: float
    spans: tuple[Span, ...]
    note: str
    message: str


class QueuedComment(Struct, frozen=True, kw_only=True):
    """A comment in the queue."""

    id: UUID
    page: str
    page_title: str | None
    author: Author | None
    body: str
    status: Status
    submitted_at: datetime
    findings: list[FindingReply]


class QueueReply(Struct, frozen=True, kw_only=True):
    """Some of the comments; `total` is how many there are, 10,000 for more."""

    total: int
    comments: list[QueuedComment]
    next: str | None


class Record(Struct, frozen=True, kw_only=True):
    """What became of all comments of one author."""

    approved: int
    held: int
    rejected: int
    removed: int


class By(Struct, frozen=True, kw_only=True):
    """A moderator by name, or a version of the policy."""

    moderator: str | None
    policy: int | None


class HistoryEntry(Struct, frozen=True, kw_only=True, rename={"before": "from", "after": "to"}):
    """One decision."""

    seq: int
    before: Status | None
    after: Status
    by: By
    reason: str | None
    note: str | None
    at: datetime


class ExaminedComment(QueuedComment, frozen=True, kw_only=True):
    """One comment with all that is known of it."""

    policy_version: int
    author_record: Record
    history: list[HistoryEntry]


class DecisionItem(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to do with a comment; with `expected`, only while the comment has that status."""

    comment: UUID
    action: Action
    expected: Status | None = None
    reason: Annotated[str, Meta(max_length=100)] | None = None
    note: Annotated[str, Meta(max_length=1000)] | None = None


class NewDecisions(Struct, frozen=True, forbid_unknown_fields=True):
    """Up to a hundred decisions, carried out one by one."""

    decisions: Annotated[list[DecisionItem], Meta(min_length=1, max_length=100)]


class DecisionResult(Struct, frozen=True, kw_only=True):
    """What became of one decision: the status now, and a problem when it was not carried out."""

    comment: UUID
    status: Status | None
    error: dict[str, Any] | None


class DecisionsReply(Struct, frozen=True):
    """The results, in the order of the decisions."""

    results: list[DecisionResult]


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
        response = wire.reply(_session(holder), status=201)
        response.set_cookie(
            wire.COOKIE,
            secret,
            path="/v1/desk",
            max_age=int(SESSION.total_seconds()),
            httponly=True,
            samesite="Strict",
            secure=request.secure or request.url.raw_host not in LOOPBACK,
        )
        return response

    async def session(self, _request: web.Request, holder: Holder) -> web.Response:
        """Say who is signed in."""
        return wire.reply(_session(holder))

    async def sign_out(self, request: web.Request, _holder: Holder) -> web.Response:
        """End the session."""
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
                comments=[_queued(comment) for comment in comments],
                next=f"{after.comment}~{after.risk}" if after else None,
            )
        )

    async def comment(self, request: web.Request, holder: Holder) -> web.Response:
        """Show one comment with its findings, its author's record and its history."""
        comment, history = await self._moderators.examine(holder.site_id, _comment_id(request))
        return wire.reply(
            ExaminedComment(
                **msgspec.structs.asdict(_queued(comment)),
                policy_version=comment.policy_version,
                author_record=Record(
                    approved=comment.approved, held=comment.held, rejected=comment.rejected, removed=comment.removed
                ),
                history=[_entry(decision) for decision in history],
            )
        )

    async def decide(self, request: web.Request, holder: Holder) -> web.Response:
        """Approve, reject, remove or restore comments; each is answered for itself."""
        given = await wire.read_body(request, NewDecisions, DECISIONS_BYTES)
        return wire.reply(DecisionsReply([await self._decide(item, holder) for item in given.decisions]))

    async def _decide(self, item: DecisionItem, holder: Holder) -> DecisionResult:
        reason, note = canonical(item.reason or "") or None, canonical(item.note or "") or None
        try:
            status = await self._moderators.decide(holder, item.comment, rule(item.action, item.expected, reason, note))
        except Refusal as refusal:
            if refusal.status >= web.HTTPInternalServerError.status_code:
                raise
            error = wire.describe(refusal)
            if "latest" in refusal.members:
                error["latest"] = _entry(refusal.members["latest"])  # type: ignore[arg-type]  # rule puts it there
            return DecisionResult(comment=item.comment, status=refusal.members.get("current"), error=error)  # type: ignore[arg-type]  # same
        return DecisionResult(comment=item.comment, status=status, error=None)


def _session(holder: Holder) -> SessionReply:
    return SessionReply(moderator=Moderator(id=holder.id, name=holder.name), site=holder.site)


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
        return Place(UUID(comment), float(risk))
    except ValueError:
        raise Malformed.at("?after", "takes the `next` of the answer before") from None


def _queued(comment: Queued) -> QueuedComment:
    return QueuedComment(
        id=comment.id,
        page=comment.page,
        page_title=comment.page_title,
        author=Author(comment.author) if comment.author else None,
        body=comment.body,
        status=comment.status,
        submitted_at=comment.at,
        findings=[_finding(finding) for finding in comment.findings],
    )


def _finding(finding: Finding) -> FindingReply:
    return FindingReply(
        rule=finding.rule,
        effect=finding.effect,
        shadow=finding.shadow,
        failed=finding.failed,
        score=finding.score,
        spans=finding.spans,
        note=finding.note,
        message=for_moderator(finding),
    )


def _entry(decision: Decision) -> HistoryEntry:
    return HistoryEntry(
        seq=decision.seq,
        before=decision.from_status,
        after=decision.to_status,
        by=By(moderator=decision.moderator, policy=decision.policy),
        reason=decision.reason,
        note=decision.note,
        at=decision.at,
    )
