"""From bytes to shapes and back: JSON bodies, query strings, problem documents, cached answers."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_origin, get_type_hints

import msgspec
from aiohttp import web

from service.errors import Malformed, PayloadTooLarge, Refusal, SignInRequired, UnsupportedMediaType
from service.moderation.text import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")
JSON = "application/json"
PROBLEM = "application/problem+json"
BODY_SECONDS = 30
PATIENCE_BYTES = 16 * 2**20
"""What is read of a body that is too large, so that its sender is there to hear so."""
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
SHARED_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Retry-After, X-Request-Id",
}
ENCODER = msgspec.json.Encoder()
NAMES = re.compile(rb'"([^"]*+)"\s*+:')
ADDRESS = web.RequestKey("address", str)
"""The address of the client, as far as proxies can be believed."""
REQUEST_ID = web.RequestKey("request_id", str)
"""What the log and a problem name a request by."""

SiteName = Annotated[str, msgspec.Meta(pattern="^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
Limit = Annotated[int, msgspec.Meta(ge=1, le=100)]
COOKIE = "trecento_session"


class Author(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who a comment is signed by."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A problem document (RFC 9457); a type may add members of its own."""

    type: str
    title: str
    status: int
    detail: str
    instance: str


async def read_body(request: web.Request, shape: type[T], limit: int) -> T:
    """Decode a JSON body into a shape.

    Raises UnsupportedMediaType, PayloadTooLarge over `limit` bytes, or Malformed with a pointer to the place.
    """
    if request.content_type != JSON or request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaType(headers={"Accept-Encoding": "identity"})
    received = await _receive(request, limit)
    try:
        decoded = msgspec.json.decode(received, type=shape)
        _check_names(received)
    except msgspec.ValidationError as error:
        raise malformed(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Malformed("The body is not JSON in UTF-8.") from None
    return decoded


def _check_names(document: bytes) -> None:
    """Refuse a member that stands twice in one object.

    Where nothing is escaped, every name is seen by its quotes and colon; only if one is seen twice is it worth while to
    ask in which object.
    """
    names = NAMES.findall(document)
    if b"\\" in document or len(set(names)) != len(names):
        json.loads(document, object_pairs_hook=_once)


async def _receive(request: web.Request, limit: int) -> bytes:
    if request.content.is_eof() and request.content.exception() is None:  # it came along with the headers
        whole = request.content.read_nowait()
        if len(whole) > limit:
            raise PayloadTooLarge(limit=limit)
        return whole
    received = bytearray()
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.content.iter_any():
                size += len(chunk)
                if size <= limit:
                    received += chunk
                elif size > PATIENCE_BYTES:
                    break
    except TimeoutError:
        late = f"The body did not arrive within {BODY_SECONDS} seconds."
        raise Malformed(late, headers={"Connection": "close"}) from None
    except (web.RequestPayloadError, ConnectionError):
        broken = {"Connection": "close"}  # nobody can tell where the next request would start
        raise Malformed("The body broke off, or is not sent as its headers say.", headers=broken) from None
    if size > limit:
        raise PayloadTooLarge(limit=limit)
    return bytes(received)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Malformed.at(f"/{twice}", "stands twice in one object")
    return members


def malformed(error: msgspec.ValidationError) -> Malformed:
    """Return the problem for a value of another form than its place takes."""
    detail, _, path = str(error).partition(" - at `$")
    pointer = re.sub(r"\.|\[", "/", path.rstrip("`").replace("]", "")) if path else ""
    return Malformed.at(pointer, detail)


def read_query(request: web.Request, shape: type[T]) -> T:
    """Decode the query string into a shape; a parameter of the shape may come twice only where it takes many.

    Parameters that the shape does not know are left alone: pages add their own against caches.

    Raises Malformed.
    """
    values: dict[str, object] = {}
    for name, hint in get_type_hints(shape).items():
        given = request.query.getall(name, [])
        if "\ufffd" in "".join(given):
            raise Malformed.at(f"?{name}", "is not UTF-8")
        if get_origin(hint) is tuple:
            values[name] = given
        elif len(given) > 1:
            raise Malformed.at(f"?{name}", "was given more than once")
        elif given:
            values[name] = given[0]
    try:
        return msgspec.convert(values, shape, strict=False)
    except msgspec.ValidationError as error:
        detail, _, path = str(error).partition(" - at `$.")
        raise Malformed.at(f"?{re.split(r'[`.[]', path)[0]}", detail) from None


def reply(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return a value as JSON."""
    return web.Response(body=ENCODER.encode(value), status=status, content_type=JSON, headers=headers)


def problem(refusal: Refusal, instance: str) -> web.Response:
    """Return a refusal as a problem document."""
    document = {**describe(refusal), "instance": instance}
    headers = {"Cache-Control": "no-store", **refusal.headers}
    if refusal.status == web.HTTPUnauthorized.status_code:
        headers["WWW-Authenticate"] = "Bearer"
    return web.Response(body=ENCODER.encode(document), status=refusal.status, content_type=PROBLEM, headers=headers)


def measured(text: str | None, limit: int, pointer: str) -> str | None:
    """Return a text in its canonical form, None when nothing of it can be seen.

    Raises Malformed when it is too long: a shape measures what was sent, and NFC makes some characters two or three.
    """
    form = canonical(text or "")
    if len(form) > limit:
        raise Malformed.at(pointer, f"has {len(form)} characters in its canonical form, {limit} at most")
    return form or None


def line(text: str | None) -> str | None:
    """Return a text of one line in its canonical form, None when nothing of it can be seen."""
    return canonical(" ".join(text.split())) or None if text else None


def describe(refusal: Refusal) -> dict[str, object]:
    """Return the members of a problem document, without the request it belongs to."""
    return {
        "type": f"/problems/{refusal.slug}",
        "title": refusal.title,
        "status": refusal.status,
        "detail": refusal.detail,
        **refusal.members,
    }


def cached(request: web.Request, body: bytes, content_type: str, headers: Mapping[str, str]) -> web.Response:
    """Return bytes with an entity tag, or 304 when the client has them (RFC 9110, section 13.1.2)."""
    tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    known = {part.strip().removeprefix("W/") for part in request.headers.get("If-None-Match", "").split(",")}
    if tag in known or "*" in known:
        return web.Response(status=304, headers={**headers, "ETag": tag})
    return web.Response(
        body=body,
        content_type=content_type,
        charset="utf-8" if content_type.startswith("text/") else None,
        headers={**headers, "ETag": tag},
    )


def secret_of(request: web.Request) -> str:
    """Return the token or the session that a request carries.

    Raises SignInRequired.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    secret = token.strip() if scheme.lower() == "bearer" else request.cookies.get(COOKIE)
    if not secret:
        raise SignInRequired
    return secret


def from_own_page(request: web.Request) -> bool:
    """Say whether a page of this service sent a request, or a client that names no page at all."""
    origin = request.headers.get("Origin")
    return origin is None or origin in {f"http://{request.host}", f"https://{request.host}"}
