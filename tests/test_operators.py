"""What machines ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from service.identity import among
from service.settings import Settings
from tests.newsroom import held, shown
from tests.test_telemetry import samples

if TYPE_CHECKING:
    from collections.abc import Callable

    import asyncpg

    from tests.conftest import Service


async def test_a_service_lives_and_is_ready(service: Service) -> None:
    live, ready = await service.ask("GET", "/health/live"), await service.ask("GET", "/health/ready")
    assert (live.status, live.json) == (200, {"status": "live"})
    assert (ready.status, ready.json) == (200, {"status": "ready"})


async def test_a_service_whose_schema_is_gone_lives_and_is_not_ready(
    service: Service, sql: asyncpg.Connection[Any]
) -> None:
    await sql.execute("alter table migrations rename to gone")
    assert (await service.ask("GET", "/health/live")).status == 200
    assert (await service.ask("GET", "/health/ready")).status >= 500


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        ("delete from migrations where version = (select max(version) from migrations)", "run trecento migrate."),
        ("delete from migrations", "run trecento migrate."),
        ("insert into migrations (version, name, checksum) values (9999, '', '')", "install the newer service."),
    ],
)
async def test_a_service_on_a_schema_of_another_version_is_not_ready(
    service: Service, sql: asyncpg.Connection[Any], change: str, asked: str
) -> None:
    ours = await sql.fetchval("select max(version) from migrations")
    await sql.execute(change)
    theirs = await sql.fetchval("select coalesce(max(version), 0) from migrations")
    answer = await service.ask("GET", "/health/ready")
    assert (answer.status, answer.json["type"]) == (503, "/problems/schema-mismatch")
    assert (answer.json["service"], answer.json["database"]) == (ours, theirs)
    assert answer.json["detail"] == f"The database is at version {theirs}, this service at {ours}: {asked}"
    assert (await service.ask("GET", "/health/live")).status == 200


@pytest.mark.parametrize("header", ["X-Forwarded-For", "x-real-ip", "Forwarded", "Via"])
async def test_who_comes_through_a_proxy_gets_no_numbers(serve: Callable[..., Any], header: str) -> None:
    async with serve(trusted_proxies="127.0.0.0/8") as service:
        answer = await service.ask("GET", "/metrics", headers={header: "127.0.0.1"})
    assert (answer.status, answer.json["type"]) == (403, "/problems/operators-only")


async def test_the_numbers_are_for_the_networks_that_are_named(serve: Callable[..., Any]) -> None:
    for networks, status in (("192.0.2.0/24", 403), ("192.0.2.0/24,127.0.0.1", 200)):
        async with serve(metrics_from=networks) as service:
            assert (await service.ask("GET", "/metrics")).status == status


@pytest.mark.parametrize(
    ("address", "may"),
    [
        ("127.0.0.1", True), ("::1", True), ("10.1.2.3", True), ("172.16.0.1", True), ("192.168.1.1", True),
        ("fd00::1", True), ("::ffff:10.1.2.3", True), ("172.15.0.1", False), ("192.0.2.1", False),
        ("2001:db8::1", False), ("", False),
    ],
)  # fmt: skip  # a row of each
def test_this_machine_and_private_networks_are_named_by_default(address: str, *, may: bool) -> None:
    assert among(address, Settings().metrics_networks) == may


async def test_the_numbers_are_those_of_what_happened(service: Service) -> None:
    await shown(service, 1)
    await shown(service, 2)
    await held(service, 3)
    assert (await service.post("Thought number 1 about the bridge")).status == 409
    assert (await service.post("")).status == 422
    await service.ask("GET", "/nowhere/at/all")
    await service.ask("DELETE", "/desk")
    await service.ask("GET", "/v1/desk/comments/7")
    answer = await service.ask("GET", "/metrics")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    numbers = samples(answer.body)
    requests = "trecento_requests_total"
    assert numbers["trecento_comments_total", "approved"] == 2
    assert numbers["trecento_comments_total", "held"] == 1
    assert numbers["trecento_comments_total", "rejected"] == 1
    assert numbers["trecento_findings_total", "hold", "strong_profanity", "false"] == 1
    assert numbers["trecento_findings_total", "reject", "duplicate", "false"] == 1
    assert numbers[requests, "POST", "/v1/comments", "201"] == 2
    assert numbers[requests, "POST", "/v1/comments", "202"] == 1
    assert numbers[requests, "POST", "/v1/comments", "409"] == 1
    assert numbers[requests, "POST", "/v1/comments", "422"] == 1
    assert numbers[requests, "GET", "/v1/desk/comments/{comment}", "401"] == 1
    assert numbers[requests, "any", "unknown", "404"] == 1
    assert numbers[requests, "any", "unknown", "405"] == 1
    assert numbers["trecento_request_seconds_count", "/v1/comments"] == 5
    assert numbers["trecento_batch_comments_sum",] == 4
    assert numbers["trecento_waiting_comments",] == 0
    assert not [name for name in numbers if "failures_total" in name[0]]
