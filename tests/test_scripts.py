"""The page scripts weigh little, and measure and name things exactly as the service does."""

from __future__ import annotations

import gzip
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from playwright.sync_api import sync_playwright

import service
from service.model import LIMIT
from service.moderation.text import canonical
from service.pages import canonical_page
from tests import chromium

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Route

STATIC = Path(service.__file__).parent / "static"
KIB = 1024

Ask = Any
"""Calls a static function of the custom element with one text."""


@pytest.mark.parametrize(("name", "budget"), [("embed.js", 6 * KIB), ("count.js", 1 * KIB)])
def test_a_script_on_a_customers_page_keeps_its_budget(name: str, budget: int) -> None:
    assert len(gzip.compress((STATIC / name).read_bytes(), 9)) <= budget


class Strict(HTMLParser):
    """Notes everything that a strict Content-Security-Policy would stop."""

    def __init__(self) -> None:
        super().__init__()
        self.stopped: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        loads = [given[name] for name in ("src", "href") if name in given and tag not in {"a", "use"}]
        inline = tag == "style" or "style" in given or any(name.startswith("on") for name in given)
        if (
            inline
            or (tag == "script" and not given.get("src"))
            or any(not to.startswith(("/", "data:,")) for to in loads)
        ):
            self.stopped.append(self.get_starttag_text() or tag)


@pytest.mark.parametrize("page", sorted(STATIC.glob("*.html")), ids=lambda path: path.name)
def test_a_page_has_no_inline_script_or_style_and_loads_nothing_from_elsewhere(page: Path) -> None:
    parser = Strict()
    parser.feed(page.read_text(encoding="utf-8"))
    assert parser.stopped == []


def test_the_page_knows_the_same_limit() -> None:
    assert f"const LIMIT = {LIMIT};" in (STATIC / "embed.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def ask() -> Iterator[Callable[[str, str], str]]:
    script = (STATIC / "embed.js").read_text(encoding="utf-8")

    def serve(route: Route) -> None:
        if route.request.url.endswith("embed.js"):
            route.fulfill(body=script, content_type="text/javascript")
        else:
            route.fulfill(body="<head><script src=/embed.js></script></head>", content_type="text/html")

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.executable())
        page = browser.new_page()
        page.route("**/*", serve)
        page.goto("http://news.example/")

        def asking(function: str, text: str) -> str:
            # as JSON, because a lone surrogate would not survive the way into the browser
            call = f"text => customElements.get('trecento-comments').{function}(JSON.parse(text))"
            return str(page.evaluate(call, json.dumps(text)))

        yield asking
        browser.close()


AWKWARD = st.sampled_from(
    "\r\n\t\v\f\x00\x85\u2028\u2029 \xa0\u1680\u2000\u2003\u200a\u202f\u205f\u3000\u180e"  # breaks and spaces
    "\xad\u034f\u061c\u115f\u200b\u200e\u202a\u2060\u2066\u3164\ufeff\uffa0\ufff9"  # invisible
    "\u200c\u200d\U0001f468\U0001f469\u2764\ufe0f\u0646\u0915\u094d"  # joined and what they join
    "\U0001f3f4\U000e0067\U000e0062\U000e007f\U000e0100\u2800\u180b"  # flags, selectors, blanks
    "e\u0301\u0308\u0323\u1100\u1161\u11a8\u212b\u0958\ufb1d\U0001d15e"  # composed and decomposed
    "\ud800\udc00aZ!~.-<&\U0001f600"
)
# A code point that Python's tables do not know may be known to the browser's.
TEXTS = st.text(AWKWARD | st.characters(exclude_categories=["Cn"]), max_size=80)
SLOW = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SLOW
@example("a\u200d\u200cb \u200d\u200c\n\n\n\n  x \t\r\n\r\n\r\n")
@example("\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f \U000e0067")
@example("\u2800\ufe0f\u200d")
@example("\U0001f468\u200d\U0001f469\u200d\U0001f467" * 60)
@given(TEXTS)
def test_the_page_makes_the_same_canonical_text_as_the_service(ask: Ask, text: str) -> None:
    assert ask("canonical", text) == canonical(text)


PIECES = (
    "http HTTPS ftp :// : 80 443 @ News.Example [::A] / ? & # = a Ä \u212a tag=1"
    " utm_id=1 UTM_X fbclid gclid=2 igshid= mc_cid=1 _ga _gl=1 wbraid"
)
ADDRESSES = st.lists(st.sampled_from(PIECES.split()), max_size=16).map("".join)


@SLOW
@example("HTTPS://u:p@News.Example:443?utm_source=x&&ID=7#top")
@example(" \tdemo:harbour ")
@given(ADDRESSES | TEXTS)
def test_the_page_names_pages_as_the_service_does(ask: Ask, key: str) -> None:
    try:
        expected = canonical_page(key)
    except ValueError:
        return
    assert ask("canonicalPage", key) == expected
