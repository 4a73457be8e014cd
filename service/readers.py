"""What article pages may ask: to submit a comment, to list a page's comments, to count those of many pages."""

from __future__ import annotations

import re
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

from aiohttp.http import SERVER_SOFTWARE
from msgspec import Meta, Struct

from service import wire
from service.comments import Submission
from service.counts import page
from service.errors import CommentDuplicate, CommentRejected, Malformed, OriginNotAllowed
from service.model import Span, Status
from service.moderation.explain import for_author
from service.pages import canonical_page
from service.wire import Author, Limit, SiteName

if TYPE_CHECKING:
    from aiohttp import web

    from service.answers import Answer, Answers
    from service.comments import Comments
    from service.judges import Judges
    from service.store.comments import Submitted
    from service.store.sites import Site

BODY_BYTES = 131_072
"""Enough for any comment of 300 characters, and for one far over that to be told its length."""

COUNTS_CACHE = "public, max-age=1, s-maxage=2, stale-while-revalidate=10, stale-if-error=86400"
UNSURE_CACHE = "public, max-age=0, stale-if-error=86400"
"""While changes may be missed: every count comes from storage, and should do so for the next reader too."""
SHOWN = {"Content-Type": wire.JSON, **wire.HEADERS, **wire.SHARED_HEADERS}
TITLE, NAME = 300, 60
"""Code points, as the tables hold them."""
IDEMPOTENCY_KEY = re.compile("[!-~]{1,200}")

PageKey = Annotated[str, Meta(min_length=1)]


