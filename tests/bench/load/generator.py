"""Sends requests over plain sockets: as fast as they are answered, or at a rate that does not wait for answers."""

from __future__ import annotations

import gc
import random
import re
import select
import socket
from array import array
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import accumulate, repeat
from time import perf_counter
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

GRACE = 10.0
"""Seconds in which what was sent must be answered."""
INFINITE = 3600.0
SUCCESS = range(200, 300)
READ = 262_144
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)


@dataclass
class Result:
    """What became of the requests, in seconds."""

    latencies: array[float] = field(default_factory=lambda: array("d"))
    """Of each answer, since the request was to be sent."""
    late: array[float] = field(default_factory=lambda: array("d"))
    """How much later than intended a request left though a connection was free: what the generator itself adds."""
    bad: int = 0
    """Answers other than 2xx, connections that broke, and requests that were never answered."""
    seconds: float = 0.0

    @property
    def per_second(self) -> float:
        """Answers in a second."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """Return a latency in milliseconds."""
        return percentile(self.latencies, share)


def percentile(seconds: array[float], share: float) -> float:
    """Return the value that a share of all does not exceed, in milliseconds."""
    ordered = sorted(seconds)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000 if ordered else 0.0


def arrivals(rate: float, seed: int = 300) -> Iterator[float]:
    """Give the seconds at which independent readers come, so many a second on average: a Poisson process."""
    chance = random.Random(seed)
    return accumulate(chance.expovariate(rate) for _ in repeat(None))


class BrokenError(Exception):
    """A connection ended before the answer did."""


class Line:
    """A connection with at most one request under way."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._got = b""
        self.since = 0.0
        self.busy = self.closing = False
        self.socket = self._connect()

    def _connect(self) -> socket.socket:
        made = socket.create_connection(self._address, timeout=GRACE)
        made.settimeout(None)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def renew(self) -> None:
        """Connect again."""
        self.socket.close()
        self._got = b""
        self.busy = self.closing = False
        self.socket = self._connect()

    def send(self, request: bytes, since: float) -> None:
        """Send a request that was to be sent at a moment."""
        self.since = since
        self.busy = True
        self.socket.sendall(request)

    def receive(self) -> int | None:
        """Take what has come; return the status once the answer is whole.

        Raises BrokenError.
        """
        got = self.socket.recv(READ)
        if not got:
            raise BrokenError
        self._got = got = self._got + got if self._got else got
        end = got.find(b"\r\n\r\n")
        if end < 0:
            return None
        length = LENGTH.search(got, 0, end)
        if len(got) < end + 4 + (int(length[1]) if length else 0):
            return None
        self._got = b""
        self.busy = False
        self.closing = got.startswith(b"HTTP/1.0") or CLOSES.search(got, 0, end) is not None
        return int(got[9:12])


class Crowd:
    """Sends the requests of one run over so many connections."""

    def __init__(self, address: str, requests: Iterator[bytes], connections: int) -> None:
        parts = urlsplit(address)
        self._requests = requests
        self._poll = select.epoll()
        self._lines: dict[int, Line] = {}
        self._free: deque[Line] = deque()
        self._result = Result()
        for _ in range(connections):
            self._watch(Line(parts.hostname or "", parts.port or 80))

    def _watch(self, line: Line) -> None:
        self._poll.register(line.socket, select.EPOLLIN)
        self._lines[line.socket.fileno()] = line
        self._free.append(line)

    def run(self, *, seconds: float = 0.0, total: int = 0, due: Iterator[float] | None = None) -> Result:
        """Send for so many seconds or so many requests in all, as fast as they are answered.

        With `due`, seconds from the start, a request leaves whether or not others were answered. When no connection is
        free it waits, and the wait is part of its latency.
        """
        gc.disable()
        try:
            start = perf_counter()
            end = start + (seconds or INFINITE)
            if due:
                self._at(start, end, due)
            else:
                self._at_once(end, total)
            self._result.seconds = perf_counter() - start
        finally:
            gc.enable()
            self._poll.close()
            for line in self._lines.values():
                line.socket.close()
        return self._result

    def _at_once(self, end: float, total: int) -> None:
        sent = 0
        while (now := perf_counter()) < end + GRACE:
            more = now < end and (not total or sent < total)
            while more and self._free:
                self._send(perf_counter())
                sent += 1
                more = not total or sent < total
            if self._idle:
                return
            self._hear(GRACE)
        self._give_up(())

    def _at(self, start: float, end: float, due: Iterator[float]) -> None:
        waiting: deque[float] = deque()
        coming = start + next(due)
        while (now := perf_counter()) < end + GRACE:
            prompt = bool(self._free) and not waiting
            while coming <= now and coming < end:
                waiting.append(coming)
                coming = start + next(due)
            while waiting and self._free:
                if prompt:
                    self._result.late.append(perf_counter() - waiting[0])
                self._send(waiting.popleft())
            if coming >= end and not waiting and self._idle:
                return
            self._hear(max(coming - perf_counter(), 0.0) if coming < end else GRACE)
        self._give_up(waiting)

    @property
    def _idle(self) -> bool:
        return len(self._free) == len(self._lines)

    def _give_up(self, waiting: Collection[float]) -> None:
        """Count what was never answered, with the time that it has waited so far."""
        unanswered = [*waiting, *(line.since for line in self._lines.values() if line.busy)]
        now = perf_counter()
        self._result.bad += len(unanswered)
        self._result.latencies.extend(now - since for since in unanswered)

    def _hear(self, seconds: float) -> None:
        """Take what has come, waiting so long for it: `select` counts in microseconds, `epoll` in milliseconds."""
        select.select([self._poll], [], [], seconds)
        for number, _ in self._poll.poll(0):
            self._take(self._lines[number])

    def _send(self, since: float) -> None:
        line = self._free.popleft()
        try:
            line.send(next(self._requests), since)
        except OSError:
            self._lost(line)

    def _take(self, line: Line) -> None:
        try:
            status = line.receive()
        except (BrokenError, OSError):
            self._lost(line)
            return
        if status is None:
            return
        self._result.latencies.append(perf_counter() - line.since)
        self._result.bad += status not in SUCCESS
        if line.closing:
            self._renew(line)
        else:
            self._free.append(line)

    def _lost(self, line: Line) -> None:
        self._result.bad += line.busy
        with suppress(ValueError):
            self._free.remove(line)
        self._renew(line)

    def _renew(self, line: Line) -> None:
        self._poll.unregister(line.socket)
        del self._lines[line.socket.fileno()]
        line.renew()
        self._watch(line)
