"""From bytes to shapes and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

import msgspec
import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from service import wire
from service.errors import Malformed, NotFound, RateLimited, SignInFailed, SignInRequired
from service.moderation.text import canonical

if TYPE_CHECKING:
    from aiohttp import web


class Inner(Struct, forbid_unknown_fields=True):
    name: Annotated[str, Meta(max_length=3)]


class Outer(Struct, forbid_unknown_fields=True):
    items: list[Inner]
    inner: Inner | None = None


class Query(Struct):
    page: Annotated[tuple[Annotated[str, Meta(min_length=1)], ...], Meta(min_length=1)]
    sort: Literal["a", "b"] = "a"
    limit: Annotated[int, Meta(ge=1, le=9)] = 5
    after: UUID | None = None


def asked(path: str = "/", **headers: str) -> web.Request:
    return make_mocked_request("GET", path, {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ("7", ""),
        ("{}", ""),
        ('{"items": 7}', "/items"),
        ('{"items": [7]}', "/items/0"),
        ('{"items": [{"name": "a"}, {"name": "long"}]}', "/items/1/name"),
        ('{"items": [{"name": "a", "x": 1}]}', "/items/0"),
        ('{"items": [], "inner": {"name": 7}}', "/inner/name"),
    ],
)
def test_a_wrong_place_is_a_json_pointer(document: str, pointer: str) -> None:
    with pytest.raises(msgspec.ValidationError) as error:
        msgspec.json.decode(document, type=Outer)
    refusal = wire.malformed(error.value)
    [place] = json.loads(msgspec.json.encode(refusal.members["errors"]))
    assert place["pointer"] == pointer
    assert place["detail"]
    assert "$" not in place["detail"]


def test_a_query_is_read_into_its_shape() -> None:
    query = wire.read_query(asked("/?page=a&page=b%20c&limit=7&sort=b&unknown=1&unknown=2"), Query)
    assert query == Query(page=("a", "b c"), limit=7, sort="b")
    assert wire.read_query(asked("/?page=a"), Query) == Query(page=("a",))


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("/", "?page"),
        ("/?page=", "?page"),
        ("/?page=a&page=", "?page"),
        ("/?page=%ff", "?page"),
        ("/?page=a&sort=c", "?sort"),
        ("/?page=a&sort=a&sort=b", "?sort"),
        ("/?page=a&limit=", "?limit"),
        ("/?page=a&limit=0", "?limit"),
        ("/?page=a&limit=10", "?limit"),
        ("/?page=a&after=7", "?after"),
    ],
)
def test_a_wrong_parameter_is_named(path: str, pointer: str) -> None:
    with pytest.raises(Malformed) as refusal:
        wire.read_query(asked(path), Query)
    [place] = json.loads(msgspec.json.encode(refusal.value.members["errors"]))
    assert place["pointer"] == pointer


def test_a_refusal_is_sent_with_everything_it_brings() -> None:
    refusal = RateLimited("Slower.", headers={"Retry-After": "7"}, limit=3)
    response = wire.problem(refusal, "urn:uuid:7")
    assert response.status == 429
    assert response.content_type == "application/problem+json"
    assert response.headers["Retry-After"] == "7"
    assert response.headers["Cache-Control"] == "no-store"
    assert isinstance(response.body, bytes)
    assert json.loads(response.body) == {
        "type": "/problems/rate-limited",
        "title": "Too many requests",
        "status": 429,
        "detail": "Slower.",
        "limit": 3,
        "instance": "urn:uuid:7",
    }


def test_who_must_sign_in_is_told_how() -> None:
    for refusal in (SignInRequired(), SignInFailed()):
        assert wire.problem(refusal, "").headers["WWW-Authenticate"] == "Bearer"  # RFC 9110, section 15.5.2
    assert "WWW-Authenticate" not in wire.problem(NotFound(), "").headers


@pytest.mark.parametrize(
    ("text", "line"),
    [(None, None), ("", None), (" \n\u200b", None), (" a\r\n\tb\u0000 ", "a b"), ("e\u0301", "é"), ("ok", "ok")],
)
def test_a_line_is_one_line(text: str | None, line: str | None) -> None:
    assert wire.line(text) == line


@given(st.text(max_size=20), st.integers(1, 20))
def test_what_was_measured_fits(text: str, limit: int) -> None:
    form = canonical(text)
    if len(form) <= limit:
        assert wire.measured(text, limit, "/note") == (form or None)
        return
    with pytest.raises(Malformed, match=f"^/note: has {len(form)} characters"):
        wire.measured(text, limit, "/note")


def test_what_is_known_is_not_sent_again() -> None:
    first = wire.cached(asked(), b"body", wire.JSON, {"X": "y"})
    tag = first.headers["ETag"]
    assert (first.status, first.body, first.headers["X"]) == (200, b"body", "y")
    assert wire.cached(asked(), b"other", wire.JSON, {}).headers["ETag"] != tag
    again = wire.cached(asked(If_None_Match=f'"a", W/{tag}'), b"body", wire.JSON, {"X": "y"})
    assert (again.status, again.body, again.headers["ETag"], again.headers["X"]) == (304, None, tag, "y")
    assert wire.cached(asked(If_None_Match=tag), b"other", wire.JSON, {}).status == 200


@pytest.mark.parametrize(
    ("origin", "own"),
    [
        (None, True),
        ("https://news.example", True),
        ("http://news.example", True),
        ("https://news.example:8443", False),
        ("https://news.example.evil.example", False),
        ("https://evil.example", False),
        ("ftp://news.example", False),
        ("news.example", False),
        ("http://[", False),
        ("null", False),
        ("", False),
    ],
)
def test_a_page_of_ours_has_the_host_that_was_asked(origin: str | None, *, own: bool) -> None:
    headers = {"Host": "news.example", **({} if origin is None else {"Origin": origin})}
    assert wire.from_own_page(make_mocked_request("POST", "/", headers)) is own


def test_a_secret_comes_in_a_header_or_in_a_cookie() -> None:
    assert wire.secret_of(asked(Authorization="Bearer 1.x")) == "1.x"
    assert wire.secret_of(asked(Cookie=f"{wire.COOKIE}=2.y")) == "2.y"
    assert wire.secret_of(asked(Authorization="Basic abc", Cookie=f"{wire.COOKIE}=2.y")) == "2.y"
    assert wire.secret_of(asked(Authorization="Bearer 1.x", Cookie=f"{wire.COOKIE}=2.y")) == "1.x"
    for headers in ({}, {"Authorization": "Bearer"}, {"Authorization": "Bearer  "}, {"Cookie": f"{wire.COOKIE}="}):
        with pytest.raises(SignInRequired):
            wire.secret_of(asked(**headers))
