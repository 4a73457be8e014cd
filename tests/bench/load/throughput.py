"""Each work on each server in turn, several rounds; the middle of what came out."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.bench.load import limits, usage, wrk
from tests.bench.load.database import ask
from tests.bench.load.generator import Crowd

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.bench.load.database import Postgres
    from tests.bench.load.servers import Server
    from tests.bench.load.work import Load

WARM = 0.5
"""Of a run, at most a second: what comes before the first round and is not counted."""
MICRO = 1e6


@dataclass
class Row:
    """What came of one work on one server, round by round."""

    work: str
    server: str
    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    """Microseconds of the server's processes for one request."""
    database_cpu: list[float] = field(default_factory=list)
    """Microseconds of PostgreSQL's processes for one request."""
    bad: int = 0
    memory: usage.Memory | None = None
    skipped: str = ""
    """Why there is nothing."""

    @property
    def per_second(self) -> float:
        """Requests a second, median of the rounds."""
        return statistics.median(self.rates) if self.rates else 0.0

    def of(self, other: Row) -> float | None:
        """Return how many times as many as another in the same round, median of the rounds."""
        pairs = zip(self.rates, other.rates, strict=False)
        return statistics.median([mine / theirs for mine, theirs in pairs if theirs] or [0.0]) or None

    def figures(self) -> dict[str, Any]:
        """Return what a program wants to know."""
        return {
            "work": self.work,
            "server": self.server,
            "per_second": round(self.per_second, 1),
            "rounds": [round(rate, 1) for rate in self.rates],
            "cpu_us": _median(self.cpu),
            "postgres_cpu_us": _median(self.database_cpu),
            "rss_bytes": self.memory.rss if self.memory else None,
            "pss_bytes": self.memory.pss if self.memory else None,
            "not_2xx": self.bad,
            "skipped": self.skipped,
        }


def _median(figures: Sequence[float]) -> float | None:
    return round(statistics.median(figures), 1) if figures else None


class Bench:
    """Runs loads over so many connections, by wrk or by our own generator."""

    def __init__(self, folder: Path, postgres: Postgres, *, own: bool, connections: int, seconds: float) -> None:
        self._folder = folder
        self._postgres = postgres
        self._own = own
        self._connections = connections
        self._seconds = seconds
        self._number = 0

    def run(self, server: Server, work: str, row: Row | None) -> None:
        """Run a work on a server once; without a row only to warm it up."""
        load = server.loads[work]
        seconds = self._seconds if row else min(self._seconds * WARM, 1.0)
        before, stored_before = usage.cpu(server.pid), usage.cpu(self._postgres.pid)
        requests, took, bad = self._send(server.address, load, seconds)
        used, stored = usage.cpu(server.pid) - before, usage.cpu(self._postgres.pid) - stored_before
        if row:
            row.rates.append((requests - bad) / took)
            row.bad += bad
            row.cpu.append(used * MICRO / max(requests, 1))
            if self._postgres.pid and server.name == "trecento":
                row.database_cpu.append(stored * MICRO / max(requests, 1))
            row.memory = usage.memory(server.pid)
        if load.every:
            self._postgres.settle()

    def _send(self, address: str, load: Load, seconds: float) -> tuple[int, float, int]:
        self._number += 1
        start = self._number * 10**8  # no text comes twice
        if self._own:
            ran = Crowd(address, load.requests(start), self._connections).run(seconds=seconds)
            return len(ran.latencies), ran.seconds, ran.bad
        told = wrk.run(self._folder, address, load, connections=self._connections, seconds=seconds, start=start)
        return told.requests, told.seconds, told.bad

    def fill(self, server: Server, comments: int) -> None:
        """Post so many comments over the pages of a server."""
        self._number += 1
        requests = server.loads["post"].requests(self._number * 10**8)
        ran = Crowd(server.address, requests, self._connections).run(total=comments)
        if ran.bad:
            raise RuntimeError(f"{server.name} refused {ran.bad} of {comments} comments")


def measure(
    bench: Bench, servers: Sequence[Server], works: Sequence[str], rounds: int, step: Callable[[str], None]
) -> list[Row]:
    """Run each work on each server in turn, so many rounds; say what comes next before each run."""
    rows: list[Row] = []
    for work in works:
        of = {server.name: Row(work, server.name) for server in servers}
        for server in servers:
            step(f"warming {server.name}: {work}")
            bench.run(server, work, None)
        for number in range(rounds):
            for server in servers:
                step(f"{server.name}: {work}, round {number + 1}")
                bench.run(server, work, of[server.name])
        rows += of.values()
    return rows


def bounds(postgres: Postgres, folder: Path, seconds: float, rounds: int, step: Callable[[str], None]) -> list[Row]:
    """Insert into one table without any service."""
    together = Row("insert", f"asyncpg, {limits.CALLERS} callers share one connection")
    alone = Row("insert", f"pgbench, {limits.CLIENTS} clients")
    program = limits.pgbench()
    if not program:
        alone.skipped = "pgbench is not installed"
    with postgres.database() as url:
        ask(url, limits.TABLE)
        for number in range(rounds):
            step(f"asyncpg, round {number + 1}")
            _insert(postgres, together, lambda: limits.coalesced(url, seconds))
            step(f"pgbench, round {number + 1}")
            if program:
                _insert(postgres, alone, lambda: limits.alone(program, url, folder, seconds))
    return [together, alone]


def _insert(postgres: Postgres, row: Row, insert: Callable[[], limits.Inserted]) -> None:
    before = usage.cpu(postgres.pid)
    try:
        done = insert()
    except RuntimeError as error:
        row.skipped = str(error)
        return
    row.rates.append(done.rows / done.seconds)
    if postgres.pid:
        row.database_cpu.append((usage.cpu(postgres.pid) - before) * MICRO / max(done.rows, 1))
    postgres.settle()
