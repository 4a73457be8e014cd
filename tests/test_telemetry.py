"""The log and the numbers."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from service.model import Finding, Verdict
from service.telemetry import Telemetry, places, set_up_logging


def test_findings_and_failures_are_counted_by_rule() -> None:
    telemetry = Telemetry()
    telemetry.judged(Verdict(status="approved"))
    telemetry.judged(
        Verdict(
            status="held",
            findings=(
                Finding(rule="links", effect="hold"),
                Finding(rule="shouting", effect="hold", shadow=True),
                Finding(rule="slurs", effect="hold", failed=True, note="error=ValueError"),
            ),
        )
    )
    telemetry.judged(Verdict(status="held", findings=(Finding(rule="links", effect="hold"),)))
    told = telemetry.exposition().decode().splitlines()
    for line in (
        'trecento_comments_total{status="approved"} 1.0',
        'trecento_comments_total{status="held"} 2.0',
        'trecento_findings_total{effect="hold",rule="links",shadow="false"} 2.0',
        'trecento_findings_total{effect="hold",rule="shouting",shadow="true"} 1.0',
        'trecento_findings_total{effect="hold",rule="slurs",shadow="false"} 1.0',
        'trecento_rule_failures_total{rule="slurs"} 1.0',
    ):
        assert line in told
    assert 'rule="links"' not in "".join(line for line in told if "failures" in line)


def test_two_services_in_one_process_count_apart() -> None:
    first, second = Telemetry(), Telemetry()
    first.judged(Verdict(status="approved"))
    assert b'status="approved"' not in second.exposition()


def test_the_log_is_one_json_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    server = logging.getLogger("aiohttp.server")
    before = server.disabled
    try:
        set_up_logging()
        with structlog.contextvars.bound_contextvars(request="7"):
            structlog.get_logger().info("request", status=200)
        assert server.disabled  # it would quote what clients sent
    finally:
        structlog.reset_defaults()
        server.disabled = before
    told = capsys.readouterr()
    assert not told.out
    [line] = told.err.splitlines()
    parsed = json.loads(line)
    assert parsed.pop("timestamp").endswith("Z")
    assert parsed == {"event": "request", "level": "info", "request": "7", "status": 200}


def test_a_place_says_where_and_not_what() -> None:
    def quoting(text: str) -> None:
        raise ValueError(text)

    with pytest.raises(ValueError, match="a secret") as raised:
        quoting("a secret")
    found = places(raised.value)
    assert found[-1].endswith(" quoting")
    assert "test_telemetry.py" in found[-1]
    assert "a secret" not in "".join(found)
