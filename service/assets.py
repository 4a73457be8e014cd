"""What browsers load: the page scripts, the demo article, the desk, the documents, and problems explained."""

from __future__ import annotations

import html
import re
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from service import wire
from service.errors import REFUSALS, NotFound

if TYPE_CHECKING:
    from aiohttp import web

STATIC = Path(__file__).parent / "static"
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
PAGE_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:;"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
}
SCRIPT_HEADERS = {
    "Cache-Control": "public, max-age=300, stale-while-revalidate=86400, stale-if-error=86400",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
PROBLEM = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<link rel="stylesheet" href="/docs.css">
<main>
<p>Problem <code>$slug</code>, status $status</p>
<h1>$title</h1>
<p>$detail</p>
<p><a href="/docs">All requests and answers</a></p>
</main>
</html>
""")


class Assets:
    """Handlers for files, which are read once."""

    def __init__(self) -> None:
        self._files = {path.name: path.read_bytes() for path in STATIC.iterdir() if path.suffix in TYPES}
        self._problems = {
            refusal.slug: PROBLEM.substitute(
                slug=refusal.slug,
                status=refusal.status,
                title=html.escape(refusal.title),
                detail=re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(refusal.explanation())),
            ).encode()
            for refusal in REFUSALS
        }

    async def article(self, request: web.Request) -> web.Response:
        """Show the demo article."""
        return wire.cached(request, self._files["article.html"], "text/html", PAGE_HEADERS)

    async def desk(self, request: web.Request) -> web.Response:
        """Show the moderators' desk."""
        return wire.cached(request, self._files["desk.html"], "text/html", PAGE_HEADERS)

    async def docs(self, request: web.Request) -> web.Response:
        """Show every request and answer, read off the OpenAPI document."""
        return wire.cached(request, self._files["docs.html"], "text/html", PAGE_HEADERS)

    async def problem(self, request: web.Request) -> web.Response:
        """Explain a problem to a person."""
        page = self._problems.get(request.match_info["slug"])
        if page is None:
            raise NotFound
        return wire.cached(request, page, "text/html", PAGE_HEADERS)

    async def file(self, request: web.Request) -> web.Response:
        """Give a script or a style sheet."""
        name = request.match_info["file"]
        kind = TYPES.get(Path(name).suffix)
        if kind is None or kind == "text/html" or name not in self._files:
            raise NotFound
        return wire.cached(request, self._files[name], kind, SCRIPT_HEADERS)
