"""How long readers wait when so many come a second, whether or not those before them were answered."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tests.bench.load.generator import Crowd, arrivals, percentile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.bench.load.database import Postgres
    from tests.bench.load.servers import Server

CONNECTIONS = 64
"""Over which readers come; who finds none free waits, and the wait counts."""
SHARES = (0.25, 0.5, 0.75)
"""Of the capacity."""
WORKS = ("post", "one")
APART = 10**8
"""Numbers of comments for each work, so that no text comes twice."""
FILLED = 500
"""Times as many for those that filled the database."""


@dataclass(frozen=True)
class Waited:
    """How long readers waited at one rate, in milliseconds since they came."""

    work: str
    share: float | None
    """Of the capacity; None for a rate that was asked for."""
    rate: float
    answered: float
    """Requests a second that were answered 2xx."""
    bad: int
    p50: float
    p90: float
    p99: float
    p999: float
    most: float
    late: float
    """The generator's own part: how late it sent, p99."""

    def figures(self) -> dict[str, Any]:
        """Return what a program wants to know."""
        return {name: round(value, 3) if isinstance(value, float) else value for name, value in asdict(self).items()}


class Readers:
    """Readers of one server who come at some rate."""

    def __init__(self, server: Server, postgres: Postgres, seconds: float) -> None:
        self._server = server
        self._postgres = postgres
        self._seconds = seconds
        self._requests = {
            work: load.requests(place * APART) for place, (work, load) in enumerate(server.loads.items(), FILLED)
        }
        """Each run goes on where the one before it stopped: what was asked for is kept in memory."""

    def _crowd(self, work: str) -> Crowd:
        return Crowd(self._server.address, self._requests[work], CONNECTIONS)

    def capacity(self, work: str) -> float:
        """Return how many a second are answered when each connection asks as soon as it is answered."""
        reached = self._crowd(work).run(seconds=self._seconds).per_second
        self._settle(work)
        return reached

    def come(self, work: str, rate: float, share: float | None = None) -> Waited:
        """Let so many come a second."""
        ran = self._crowd(work).run(seconds=self._seconds, due=arrivals(rate))
        self._settle(work)
        good = max(len(ran.latencies) - ran.bad, 0)
        return Waited(
            work=work,
            share=share,
            rate=rate,
            answered=good / ran.seconds,
            bad=ran.bad,
            p50=ran.percentile(0.5),
            p90=ran.percentile(0.9),
            p99=ran.percentile(0.99),
            p999=ran.percentile(0.999),
            most=ran.percentile(1),
            late=percentile(ran.late, 0.99),
        )

    def _settle(self, work: str) -> None:
        if self._server.loads[work].every:
            self._postgres.settle()


def measure(
    readers: Readers, works: Sequence[str], rates: Sequence[float], step: Callable[[str], None]
) -> list[Waited]:
    """Return how long readers wait for each work, at these rates or at shares of the capacity."""
    waited = []
    for work in works:
        asked: list[tuple[float, float | None]] = [(rate, None) for rate in rates]
        step(f"capacity: {work}")
        if not rates:
            capacity = readers.capacity(work)
            asked = [(capacity * share, share) for share in SHARES]
        for rate, share in asked:
            step(f"{work} at {rate:,.0f}/s")
            waited.append(readers.come(work, rate, share))
    return waited
