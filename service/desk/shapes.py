"""What moderators send, and what they are told."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from msgspec import Meta, Struct, convert
from msgspec.structs import asdict

from service.model import Action, Effect, Span, Status
from service.moderation.explain import for_moderator
from service.store.desk import Decision, Order
from service.wire import Author, Limit, SiteName, describe

if TYPE_CHECKING:
    from service.errors import Refusal
    from service.model import Finding
    from service.store.desk import Examined, Queued
    from service.store.identity import Holder

REASON = 100
NOTE = 1000
"""Code points; the database's checks hold the same numbers."""


class SignIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A name and a password."""

    name: Annotated[str, Meta(min_length=1, max_length=60)]
    password: Annotated[str, Meta(min_length=1, max_length=500)]
    site: SiteName = "default"


class Moderator(Struct, frozen=True, kw_only=True):
    """Who is signed in."""

    id: UUID
    name: str


class SessionReply(Struct, frozen=True, kw_only=True):
    """Who is signed in, and where."""

    moderator: Moderator
    site: str

    @classmethod
    def of(cls, holder: Holder) -> SessionReply:
        """Tell of who holds a session or a token."""
        return cls(moderator=Moderator(id=holder.id, name=holder.name), site=holder.site)


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

    @classmethod
    def of(cls, finding: Finding) -> FindingReply:
        """Tell of a finding."""
        return cls(**asdict(finding), message=for_moderator(finding))


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

    @classmethod
    def of(cls, comment: Queued) -> QueuedComment:
        """Tell of a comment in the queue."""
        return cls(
            id=comment.id,
            page=comment.page,
            page_title=comment.page_title,
            author=Author(comment.author) if comment.author else None,
            body=comment.body,
            status=comment.status,
            submitted_at=comment.at,
            findings=[FindingReply.of(finding) for finding in comment.findings],
        )


class QueueReply(Struct, frozen=True, kw_only=True):
    """Some of the comments; `total` is how many have the status, whatever was searched, 10,000 for more.

    A search looks at 10,000 comments, and `next` leads to those after them, even where none was found.
    """

    total: int
    comments: list[QueuedComment]
    next: str | None


class Record(Struct, frozen=True, kw_only=True):
    """What became of an author's last hundred comments; another address, or another month, is another author."""

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

    @classmethod
    def of(cls, decision: Decision) -> HistoryEntry:
        """Tell of a decision."""
        return cls(
            seq=decision.seq,
            before=decision.from_status,
            after=decision.to_status,
            by=By(moderator=decision.moderator, policy=decision.policy),
            reason=decision.reason,
            note=decision.note,
            at=decision.at,
        )


class ExaminedComment(QueuedComment, frozen=True, kw_only=True):
    """One comment with all that is known of it."""

    policy_version: int
    author_record: Record
    history: list[HistoryEntry]

    @classmethod
    def with_history(cls, comment: Examined, history: list[Decision]) -> ExaminedComment:
        """Tell of one comment."""
        return cls(
            **asdict(QueuedComment.of(comment)),
            policy_version=comment.policy_version,
            author_record=Record(
                approved=comment.approved, held=comment.held, rejected=comment.rejected, removed=comment.removed
            ),
            history=[HistoryEntry.of(decision) for decision in history],
        )


class DecisionItem(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to do with a comment; with `expected`, only while the comment has that status."""

    comment: UUID
    action: Action
    expected: Status | None = None
    reason: Annotated[str, Meta(max_length=REASON)] | None = None
    note: Annotated[str, Meta(max_length=NOTE)] | None = None


class NewDecisions(Struct, frozen=True, forbid_unknown_fields=True):
    """Up to a hundred decisions, carried out one by one."""

    decisions: Annotated[list[DecisionItem], Meta(min_length=1, max_length=100)]


class DecisionProblem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a decision was not carried out: a problem without `instance`, that being the request's."""

    type: str
    title: str
    status: int
    detail: str
    current: Status | None = None
    """What the comment is now."""
    latest: HistoryEntry | None = None
    """The decision that came first."""

    @classmethod
    def of(cls, refusal: Refusal) -> DecisionProblem:
        """Tell of a refusal that concerns one decision only."""
        latest = refusal.members.get("latest")
        told = {**describe(refusal), "latest": HistoryEntry.of(latest) if isinstance(latest, Decision) else None}
        return convert(told, cls)


class DecisionResult(Struct, frozen=True, kw_only=True):
    """What became of one decision: the status now, and a problem when it was not carried out."""

    comment: UUID
    status: Status | None
    error: DecisionProblem | None = None


class DecisionsReply(Struct, frozen=True):
    """The results, in the order of the decisions."""

    results: list[DecisionResult]
