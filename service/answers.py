"""Answers to pages as the bytes that are sent: written at once, or kept until what they were made of changes."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict, defaultdict
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Mapping

    from aiohttp.abc import AbstractStreamWriter

    from service.counts import Page

KEPT_BYTES = 64 * 2**20
"""Of answers and the addresses they answer, together; the longest unused go first."""
ADDRESS_BYTES = 16_384
"""The longest address whose answer is kept: a hundred pages fit."""
OVERHEAD = 1_000
"""What keeping one answer takes besides its bytes."""
PAGE_OVERHEAD = 600
"""What it takes to know for one of its pages that the answer tells of it."""


class Dates:
    """The header `Date` (RFC 9110, section 6.6.1), made once a second."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._second = -1
        self._line = b""

    def __call__(self) -> bytes:
        """Return the header line."""
        second = int(self._clock())
        if second != self._second:
            self._second = second
            self._line = f"Date: {formatdate(second, usegmt=True)}\r\n".encode()
        return self._line


class Bytes(web.StreamResponse):
    """A response that is there to the last byte but for its date; one object answers any number of requests."""

    def __init__(self, dates: Dates, status: int, head: bytes, body: bytes) -> None:
        super().__init__(status=status)
        length = b"Content-Length: %d\r\n" % len(body) if status != HTTPStatus.NOT_MODIFIED else b""
        self._dates = dates
        self._head = head + length
        self._rest = b"\r\n" + body
        self.size = len(self._head) + len(self._rest)

    @property
    def prepared(self) -> bool:
        """Nothing can be added."""
        return True

    @property
    def keep_alive(self) -> bool:
        """It is only sent where the connection stays open."""
        return True

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send everything."""
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError
        transport.write(b"".join((self._head, self._dates(), self._rest)))
        await request.writer.drain()  # whoever asks and asks and does not read is not answered any further
        return request.writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: everything has been sent."""


def head(status: HTTPStatus, headers: Mapping[str, str]) -> bytes:
    """Return the status line and these headers."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status.value} {status.phrase}\r\n{lines}".encode()


def goes_on(request: web.Request) -> bool:
    """Say whether the client may send its next request over the same connection without having asked for that."""
    return request.keep_alive and request.version.minor == 1


class Form:
    """What all answers of one kind say before their bodies."""

    def __init__(self, dates: Dates, status: HTTPStatus, headers: Mapping[str, str]) -> None:
        self._dates = dates
        self._status = status.value
        self._headers = headers
        self._head = head(status, headers)

    def filled(self, request: web.Request, body: bytes, more: Mapping[str, str]) -> web.StreamResponse:
        """Return the answer to one request, with headers that only this one has."""
        if not goes_on(request):
            return web.Response(status=self._status, body=body, headers={**self._headers, **more})
        lines = "".join(f"{name}: {value}\r\n" for name, value in more.items())
        return Bytes(self._dates, self._status, self._head + lines.encode(), body)


class Answer:
    """What is said to whoever asks for one address."""

    def __init__(self, dates: Dates, route: str, body: bytes, headers: Mapping[str, str]) -> None:
        self.route = route
        self.tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
        self._headers = {**headers, "ETag": self.tag}
        self._body = body
        self._whole = Bytes(dates, HTTPStatus.OK, head(HTTPStatus.OK, self._headers), body)
        self._unchanged = Bytes(dates, HTTPStatus.NOT_MODIFIED, head(HTTPStatus.NOT_MODIFIED, self._headers), b"")
        self.size = 2 * self._whole.size + self._unchanged.size + OVERHEAD

    def to(self, request: web.Request) -> web.StreamResponse:
        """Return the answer to one request, 304 when the client has it (RFC 9110, section 13.1.2)."""
        tags = request.headers.get("If-None-Match")
        unchanged = tags is not None and self._among(tags)
        if request.method == "GET" and goes_on(request):
            return self._unchanged if unchanged else self._whole
        if unchanged:
            return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=self._headers)
        return web.Response(body=self._body, headers=self._headers)

    def _among(self, tags: str) -> bool:
        return tags == self.tag or bool({part.strip().removeprefix("W/") for part in tags.split(",")} & {self.tag, "*"})


class Answers:
    """Answers by address; one goes when a page it tells of changes, and all when a change may have been missed."""

    def __init__(self, *, kept_bytes: int = KEPT_BYTES, dates: Dates | None = None) -> None:
        self._limit = kept_bytes
        self._dates = dates or Dates()
        self._kept: OrderedDict[str, tuple[Answer, Collection[Page]]] = OrderedDict()
        self._of: defaultdict[Page, set[str]] = defaultdict(set)
        self._making: dict[str, asyncio.Task[Answer]] = {}
        self.size = 0

    async def of(self, address: str, make: Callable[[], Coroutine[None, None, Answer]]) -> Answer:
        """Return the answer for an address; whoever asks while it is being made waits for the same one."""
        making = self._making.get(address)
        if making is None:
            making = asyncio.create_task(make())
            self._making[address] = making
            making.add_done_callback(lambda made: self._made(address, made))
        return await asyncio.shield(making)

    def get(self, address: str) -> Answer | None:
        """Return the answer that is kept for an address, path and query as they were sent."""
        kept = self._kept.get(address)
        if kept is None:
            return None
        self._kept.move_to_end(address)
        return kept[0]

    def made(self, route: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Return an answer that is not kept."""
        return Answer(self._dates, route, body, headers)

    def form(self, status: HTTPStatus, headers: Mapping[str, str]) -> Form:
        """Return what a kind of answers that are not kept say before their bodies."""
        return Form(self._dates, status, headers)

    def keep(self, address: str, answer: Answer, pages: Collection[Page]) -> None:
        """Give this answer to everybody who asks for the address, until one of the pages changes."""
        if len(address) > ADDRESS_BYTES:
            return
        self._remove(address)
        self._kept[address] = answer, pages
        self.size += _size(address, answer, pages)
        for page in pages:
            self._of[page].add(address)
        while self.size > self._limit:
            self._remove(next(iter(self._kept)))

    def drop(self, page: Page) -> None:
        """Forget what tells of a page; what is being made may be of before the change, so nobody joins it any more."""
        self._making.clear()
        for address in tuple(self._of.get(page, ())):
            self._remove(address)

    def clear(self) -> None:
        """Forget everything."""
        self._making.clear()
        self._kept.clear()
        self._of.clear()
        self.size = 0

    def _made(self, address: str, made: asyncio.Task[Answer]) -> None:
        if self._making.get(address) is made:
            del self._making[address]

    def _remove(self, address: str) -> None:
        kept = self._kept.pop(address, None)
        if kept is None:
            return
        answer, pages = kept
        self.size -= _size(address, answer, pages)
        for page in pages:
            self._of[page].discard(address)
            if not self._of[page]:
                del self._of[page]


def _size(address: str, answer: Answer, pages: Collection[Page]) -> int:
    return len(address) + answer.size + PAGE_OVERHEAD * len(pages)
