"""The whole HTTP surface on one screen, and the OpenAPI document that is read off it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_type_hints

import msgspec

from service import __version__, errors, operators, readers
from service.desk import shapes
from service.wire import PROBLEM, Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from service.assets import Assets
    from service.desk import Desk

BROWSER = "text/html"
E = errors
READING = (E.Malformed, E.UnknownSite, E.Overloaded, E.DatabaseUnavailable)
WRITING = (*READING, E.PayloadTooLarge, E.UnsupportedMediaType, E.RateLimited)
MEMBER = (E.SignInRequired, E.Malformed, E.Overloaded, E.DatabaseUnavailable)
SUBMITTING = (
    *WRITING, E.OriginNotAllowed, E.PageClosed, E.CommentEmpty, E.CommentTooLong, E.CommentRejected,
    E.CommentDuplicate, E.ParentNotFound, E.IdempotencyKeyReused,
)  # fmt: skip
DECIDING = (*MEMBER, E.CrossSite, E.PayloadTooLarge, E.UnsupportedMediaType)


class Route(NamedTuple):
    """One method on one path: who may call it, what it takes, what it gives, how it can refuse."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    handler: Callable[..., Awaitable[web.StreamResponse]]
    access: Literal["pages", "visitors", "members", "anyone"]
    gives: dict[int, type | str | None]
    refuses: tuple[type[errors.Refusal], ...] = ()
    takes: type | None = None
    query: type | None = None


def table(page: readers.Readers, moderator: Desk, machine: operators.Operators, browser: Assets) -> tuple[Route, ...]:
    """Return every route.

    Access: `pages` of other origins may read the answer; `visitors` come from our own pages; `members` have signed
    in on them or carry a token; `anyone` is not asked.
    """
    r, d = readers, shapes
    return (
        Route("POST", "/v1/comments", page.submit, "pages", {201: r.NewCommentReply, 202: r.NewCommentReply}, SUBMITTING, takes=r.NewComment),
        Route("GET", "/v1/comments", page.thread, "pages", {200: r.ThreadReply, 304: None}, READING, query=r.ThreadQuery),
        Route("GET", "/v1/counts", page.counts, "pages", {200: r.CountsReply, 304: None}, READING, query=r.CountsQuery),

        Route("POST", "/v1/desk/session", moderator.sign_in, "visitors", {201: d.SessionReply}, (*WRITING, E.SignInFailed, E.CrossSite), takes=d.SignIn),
        Route("GET", "/v1/desk/session", moderator.session, "members", {200: d.SessionReply}, MEMBER),
        Route("DELETE", "/v1/desk/session", moderator.sign_out, "members", {204: None}, (*MEMBER, E.CrossSite)),
        Route("GET", "/v1/desk/queue", moderator.queue, "members", {200: d.QueueReply}, MEMBER, query=d.QueueQuery),
        Route("GET", "/v1/desk/comments/{comment}", moderator.comment, "members", {200: d.ExaminedComment}, (*MEMBER, E.NotFound)),
        Route("POST", "/v1/desk/decisions", moderator.decide, "members", {200: d.DecisionsReply}, DECIDING, takes=d.NewDecisions),

        Route("GET", "/health/live", machine.live, "anyone", {200: operators.Health}),
        Route("GET", "/health/ready", machine.ready, "anyone", {200: operators.Health}, (E.Overloaded, E.DatabaseUnavailable, E.SchemaMismatch)),
        Route("GET", "/metrics", machine.metrics, "anyone", {200: "text/plain"}, (E.OperatorsOnly,)),

        Route("GET", "/", browser.article, "anyone", {200: BROWSER, 304: None}),
        Route("GET", "/desk", browser.desk, "anyone", {200: BROWSER, 304: None}),
        Route("GET", "/docs", browser.docs, "anyone", {200: BROWSER, 304: None}),
        Route("GET", "/problems/{slug}", browser.problem, "anyone", {200: BROWSER, 304: None}, (E.NotFound,)),
        Route("GET", "/{file}", browser.file, "anyone", {200: "text/plain", 304: None}, (E.NotFound,)),
    )  # fmt: skip  # one line each, to be read as a table


def openapi(routes: tuple[Route, ...]) -> bytes:
    """Return the OpenAPI 3.1 document of the routes that programs call, as JSON."""
    described = [route for route in routes if BROWSER not in route.gives.values() and route.path != "/{file}"]
    used = {shape for route in described for shape in (route.takes, *route.gives.values()) if isinstance(shape, type)}
    ordered = sorted(used | {Problem}, key=lambda shape: shape.__name__)
    _, components = msgspec.json.schema_components(ordered, ref_template="#/components/schemas/{name}")
    slugs = [f"/problems/{refusal.slug}" for refusal in errors.REFUSALS]
    for problem in (Problem, shapes.DecisionProblem):
        components[problem.__name__]["properties"]["type"]["enum"] = slugs
    paths: dict[str, dict[str, Any]] = {}
    for route in described:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Trecento", "version": __version__, "license": {"name": "MIT", "identifier": "MIT"}},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": "trecento_session"},
                "token": {"type": "http", "scheme": "bearer"},
            },
        },
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=1)


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{type(route.handler.__self__).__name__.lower()}_{route.handler.__name__}",  # type: ignore[attr-defined]  # handlers are bound methods
        "summary": (inspect.getdoc(route.handler) or "").partition("\n")[0],
        "parameters": [*_in_path(route), *_in_query(route)],
        "responses": {
            **{str(status): _answer(shape) for status, shape in route.gives.items()},
            **_refusals(route),
        },
    }
    if route.takes is not None:
        schema = {"$ref": f"#/components/schemas/{route.takes.__name__}"}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    if route.takes is readers.NewComment:
        schema = {"type": "string", "pattern": "^[!-~]{1,200}$"}
        operation["parameters"].append({"name": "Idempotency-Key", "in": "header", "schema": schema})
    if route.access == "members":
        operation["security"] = [{"session": []}, {"token": []}]
    return operation


def _in_path(route: Route) -> list[dict[str, Any]]:
    if "{comment}" not in route.path:
        return []
    return [{"name": "comment", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}]


def _in_query(route: Route) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    schema = next(iter(msgspec.json.schema(route.query)["$defs"].values()))
    return [
        {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": schema["properties"][name]}
        for name in get_type_hints(route.query)
    ]  # fmt: skip


def _answer(shape: type | str | None) -> dict[str, Any]:
    if shape is None:
        return {"description": "Nothing."}
    if isinstance(shape, str):
        return {"description": "A text.", "content": {shape: {"schema": {"type": "string"}}}}
    reference = {"schema": {"$ref": f"#/components/schemas/{shape.__name__}"}}
    return {"description": inspect.getdoc(shape) or "", "content": {"application/json": reference}}


def _refusals(route: Route) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    content = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for refusal in sorted(route.refuses, key=lambda refusal: (refusal.status, refusal.slug)):
        line = f"`{refusal.slug}`: {refusal.explanation()}"
        answer = answers.setdefault(str(refusal.status), {"description": "", "content": content})
        answer["description"] = f"{answer['description']}\n\n{line}".strip()
        if refusal.status in {E.RateLimited.status, E.Overloaded.status}:
            answer["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
    return answers
