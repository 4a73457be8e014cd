"""The form of the log, and the numbers for `/metrics`; neither holds a text, an address or a token."""

from __future__ import annotations

import logging
import sys
import traceback
from typing import TYPE_CHECKING

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

if TYPE_CHECKING:
    from service.model import Verdict

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def set_up_logging() -> None:
    """Write one line for each event: JSON, or colours when a person watches."""
    watched = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
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


class Telemetry:
    """What is counted, on a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "trecento_requests", "Answered requests.", ["method", "route", "status"], registry=self._registry
        )
        self.seconds = Histogram(
            "trecento_request_seconds", "Time to answer.", ["route"], buckets=SECONDS, registry=self._registry
        )
        self._comments = Counter(
            "trecento_comments", "Comments by the status that the rules gave them.", ["status"], registry=self._registry
        )
        self._findings = Counter(
            "trecento_findings", "What the rules found.", ["rule", "effect", "shadow"], registry=self._registry
        )
        self._failures = Counter(
            "trecento_rule_failures", "Rules that raised instead of answering.", ["rule"], registry=self._registry
        )

    def judged(self, verdict: Verdict) -> None:
        """Count a stored comment and what was found in it."""
        self._comments.labels(verdict.status).inc()
        for finding in verdict.findings:
            self._findings.labels(finding.rule, finding.effect, str(finding.shadow).lower()).inc()
            if finding.failed:
                self._failures.labels(finding.rule).inc()

    def exposition(self) -> bytes:
        """Return everything in the Prometheus text format."""
        return generate_latest(self._registry)
