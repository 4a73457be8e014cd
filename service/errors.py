"""Every way a request can be refused.

    Refusal                           (never raised itself)
    ├── Malformed                     400   what was sent is not of the form that was asked for
    ├── SignInRequired                401
    ├── SignInFailed                  401
    ├── OriginNotAllowed              403
    ├── CrossSite                     403
    ├── PageClosed                    403
    ├── OperatorsOnly                 403
    ├── NotFound                      404
    ├── UnknownSite                   404
    ├── MethodNotAllowed              405
    ├── CommentDuplicate              409
    ├── DecisionConflict              409
    ├── NothingToRestore              409
    ├── PayloadTooLarge               413
    ├── UnsupportedMediaType          415
    ├── CommentEmpty                  422
    ├── CommentTooLong                422
    ├── CommentRejected               422
    ├── ParentNotFound                422
    ├── IdempotencyKeyReused          422
    ├── RateLimited                   429
    ├── Internal                      500
    ├── Overloaded                    503
    ├── DatabaseUnavailable           503
    └── SchemaMismatch                503

The docstring of a class is the detail that is sent when an instance brings none, and the text that
`/problems/<slug>` shows to a person. Shapes follow RFC 9457.
"""

from __future__ import annotations

import inspect
import re
from typing import ClassVar


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """The request cannot be answered as it was asked.

    `members` are the problem document's extension members; `headers` go onto the answer.
    """

    slug: ClassVar[str]
    title: ClassVar[str]
    status: ClassVar[int]

    def __init__(self, detail: str = "", /, *, headers: dict[str, str] | None = None, **members: object) -> None:
        super().__init__(detail or self.explanation())
        self.detail = detail or self.explanation()
        self.headers = headers or {}
        self.members = members

    @classmethod
    def explanation(cls) -> str:
        """Return the docstring as one paragraph."""
        return re.sub(r"\s+", " ", inspect.getdoc(cls) or "")


class Malformed(Refusal):
    """What was sent is not of the form this address takes. `errors` points at the place."""

    slug, title, status = "malformed", "The request is malformed", 400

    @classmethod
    def at(cls, pointer: str, detail: str) -> Malformed:
        """Make the problem for one place, as a JSON pointer (RFC 6901) or `?name` of a query parameter."""
        return cls(f"{pointer or 'The document'}: {detail}", errors=[{"pointer": pointer, "detail": detail}])


class SignInRequired(Refusal):
    """This address is for signed-in moderators, or for a token made with `trecento token create`."""

    slug, title, status = "sign-in-required", "Sign in first", 401


class SignInFailed(Refusal):
    """No moderator of this site has this name and password."""

    slug, title, status = "sign-in-failed", "The sign-in failed", 401


class OriginNotAllowed(Refusal):
    """Pages of this origin may not write comments here. The site's operator adds an origin with `trecento site add`."""

    slug, title, status = "origin-not-allowed", "This origin may not write here", 403


class CrossSite(Refusal):
    """The desk takes requests from its own pages only."""

    slug, title, status = "cross-site", "The request came from another site", 403


class PageClosed(Refusal):
    """Comments on this page are closed."""

    slug, title, status = "page-closed", "Comments are closed", 403


class OperatorsOnly(Refusal):
    """This address answers the networks in `TRECENTO_METRICS_FROM` only, and nobody who comes through a proxy."""

    slug, title, status = "operators-only", "This is for operators", 403


class NotFound(Refusal):
    """There is nothing at this address."""

    slug, title, status = "not-found", "Not found", 404


class UnknownSite(Refusal):
    """No site of this name exists here. The operator makes one with `trecento site add`."""

    slug, title, status = "unknown-site", "There is no such site", 404


class MethodNotAllowed(Refusal):
    """This address takes other methods; the header `Allow` names them."""

    slug, title, status = "method-not-allowed", "The method is not allowed", 405


class CommentDuplicate(Refusal):
    """You have written this comment already."""

    slug, title, status = "comment-duplicate", "The comment was written before", 409


class DecisionConflict(Refusal):
    """The comment has changed since it was shown. `current` says what it is now, `latest` who decided so."""

    slug, title, status = "decision-conflict", "Somebody decided first", 409


class NothingToRestore(Refusal):
    """No moderator has decided on this comment, so there is nothing to undo."""

    slug, title, status = "nothing-to-restore", "There is nothing to undo", 409


class PayloadTooLarge(Refusal):
    """The body of the request is larger than this address takes; `limit` is the number of bytes."""

    slug, title, status = "payload-too-large", "The request is too large", 413


class UnsupportedMediaType(Refusal):
    """The body must be JSON, sent as `Content-Type: application/json` and not compressed."""

    slug, title, status = "unsupported-media-type", "The body is not JSON", 415


class CommentEmpty(Refusal):
    """A comment needs at least one character that can be seen."""

    slug, title, status = "comment-empty", "The comment is empty", 422


class CommentTooLong(Refusal):
    """A comment has at most 300 characters. `length` is how many were counted, `limit` how many may be."""

    slug, title, status = "comment-too-long", "The comment is too long", 422


class CommentRejected(Refusal):
    """The comment breaks a rule of this site and is not shown. `reasons` says which; moderators can overturn it."""

    slug, title, status = "comment-rejected", "The comment was not accepted", 422


class ParentNotFound(Refusal):
    """The comment that is answered is not, or no longer, shown on this page."""

    slug, title, status = "parent-not-found", "The comment to answer is not there", 422


class IdempotencyKeyReused(Refusal):
    """This `Idempotency-Key` came before with another body. A retry sends the same bytes, a new comment a new key."""

    slug, title, status = "idempotency-key-reused", "The idempotency key belongs to another request", 422


class RateLimited(Refusal):
    """Too many requests in a short time. The header `Retry-After` says, in seconds, when to try again."""

    slug, title, status = "rate-limited", "Too many requests", 429


class Internal(Refusal):
    """Something went wrong on our side. The operator finds it in the log by the id in `instance`."""

    slug, title, status = "internal", "Something went wrong", 500


class Overloaded(Refusal):
    """More arrives than can be stored right now. Nothing was stored; try again after `Retry-After` seconds."""

    slug, title, status = "overloaded", "The service is overloaded", 503


class DatabaseUnavailable(Refusal):
    """The database cannot be reached. Try again after `Retry-After` seconds, with the same `Idempotency-Key`."""

    slug, title, status = "database-unavailable", "The database is unavailable", 503


class SchemaMismatch(Refusal):
    """The database is at another version than the service: migrate it, or install the newer service."""

    slug, title, status = "schema-mismatch", "The database is of another version", 503


REFUSALS: tuple[type[Refusal], ...] = tuple(Refusal.__subclasses__())
"""Every refusal, in the order of the tree."""
