"""The log and the numbers."""

from __future__ import annotations

import json
import logging
import timeit

import msgspec
import pytest
import structlog
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.parser import text_string_to_metric_families

from service.model import Finding, Verdict
from service.telemetry import SECONDS, Numbers, Telemetry, exposition, places, set_up_logging


def samples(told: bytes) -> dict[tuple[str, ...], float]:
    """Return the values of an exposition by the name and the labels' values, these in the order of their names."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(told.decode())
        for sample in family.samples
    }


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
    told = exposition(telemetry.numbers()).decode().splitlines()
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


def test_times_fall_into_the_buckets_into_which_prometheus_client_puts_them() -> None:
    telemetry, registry = Telemetry(), CollectorRegistry()
    theirs = Histogram("theirs", "Times.", ["route"], buckets=SECONDS, registry=registry)
    for seconds in (0.0, 0.0009, *SECONDS, 0.0011, 10.1, 3600.0):
        telemetry.answered("GET", "/v1/counts", 200, seconds)
        theirs.labels("/v1/counts").observe(seconds)
    ours = samples(exposition(telemetry.numbers()))
    assert ours["trecento_request_seconds_count", "/v1/counts"] == len(SECONDS) + 5
    for family in registry.collect():
        for sample in family.samples:
            if not sample.name.endswith("_created"):
                labels = [value for _, value in sorted(sample.labels.items())]
                name = sample.name.replace("theirs", "trecento_request_seconds")
                assert ours[name, *labels] == pytest.approx(sample.value), (name, labels)


def test_what_is_counted_with_every_request_costs_next_to_nothing() -> None:
    telemetry, verdict, times = Telemetry(), Verdict(status="approved"), 2000

    def account() -> None:
        telemetry.answered("GET", "/", 200, 0.001)
        telemetry.judged(verdict)

    taken = min(timeit.repeat(account, number=times, repeat=20)) / times
    assert taken < 10e-6  # ten times what it takes, for a slow machine


def test_a_gauge_is_read_when_it_is_asked_for() -> None:
    telemetry, waiting = Telemetry(), [1]
    assert ("trecento_waiting_comments",) not in samples(exposition(telemetry.numbers()))
    telemetry.gauge("waiting", lambda: len(waiting))
    waiting += [2, 3]
    assert samples(exposition(telemetry.numbers()))["trecento_waiting_comments",] == 3


def test_what_a_process_has_counted_is_read_by_another_as_it_was() -> None:
    telemetry = Telemetry()
    telemetry.answered("GET", "/", 200, 0.002)
    telemetry.observe("batches", 3)
    telemetry.gauge("listening", lambda: True)
    sent = msgspec.msgpack.encode(telemetry.numbers())
    total = msgspec.msgpack.decode(sent, type=Numbers)
    assert total == telemetry.numbers()
    total.add(msgspec.msgpack.decode(sent, type=Numbers))
    told = samples(exposition(total))
    assert told["trecento_requests_total", "GET", "/", "200"] == told["trecento_listening",] == 2
    assert (told["trecento_batch_comments_count",], told["trecento_batch_comments_sum",]) == (2, 6)


def test_what_is_in_no_table_cannot_be_counted() -> None:
    with pytest.raises(KeyError):
        Telemetry().count("waitings")


def test_two_services_in_one_process_count_apart() -> None:
    first, second = Telemetry(), Telemetry()
    first.judged(Verdict(status="approved"))
    assert b'status="approved"' not in exposition(second.numbers())


def test_the_log_is_one_json_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    server = logging.getLogger("aiohttp.server")
    before = server.disabled
    try:
        set_up_logging()
        structlog.get_logger().info("request", request="7", status=200)
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
