"""The same work beside ten thousand comments and beside many: how much longer it takes."""

from __future__ import annotations

import asyncio
import random
import statistics
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from tests.bench.fill import Shape, fill, new_id
from tests.bench.load import servers, work
from tests.bench.load.database import bytes_by_table
from tests.bench.load.latency import Readers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.bench.load.database import Postgres
    from tests.bench.load.servers import Server

FEW = 10_000
LONG = 1_000_000
"""Comments whose filling has a bar of its own."""
ON_A_PAGE = 50
"""Comments, on average; a third of all stand on the first page."""
SHARE = 0.5
"""Of what both can do: the rate at which both are asked."""
OLDER = 20_000
"""Places in lists from which older comments are asked for: more than are kept in memory."""
WORKS = {
    "one": "count of one page, kept in memory",
    "list": "list of a page, kept in memory",
    "older": "list of older comments, from the database",
    "post": work.TITLES["post"],
    "mixed": work.TITLES["mixed"],
}


@dataclass
class Sized:
    """How long one work took beside few comments and beside many, in milliseconds, round by round."""

    work: str
    rate: float
    small: list[tuple[float, float]] = field(default_factory=list)
    large: list[tuple[float, float]] = field(default_factory=list)
    bad: int = 0

    def figures(self) -> dict[str, Any]:
        """Return what a program wants to know."""
        found: dict[str, Any] = {"work": self.work, "rate": round(self.rate), "not_2xx": self.bad}
        for place, name in enumerate(("p50", "p99")):
            small, large = (statistics.median(waited[place] for waited in side) for side in (self.small, self.large))
            found |= {f"{name}_small": round(small, 3), f"{name}_large": round(large, 3)}
            pairs = zip(self.small, self.large, strict=True)
            found[f"{name}_ratio"] = round(statistics.median(b[place] / a[place] for a, b in pairs if a[place]), 2)
        return found


def measure(
    postgres: Postgres,
    folder: Path,
    comments: tuple[int, int],
    *,
    seconds: float,
    rounds: int,
    step: Callable[[str], None],
) -> tuple[list[Sized], dict[str, float]]:
    """Return what each work took in both, and the bytes on disk for a comment of the larger one."""
    with ExitStack() as stack:
        sides: list[Readers] = []
        for number in comments:
            step(f"filling {number:,} comments")
            url = stack.enter_context(postgres.database())
            place = folder / f"{len(sides)}-of-{number}"
            place.mkdir()
            servers.prepare(url)
            shape = Shape(comments=number, pages=max(work.PAGES, number // ON_A_PAGE), site="default")
            asyncio.run(fill(url, shape, quiet=number < LONG))
            server = stack.enter_context(
                servers.trecento(url, place, work.pages(work.PAGES), 1, ("one", "list", "post", "mixed"))
            )
            sides.append(Readers(_with_older(server), postgres, seconds))
        postgres.settle()
        return _beside(sides, rounds, step), bytes_by_table(url)


def _beside(sides: Sequence[Readers], rounds: int, step: Callable[[str], None]) -> list[Sized]:
    found = []
    for name in WORKS:
        step(f"capacity: {name}")
        sized = Sized(name, SHARE * min(side.capacity(name) for side in sides))
        for number in range(rounds):
            step(f"{name} at {sized.rate:,.0f}/s, round {number + 1}")
            for side, to in zip(sides, (sized.small, sized.large), strict=True):
                waited = side.come(name, sized.rate)
                to.append((waited.p50, waited.p99))
                sized.bad += waited.bad
        found.append(sized)
    return found


def _with_older(server: Server) -> Server:
    """Add lists that begin at places by chance, so that nearly none is in memory."""
    chance = random.Random(300)
    now = datetime.now(UTC)
    host = urlsplit(server.address).netloc
    reads = []
    for number in range(OLDER):
        after = new_id(now - timedelta(days=chance.uniform(0, 80)), chance)
        query = urlencode({"page": work.pages(work.PAGES)[number % work.PAGES], "after": after})
        reads.append(work.get(host, f"/v1/comments?{query}"))
    return replace(server, loads={**server.loads, "older": work.Load(reads=tuple(reads))})
