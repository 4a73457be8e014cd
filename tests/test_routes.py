"""The HTTP surface, and the document that describes it, held against the running service."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

import pytest
import schemathesis
from schemathesis.engine import from_schema
from schemathesis.engine.events import FatalError, NonFatalError, ScenarioFinished

from service.errors import REFUSALS, CrossSite, RateLimited, SignInRequired
from service.routes import Route, table
from tests.newsroom import hire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Clock, Service

EXAMPLES = 25
EXCLUDED = ["positive_data_acceptance"]  # not all rules are schemas


class Anything:
    """Stands for the objects whose handlers the table names; none is called."""

    def __getattr__(self, name: str) -> Any:
        async def handler() -> None: ...

        handler.__name__ = name
        return handler


@pytest.fixture(scope="module")
def routes() -> tuple[Route, ...]:
    return table(*cast("Any", (Anything(),) * 4))


def test_every_way_in_says_who_may_use_it_and_how_it_refuses(routes: tuple[Route, ...]) -> None:
    for route in routes:
        assert route.gives, route
        if route.path.startswith("/v1/"):
            assert route.refuses, route
            assert route.access in {"pages", "visitors", "members"}
            assert route.path.startswith("/v1/desk/") == (route.access != "pages"), route
        assert (SignInRequired in route.refuses) == (route.access == "members"), route
        assert (CrossSite in route.refuses) == (route.path.startswith("/v1/desk/") and route.method != "GET"), route
        assert (route.takes is not None) == (route.method == "POST"), route
        assert len(set(route.refuses)) == len(route.refuses), route
    assert len({(route.method, route.path) for route in routes}) == len(routes)


def test_what_is_limited_says_so(routes: tuple[Route, ...]) -> None:
    limited = {(route.method, route.path) for route in routes if RateLimited in route.refuses}
    assert limited == {("POST", "/v1/comments"), ("POST", "/v1/desk/session")}


async def test_every_refusal_is_explained_and_stands_in_the_document(service: Service) -> None:
    document = (await service.ask("GET", "/openapi.json")).json
    named = document["components"]["schemas"]["Problem"]["properties"]["type"]["enum"]
    assert named == [f"/problems/{refusal.slug}" for refusal in REFUSALS]
    for refusal in REFUSALS:
        answer = await service.ask("GET", f"/problems/{refusal.slug}")
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert str(refusal.status) in answer.body.decode()
        assert "<h1>" in answer.body.decode()


async def test_every_route_is_in_the_document_or_made_for_browsers(service: Service) -> None:
    document = (await service.ask("GET", "/openapi.json")).json
    described = {(method, path) for path, methods in document["paths"].items() for method in methods}
    served = {
        (route.method.lower(), route.resource.canonical)
        for route in service.application.router.routes()
        if route.resource and route.method not in {"HEAD", "OPTIONS"}
    }
    assert served - described == {
        ("get", path) for path in ("/", "/desk", "/docs", "/openapi.json", "/problems/{slug}", "/{file}")
    }
    assert described <= served
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["summary"].endswith(".")
            for answer in operation["responses"].values():
                assert answer["description"]


async def test_the_document_refers_to_nothing_that_is_not_in_it(service: Service) -> None:
    text = (await service.ask("GET", "/openapi.json")).body.decode()
    document = json.loads(text)
    assert document["openapi"].startswith("3.1.")
    for name in [part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]]:
        assert name in document["components"]["schemas"]
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(set(ids)) == len(ids)


def mismatches(origin: str, headers: dict[str, str]) -> Iterator[str]:
    """Yield every way in which the running service does other than its document says."""
    schema = schemathesis.openapi.from_url(f"{origin}/openapi.json")
    schema.validate()
    schema.config.update(headers=headers, continue_on_failure=True)
    schema.config.generation.update(
        max_examples=EXAMPLES, deterministic=True, database="none", with_security_parameters=False
    )
    schema.config.checks.update(excluded_check_names=EXCLUDED)
    tried: set[str | None] = set()
    for event in from_schema(schema).execute():
        if isinstance(event, NonFatalError):
            yield f"{event.label}: {event.value}"
        if isinstance(event, FatalError):
            raise event.exception
        if isinstance(event, ScenarioFinished):
            for case, checks in event.recorder.checks.items():
                tried.add(event.label)
                for check in checks:
                    if check.failure_info:
                        found = event.recorder.cases[case].value
                        told = check.failure_info.failure
                        yield f"{check.name}: {told.message} ({found.as_curl_command()})"
    operations = {
        f"{method.upper()} {path}" for path, methods in schema.raw_schema["paths"].items() for method in methods
    }
    for operation in operations - tried:
        yield f"{operation} was not tried"


@pytest.mark.parametrize("signed_in", [False, True])
async def test_the_service_does_what_its_document_says(
    service: Service, url: str, clock: Clock, *, signed_in: bool
) -> None:
    headers = {"Authorization": f"Bearer {await hire(url, clock)}"} if signed_in else {}
    await service.post("A comment to be found", page="0")
    found = await asyncio.to_thread(lambda: list(mismatches(service.origin, headers)))
    assert not found, "\n\n".join(dict.fromkeys(found))
    told = (await service.ask("GET", "/metrics")).body.decode()
    assert ('route="/v1/desk/decisions",status="200"' in told) == signed_in
    assert ('route="/v1/desk/queue",status="200"' in told) == signed_in
