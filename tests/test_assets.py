"""What browsers load."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import pytest
from yarl import URL

from service.assets import STATIC, TYPES
from service.errors import REFUSALS

if TYPE_CHECKING:
    from tests.conftest import Service

PAGES = ("/", "/desk", "/docs", "/problems/malformed")
SCRIPTS = ("/embed.js", "/count.js", "/desk.js", "/desk.css", "/docs.css", "/article.js")


async def test_pages_may_load_and_run_nothing_but_our_own(service: Service) -> None:
    for path in PAGES:
        answer = await service.ask("GET", path)
        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8"), path
        policy = dict(rule.strip().partition(" ")[::2] for rule in answer.headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["script-src"] == policy["connect-src"] == "'self'"
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert "http" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-cache"
        text = answer.body.decode()
        for forbidden in ("<style", "style=", "onclick=", "onload=", "javascript:", "//cdn"):
            assert forbidden not in text, (path, forbidden)
        assert "<script>" not in text


async def test_scripts_may_be_loaded_by_pages_of_any_site(service: Service) -> None:
    for path in SCRIPTS:
        answer = await service.ask("GET", path)
        kind = "text/javascript" if path.endswith(".js") else "text/css"
        assert (answer.status, answer.headers["Content-Type"]) == (200, f"{kind}; charset=utf-8"), path
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"].startswith("public, max-age=")
        assert answer.body == (STATIC / path.strip("/")).read_bytes()


async def test_what_a_browser_has_is_not_sent_again(service: Service) -> None:
    for path in (*PAGES, *SCRIPTS, "/openapi.json"):
        tag = (await service.ask("GET", path)).headers["ETag"]
        for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again = await service.ask("GET", path, headers={"If-None-Match": known})
            assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag), (path, known)
        for other in ('"other"', tag.strip('"'), ""):
            assert (await service.ask("GET", path, headers={"If-None-Match": other})).status == 200, (path, other)
        head = await service.ask("HEAD", path)
        assert (head.status, head.body, head.headers["ETag"]) == (200, b"", tag), path


@pytest.mark.parametrize("prefix", ["", "problems/"])
async def test_nothing_else_can_be_read(service: Service, prefix: str) -> None:
    for name in (
        "desk.html",
        "article.html",
        "..%2fassets.py",
        "..%2F..%2Fpyproject.toml",
        "%2e%2e%2fassets.py",
        "..%5cassets.py",
        "%2fetc%2fpasswd",
        "..",
        "../assets.py",
        "static%2fembed.js",
        "embed.js%00",
        "embed.js%00.css",
        "EMBED.JS",
        ".js",
        "%",
        "%ff",
        "x" * 5000,
    ):
        async with service.session.get(URL(f"{service.origin}/{prefix}{name}", encoded=True)) as answer:
            assert answer.status == 404, name
            assert answer.content_type == "application/problem+json"
            assert (await answer.json(content_type=None))["type"] == "/problems/not-found"


async def test_everything_in_the_folder_is_served_or_a_page(service: Service) -> None:
    for path in STATIC.iterdir():
        assert path.suffix in TYPES, path
        if path.suffix != ".html":
            assert (await service.ask("GET", f"/{path.name}")).status == 200


async def test_a_problem_is_explained_to_a_person(service: Service) -> None:
    for refusal in REFUSALS:
        text = (await service.ask("GET", f"/problems/{refusal.slug}")).body.decode()
        assert f"<title>{escape(refusal.title)}</title>" in text
        assert escape(refusal.explanation()).replace("`", "") in text.replace("<code>", "").replace("</code>", "")
        assert "`" not in text
        assert f"<code>{refusal.slug}</code>, status {refusal.status}" in text
