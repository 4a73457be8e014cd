"""What is asked: the same work in the words of each service, as requests that are there to the last byte."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from service.model import Policy
from service.moderation.judge import Judge
from service.wordlists import load as words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NEWS = Path(__file__).parents[1] / "news.txt"
PAGES = 200
"""Articles that are asked for."""
LENGTH = 120
"""Characters of a comment."""
MARK = "%04d by %04d by %04d"
"""What makes each comment another text: a number in pieces, as C and Lua write it, before its digits become letters."""
LETTERS = "djlmpqvwxz"
"""For digits, which would be looked at as telephone numbers and as letters in disguise."""
PIECE = 10_000
FACTOR, ADDED = 7919, 1234
"""Make another piece of each, seldom one with the same letter in a row, which would be looked at as stretched."""
AS_LETTERS = str.maketrans("0123456789", LETTERS)
TEXTS = 2000
TYPOGRAPHIC = 10
"""One text in so many has the apostrophe and the dash that telephones write, which are not ASCII."""
TOGETHER = 30
"""Pages whose counts one request asks for."""
READERS = 5_000
"""Addresses the comments come from, as a proxy in front would name them."""
TITLES = {
    "post": f"POST a comment of {LENGTH} characters, durable",
    "one": "count of one page",
    "thirty": f"counts of {TOGETHER} pages",
    "list": "list of a page with 50 comments",
    "mixed": "19 lists to 1 post, over the same pages",
}
"""Reads come first: what is written makes the lists of those after it longer."""
EVERY = {"post": 1, "mixed": 20}
"""One request in so many writes."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """Requests to be sent again and again; a written one has a number between its two parts, each time another."""

    reads: tuple[bytes, ...] = ()
    writes: tuple[tuple[bytes, bytes], ...] = ()
    every: int = 0
    """One request in so many writes; 0 for none."""

    def requests(self, start: int) -> Iterator[bytes]:
        """Give requests without end; numbers begin at `start`."""
        sent = reads = writes = 0
        while True:
            sent += 1
            if self.every and sent % self.every == 0:
                before, after = self.writes[writes % len(self.writes)]
                yield b"%b%b%b" % (before, mark(start + writes).encode(), after)
                writes += 1
            else:
                yield self.reads[reads % len(self.reads)]
                reads += 1


def mark(number: int) -> str:
    """Return a number as it stands in a comment."""
    rest, last = divmod(number, PIECE)
    pieces = (*divmod(rest, PIECE), last)
    return (MARK % tuple((piece * FACTOR + ADDED) % PIECE for piece in pieces)).translate(AS_LETTERS)


HERE = "#" * len(mark(0))
"""Where the number goes."""


@cache
def texts() -> list[str]:
    """Return beginnings of comments that no rule of text speaks against, each to be followed by a number."""
    chance = random.Random(300)
    lines = NEWS.read_text(encoding="utf-8").splitlines()
    phrases = [line for line in lines if line and not line.startswith("#") and line.isascii()]
    judge = Judge(Policy(), words())
    found: list[str] = []
    while len(found) < TEXTS:
        text = ", ".join(chance.sample(phrases, 5)).capitalize()
        if len(found) % TYPOGRAPHIC == 0:
            text = text.replace(", ", " \N{EM DASH} it\N{RIGHT SINGLE QUOTATION MARK}s said ", 1)
        text = text[: LENGTH - len(HERE) - 1] + " "
        if judge.judge(text + mark(0)).status == "approved":
            found.append(text)
    return found


def pages(number: int) -> list[str]:
    """Return the addresses of articles."""
    return [f"https://news.example/0/article-{page}" for page in range(number)]


def get(host: str, path: str) -> bytes:
    """Return a request without a body."""
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()


def post(host: str, path: str, document: object, more: str = "") -> bytes:
    """Return a request with a JSON body."""
    body = json.dumps(document, ensure_ascii=False).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\n{more}Content-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def split(request: bytes) -> tuple[bytes, bytes]:
    """Return what stands before and after the number of a request."""
    before, _, after = request.partition(HERE.encode())
    return before, after


def trecento(host: str, name: str, keys: list[str], prefix: str = "/v1") -> Load:
    """Return a work for our service, or under another prefix for the bare server."""
    if name in {"one", "thirty"}:
        width = 1 if name == "one" else TOGETHER
        asked = [[("page", keys[(first + more) % len(keys)]) for more in range(width)] for first in range(len(keys))]
        return Load(reads=tuple(get(host, f"{prefix}/counts?{urlencode(query)}") for query in asked))
    lists = tuple(get(host, f"{prefix}/comments?{urlencode({'page': key})}") for key in keys)
    if name == "list":
        return Load(reads=lists)
    return Load(reads=lists, every=EVERY[name], writes=_writes(keys, lambda key, text, address: post(
        host, f"{prefix}/comments", {"page": key, "body": text}, f"X-Forwarded-For: {address}\r\n",
    )))  # fmt: skip


def isso(host: str, name: str, keys: list[str]) -> Load:
    """Return a work for Isso, whose pages are paths."""
    paths = [f"/article-{place}" for place in range(len(keys))]
    if name in {"one", "thirty"}:
        width = 1 if name == "one" else TOGETHER
        asked = [[paths[(first + more) % len(paths)] for more in range(width)] for first in range(len(paths))]
        return Load(reads=tuple(post(host, "/count", query) for query in asked))
    lists = tuple(get(host, f"/?uri={quote(path, safe='')}&limit=50") for path in paths)
    if name == "list":
        return Load(reads=lists)
    return Load(reads=lists, every=EVERY[name], writes=_writes(paths, lambda path, text, _: post(
        host, f"/new?uri={quote(path, safe='')}", {"text": text, "title": path},
    )))  # fmt: skip


def _writes(keys: list[str], write: Callable[[str, str, str], bytes]) -> tuple[tuple[bytes, bytes], ...]:
    beginnings = texts()
    return tuple(
        split(
            write(
                keys[number % len(keys)],
                beginnings[number % len(beginnings)] + HERE,
                f"198.18.{number // 250}.{number % 250}",
            )
        )
        for number in range(READERS)
    )