class NewComment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A comment to submit."""

    page: PageKey
    body: str
    site: SiteName = "default"
    title: Annotated[str, Meta(max_length=TITLE)] | None = None
    author: Author | None = None
    parent: UUID | None = None


class Reason(Struct, frozen=True):
    """Why a comment waits or was refused, in words for its author, with the pieces of the text that it is about."""

    rule: str
    message: str
    spans: tuple[Span, ...]


class NewCommentReply(Struct, frozen=True, kw_only=True):
    """A stored comment; `count` is the number of comments that its page shows now."""

    id: UUID
    page: str
    parent: UUID | None
    author: Author | None
    body: str
    status: Status
    submitted_at: datetime
    count: int
    reasons: list[Reason]


class ThreadQuery(Struct, frozen=True, kw_only=True):
    """Which comments of which page."""

    page: PageKey
    site: SiteName = "default"
    sort: Literal["newest", "oldest"] = "newest"
    after: UUID | None = None
    limit: Limit = 50


class ThreadComment(Struct, frozen=True, kw_only=True):
    """A comment as everybody sees it."""

    id: UUID
    parent: UUID | None
    author: Author | None
    body: str
    submitted_at: datetime


class ThreadReply(Struct, frozen=True, kw_only=True):
    """Comments of a page; `next` goes into `after` for the ones that follow."""

    page: str
    count: int
    comments: list[ThreadComment]
    next: UUID | None


class CountsQuery(Struct, frozen=True, kw_only=True):
    """Up to 100 pages."""

    page: Annotated[tuple[PageKey, ...], Meta(min_length=1, max_length=100)]
    site: SiteName = "default"


class CountsReply(Struct, frozen=True):
    """How many comments each page shows, under the key that was asked for."""

    counts: dict[str, int]


class Readers:
    """Handlers for page scripts."""

    def __init__(self, comments: Comments, judges: Judges, answers: Answers) -> None:
        self._comments = comments
        self._judges = judges
        self._answers = answers
        headers = {**SHOWN, "Server": SERVER_SOFTWARE}
        self._shown = answers.form(HTTPStatus.CREATED, headers)
        self._waiting = answers.form(HTTPStatus.ACCEPTED, headers)

    async def submit(self, request: web.Request) -> web.StreamResponse:
        """Submit a comment: 201 when it is shown, 202 when a moderator looks at it first."""
        new = await wire.read_body(request, NewComment, BODY_BYTES)
        key = request.headers.get("Idempotency-Key")
        if key is not None:
            key = _idempotency_key(key)
        page = _page(new.page, "/page")
        court = await self._judges.of(new.site)
        check_origin(request, court.site)
        submitted = await self._comments.submit(
            court,
            Submission(
                page=page,
                title=wire.measured(wire.line(new.title), TITLE, "/title"),
                author=wire.measured(wire.line(new.author.name), NAME, "/author/name") if new.author else None,
                body=new.body,
                parent=new.parent,
                address=request[wire.ADDRESS],
                idempotency_key=key,
                request=wire.ENCODER.encode(new) if key else b"",
            ),
        )
        stored = told(submitted, request.headers.get("Accept-Language", "").partition(",")[0].strip())
        form = self._shown if submitted.status == "approved" else self._waiting
        return form.filled(request, wire.ENCODER.encode(stored), {"X-Request-Id": request[wire.REQUEST_ID]})

    async def thread(self, request: web.Request) -> web.StreamResponse:
        """List the comments of a page, newest or oldest first."""
        answer = await self._answers.of(request.raw_path, lambda: self._thread(request))
        return answer.to(request)

    async def _thread(self, request: web.Request) -> Answer:
        query = wire.read_query(request, ThreadQuery)
        key = _page(query.page, "?page")
        site = (await self._judges.of(query.site)).site.id
        thread = await self._comments.thread(site, key, query.sort, query.after, query.limit)
        found = ThreadReply(
            page=key,
            count=thread.approved,
            comments=[
                ThreadComment(
                    id=comment.id,
                    parent=comment.parent,
                    author=Author(comment.author) if comment.author else None,
                    body=comment.body,
                    submitted_at=comment.at,
                )
                for comment in thread.comments
            ],
            next=thread.after,
        )
        answer = self._answers.made("/v1/comments", wire.ENCODER.encode(found), {**SHOWN, "Cache-Control": "no-cache"})
        if thread.lasting:
            self._answers.keep(request.raw_path, answer, [page(site, key)])
        return answer

    async def counts(self, request: web.Request) -> web.StreamResponse:
        """Count the comments of up to 100 pages."""
        query = wire.read_query(request, CountsQuery)
        keys = {asked: _page(asked, "?page") for asked in query.page}
        site = (await self._judges.of(query.site)).site.id
        counts, lasting = await self._comments.counts(site, list(set(keys.values())))
        found = CountsReply({asked: counts[key] for asked, key in keys.items()})
        caching = COUNTS_CACHE if lasting else UNSURE_CACHE
        answer = self._answers.made("/v1/counts", wire.ENCODER.encode(found), {**SHOWN, "Cache-Control": caching})
        if lasting:
            self._answers.keep(request.raw_path, answer, {page(site, key) for key in keys.values()})
        return answer.to(request)


def told(submitted: Submitted, language: str) -> NewCommentReply:
    """Return what is said of a stored comment, with reasons in the author's language where there are sentences in it.

    Raises CommentDuplicate when nothing but the rule against repeating oneself rejects it, CommentRejected when any
    other does.
    """
    counting = [finding for finding in submitted.findings if not finding.shadow and finding.effect != "pass"]
    reasons = [Reason(finding.rule, for_author(finding, language), finding.spans) for finding in counting]
    if submitted.status == "rejected":
        rules = {finding.rule for finding in counting if finding.effect == "reject"}
        refusal = CommentDuplicate if rules == {"duplicate"} else CommentRejected
        raise refusal(comment=submitted.id, reasons=reasons)
    return NewCommentReply(
        id=submitted.id,
        page=submitted.page,
        parent=submitted.parent,
        author=Author(submitted.author) if submitted.author else None,
        body=submitted.body,
        status=submitted.status,
        submitted_at=submitted.at,
        count=submitted.count,
        reasons=reasons,
    )


def check_origin(request: web.Request, site: Site) -> None:
    """Let pages of this service and of the site's origins write, and clients that are no browser.

    Raises OriginNotAllowed.
    """
    origin = request.headers.get("Origin")
    if origin is None or origin in site.origins or "*" in site.origins or wire.from_own_page(request):
        return
    raise OriginNotAllowed


def _page(key: str, pointer: str) -> str:
    try:
        return canonical_page(key)
    except ValueError as error:
        raise Malformed.at(pointer, str(error)) from None


def _idempotency_key(value: str) -> str:
    if not IDEMPOTENCY_KEY.fullmatch(value):
        raise Malformed("Idempotency-Key takes 1 to 200 visible ASCII characters.")
    return value
