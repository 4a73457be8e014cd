"""What holds when the clock of the machine is set back under a running service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Answer, Service

HOUR = 3600.0


class Corrected(Clock):
    """A clock that can be set back; what it measures with goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.running = 0.0

    def monotonic(self) -> float:
        return self.running

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        self.running += seconds

    def set_back(self, seconds: float) -> None:
        super().advance(-seconds)


@pytest.fixture
def clock() -> Corrected:
    return Corrected()


async def write(service: Service, number: int, reader: int) -> Answer:
    headers = {"X-Forwarded-For": f"198.51.100.{reader}", "Idempotency-Key": f"key-{number}"}
    return await service.post(f"Thought number {number} about the bridge", headers=headers)


async def listed(service: Service, order: str) -> list[str]:
    """Return a page's comments as somebody sees them who asks for two at a time."""
    found: list[str] = []
    more: dict[str, Any] = {}
    while True:
        query = {"page": "page", "sort": order, "limit": 2, **more}
        answer = await service.ask("GET", "/v1/comments", params=query)
        found += [comment["id"] for comment in answer.json["comments"]]
        if answer.json["next"] is None:
            return found
        more = {"after": answer.json["next"]}


async def test_every_comment_is_kept_counted_and_listed_once(serve: Callable[..., Any], clock: Corrected) -> None:
    async with serve(trusted_proxies="127.0.0.1") as service:
        first = [await write(service, number, reader=number) for number in range(5)]
        clock.set_back(HOUR)
        later = [await write(service, number, reader=number) for number in range(5, 10)]
        again = await write(service, 0, reader=0)
        ids = [answer.json["id"] for answer in (*first, *later)]
        assert {answer.status for answer in (*first, *later)} == {201}
        assert len(set(ids)) == 10
        assert again.json["id"] == ids[0]
        assert await service.count() == 10
        oldest = await listed(service, "oldest")
        assert oldest == sorted(ids)
        assert await listed(service, "newest") == oldest[::-1]
        assert set(oldest[:5]) == set(ids[5:]), "comments stand where the clock said that they were written"


async def test_the_rate_of_an_address_goes_on(serve: Callable[..., Any], clock: Corrected) -> None:
    async with serve(rate_per_minute=3) as service:
        statuses = [(await write(service, number, reader=1)).status for number in range(2)]
        clock.set_back(HOUR)
        statuses += [(await write(service, number, reader=1)).status for number in range(2, 5)]
        assert statuses == [201, 201, 201, 429, 429]
        clock.advance(20)
        assert (await write(service, 9, reader=1)).status == 201


async def test_a_flood_is_seen_across_the_correction(serve: Callable[..., Any], clock: Corrected) -> None:
    async with serve() as service:
        statuses = [(await write(service, number, reader=1)).status for number in range(3)]
        clock.set_back(1)
        statuses += [(await write(service, number, reader=1)).status for number in range(3, 8)]
        assert statuses == [201] * 5 + [202] * 3


async def test_who_wrote_in_the_hour_that_comes_again_is_not_taken_for_a_flood(
    serve: Callable[..., Any], clock: Corrected
) -> None:
    async with serve() as service:
        for number in range(10):
            assert (await write(service, number, reader=1)).status == 201
            clock.advance(300)
        clock.set_back(HOUR)
        assert (await write(service, 10, reader=1)).status == 201
        statuses = [(await write(service, number, reader=1)).status for number in range(11, 17)]
        assert statuses == [201] * 4 + [202] * 2
