"""The form of the log, and the numbers for `/metrics`; neither holds a text, an address or a token."""

from __future__ import annotations

import logging
import sys
import traceback
from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import structlog
from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.utils import floatToGoString

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from prometheus_client import Metric

    from service.model import Verdict

Labels = tuple[str | int, ...]
"""Values of the labels of one series, in the order of its family."""
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Family(NamedTuple):
    """What is counted under one name, for people and for Prometheus."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    """Upper bounds of a histogram's buckets, each inside."""


COUNTERS = {
    "requests": Family("trecento_requests", "Answered requests.", ("method", "route", "status")),
    "comments": Family("trecento_comments", "Comments by the status that the rules gave them.", ("status",)),
    "findings": Family("trecento_findings", "What the rules found.", ("rule", "effect", "shadow")),
    "failures": Family("trecento_rule_failures", "Rules that raised instead of answering.", ("rule",)),
    "deaths": Family("trecento_worker_deaths", "Workers that ended untold."),
}
HISTOGRAMS = {
    "seconds": Family("trecento_request_seconds", "Time to answer.", ("route",), SECONDS),
    "batches": Family(
        "trecento_batch_comments", "Comments that were stored together.", (), (1, 2, 4, 8, 16, 32, 64, 128, 256)
    ),
}
GAUGES = {
    "workers": Family("trecento_workers", "Workers that answer requests."),
    "listening": Family("trecento_listening", "Processes that hear every change of a page, and so keep counts."),
    "kept": Family("trecento_kept_bytes", "Answers that are kept until a page changes."),
    "waiting": Family("trecento_waiting_comments", "Comments that wait to be stored."),
}


def set_up_logging() -> None:
    """Write one line for each event: JSON, or colours when a person watches."""
    watched = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer() if watched else structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    # aiohttp quotes what a client sent when it could not be read as HTTP; that may hold anything.
    logging.getLogger("aiohttp.server").disabled = True


def places(error: BaseException) -> list[str]:
    """Return where an error was raised, innermost last, without its text, which may quote a comment."""
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]


class Numbers(msgspec.Struct):
    """What a process has counted: the values of each series, by the keys of the tables above."""

    counters: dict[str, dict[Labels, int]] = {}
    histograms: dict[str, dict[Labels, list[float]]] = {}
    """For each bucket how many fell into it and no smaller one, then those above all, then the sum."""
    gauges: dict[str, float] = {}

    def add(self, others: Numbers) -> None:
        """Add what another process has counted, under keys that this one may not know."""
        for key, counts in others.counters.items():
            counters = self.counters.setdefault(key, {})
            for labels, value in counts.items():
                counters[labels] = counters.get(labels, 0) + value
        for key, spreads in others.histograms.items():
            histograms = self.histograms.setdefault(key, {})
            for labels, buckets in spreads.items():
                known = histograms.get(labels, [0] * len(buckets))
                if len(known) == len(buckets):  # a version that was reloaded may have had other bounds
                    histograms[labels] = [one + other for one, other in zip(known, buckets, strict=True)]
        for key, reading in others.gauges.items():
            self.gauges[key] = self.gauges.get(key, 0) + reading

    def collect(self) -> Iterator[Metric]:
        """Give every family with its series, as Prometheus' client asks for them."""
        for key, family in COUNTERS.items():
            counter = CounterMetricFamily(family.name, family.help, labels=family.labels)
            for labels, value in self.counters.get(key, {}).items():
                counter.add_metric([str(label) for label in labels], value)
            yield counter
        for key, family in HISTOGRAMS.items():
            histogram = HistogramMetricFamily(family.name, family.help, labels=family.labels)
            bounds = [*map(floatToGoString, family.bounds), "+Inf"]
            for labels, (*buckets, total) in self.histograms.get(key, {}).items():
                cumulated = list(zip(bounds, accumulate(buckets), strict=True))
                histogram.add_metric([str(label) for label in labels], cumulated, total)
            yield histogram
        for key, family in GAUGES.items():
            gauge = GaugeMetricFamily(family.name, family.help)
            if key in self.gauges:
                gauge.add_metric([], self.gauges[key])
            yield gauge


class Telemetry:
    """Counts in plain numbers, because it is asked to with every request, and makes metrics of them only at a scrape.

    A new number is a line in one of the tables above, and a call to `count`, `observe` or `gauge` by that line's key.
    """

    def __init__(self, total: Callable[[Numbers], Awaitable[Numbers]] | None = None) -> None:
        self._total = total
        self._counters: dict[str, dict[Labels, int]] = {
            key: {} if family.labels else {(): 0} for key, family in COUNTERS.items()
        }
        self._histograms: dict[str, dict[Labels, list[float]]] = {key: {} for key in HISTOGRAMS}
        self._gauges: dict[str, Callable[[], float]] = {}
        self._requests = self._counters["requests"]
        self._seconds = self._histograms["seconds"]

    def count(self, key: str, by: int = 1, *labels: str | int) -> None:
        """Add to a counter."""
        series = self._counters[key]
        series[labels] = series.get(labels, 0) + by

    def observe(self, key: str, value: float, *labels: str | int) -> None:
        """Put a value into a histogram."""
        bounds = HISTOGRAMS[key].bounds
        series = self._histograms[key]
        buckets = series.get(labels)
        if buckets is None:
            buckets = series[labels] = [0] * (len(bounds) + 2)
        buckets[bisect_left(bounds, value)] += 1
        buckets[-1] += value

    def gauge(self, key: str, read: Callable[[], float]) -> None:
        """Read a gauge from now on whenever the numbers are asked for."""
        self._gauges[key] = read

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request and the time that it took."""
        labels = (method, route, status)
        requests = self._requests
        requests[labels] = requests.get(labels, 0) + 1
        buckets = self._seconds.get((route,))
        if buckets is None:
            self.observe("seconds", seconds, route)
        else:
            buckets[bisect_left(SECONDS, seconds)] += 1
            buckets[-1] += seconds

    def judged(self, verdict: Verdict) -> None:
        """Count a stored comment and what was found in it."""
        self.count("comments", 1, verdict.status)
        for finding in verdict.findings:
            self.count("findings", 1, finding.rule, finding.effect, "true" if finding.shadow else "false")
            if finding.failed:
                self.count("failures", 1, finding.rule)

    def numbers(self) -> Numbers:
        """Return everything as it stands; the counters and histograms go on counting."""
        return Numbers(self._counters, self._histograms, {key: float(read()) for key, read in self._gauges.items()})

    async def total(self) -> Numbers:
        """Return what all processes of this service have counted."""
        return await self._total(self.numbers()) if self._total else self.numbers()


def exposition(numbers: Numbers) -> bytes:
    """Return numbers in the Prometheus text format."""
    return generate_latest(numbers)
