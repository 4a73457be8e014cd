"""Page keys: one article, one key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.pages import MAX_BYTES, REMEMBERED, REMEMBERED_LENGTH, _remembered, canonical_page

SAME = "https://news.example/harbour?id=7"


@pytest.mark.parametrize(
    "written",
    [
        SAME,
        "  https://news.example/harbour?id=7\n",
        "HTTPS://News.Example/harbour?id=7",
        "https://news.example:443/harbour?id=7",
        "https://news.example:/harbour?id=7",
        "https://reader:secret@news.example/harbour?id=7",
        "https://news.example/harbour?id=7#comments",
        "https://news.example/harbour?utm_source=letter&id=7&utm_medium=mail",
        "https://news.example/harbour?id=7&fbclid=IwAR0&GCLID=x&_ga",
        "https://news.example/harbour?&id=7&&",
    ],
)
def test_one_article_has_one_key_however_its_address_is_written(written: str) -> None:
    assert canonical_page(written) == SAME


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("http://news.example", "http://news.example/"),
        ("http://news.example:80?utm_source=x", "http://news.example/"),
        ("http://news.example:443/", "http://news.example:443/"),
        ("https://news.example:80/", "https://news.example:80/"),
        ("https://[2001:DB8::1]:443/a", "https://[2001:db8::1]/a"),
        ("https://news.example/A/?B=C", "https://news.example/A/?B=C"),
        ("https://news.example/?id=7&ID=8&id=7", "https://news.example/?id=7&ID=8&id=7"),
        ("https://news.example/?myutm_source=1&gclidx=2", "https://news.example/?myutm_source=1&gclidx=2"),
        ("https://news.example/a?b=c?d#e?f", "https://news.example/a?b=c?d"),
        ("https://ZEITUNG-Ä.example/", "https://zeitung-Ä.example/"),
        ("ftp://news.example:21/a", "ftp://news.example:21/a"),
    ],
)
def test_an_address_keeps_what_tells_articles_apart(written: str, key: str) -> None:
    assert canonical_page(written) == key


@pytest.mark.parametrize(
    "opaque",
    [
        "demo:harbour-bridge",
        "42",
        "/harbour?utm_source=x#y",
        "News.Example/A",
        "mailto:A@B",
        "x://",
        "a b",
        "http://h:8x/",
        "http://@/A",
    ],
)
def test_anything_else_is_an_opaque_key_and_stays(opaque: str) -> None:
    assert canonical_page(opaque) == opaque


@pytest.mark.parametrize("nothing", ["", " ", "\t\r\n\f "])
def test_an_empty_key_is_refused(nothing: str) -> None:
    with pytest.raises(ValueError, match="is not empty"):
        canonical_page(nothing)


@pytest.mark.parametrize("bad", ["a\x00b", "a\nb", "a\x7f", "\x85", "\ud800", "https://news.example/#\x07"])
def test_control_characters_and_lone_surrogates_are_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="control characters"):
        canonical_page(bad)


def test_the_limit_counts_bytes_of_the_canonical_key() -> None:
    assert canonical_page("ü" * (MAX_BYTES // 2)) == "ü" * (MAX_BYTES // 2)
    assert canonical_page("https://news.example/?utm_source=" + "x" * 3000) == "https://news.example/"
    with pytest.raises(ValueError, match="at most 2048 bytes of UTF-8; this one has 2050"):
        canonical_page("ü" * (MAX_BYTES // 2 + 1))
    with pytest.raises(ValueError, match="at most 2048 bytes"):
        canonical_page("x" * 3 * 1024)


PIECES = st.sampled_from(
    [
        "http",
        "HTTPS",
        "://",
        ":",
        "80",
        "443",
        "@",
        "News.example",
        "/",
        "?",
        "&",
        "#",
        "utm_id=1",
        "Gclid",
        "=",
        "ü",
        " ",
    ]
)


def test_a_long_key_made_to_be_slow_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="at most 2048 bytes"):
        canonical_page("http://" + "a@:80" * 200_000)


@given(st.lists(PIECES, max_size=14).map("".join) | st.text(max_size=40))
def test_canonical_twice_is_canonical_once(key: str) -> None:
    try:
        once = canonical_page(key)
    except ValueError:
        return
    assert canonical_page(once) == once


def test_neither_many_keys_nor_long_ones_are_remembered() -> None:
    _remembered.cache_clear()
    long = "https://news.example/" + "x" * REMEMBERED_LENGTH
    assert canonical_page(long) == canonical_page(long) == long
    assert _remembered.cache_info().currsize == 0
    for number in range(REMEMBERED + 1):
        canonical_page(f"https://news.example/{number}")
    assert _remembered.cache_info().currsize == REMEMBERED
