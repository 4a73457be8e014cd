"""What machines ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.newsroom import held, shown
from tests.test_telemetry import samples

if TYPE_CHECKING:
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
