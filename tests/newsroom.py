"""Moderators for tests of the desk, and comments that wait for them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from argon2 import PasswordHasher

from service.identity import Identity
from service.postgres import Database
from service.store.identity import IdentityStore
from service.store.sites import SiteStore
from tests.conftest import SECRET

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.conftest import Answer, Clock, Service

PASSWORD = "correct horse battery staple"
HASH = PasswordHasher().hash(PASSWORD)
TOKEN_LIFE = timedelta(days=30)


@asynccontextmanager
async def identities(url: str, clock: Clock) -> AsyncIterator[tuple[Identity, IdentityStore, SiteStore]]:
    database = Database(url, connections=1)
    await database.open()
    try:
        store = IdentityStore(database)
        yield Identity(store, SECRET.encode(), clock.now), store, SiteStore(database)
    finally:
        await database.close()


async def hire(url: str, clock: Clock, name: str = "Ada", site: str = "default") -> str:
    """Make a moderator, and the site where there is none, and return a token."""
    async with identities(url, clock) as (identity, store, sites):
        place = await sites.add(site, (), clock.now())
        moderator = uuid4()
        await store.add_moderator(place.id, moderator, name, HASH, clock.now())
        return await identity.issue(place.id, moderator, "token", "test", TOKEN_LIFE)


@dataclass
class Moderator:
    """Somebody with a token at a running service."""

    service: Service
    token: str

    async def ask(self, method: str, path: str, **more: Any) -> Answer:
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        return await self.service.ask(method, f"/v1/desk/{path}", headers=headers, **more)

    async def decide(self, *decisions: dict[str, Any]) -> list[dict[str, Any]]:
        answer = await self.ask("POST", "decisions", json={"decisions": list(decisions)})
        assert answer.status == 200, answer.body
        results: list[dict[str, Any]] = answer.json["results"]
        return results

    async def queue(self, **query: Any) -> dict[str, Any]:
        answer = await self.ask("GET", "queue", params=query)
        assert answer.status == 200, answer.body
        listed: dict[str, Any] = answer.json
        return listed

    async def history(self, comment: str) -> list[dict[str, Any]]:
        history: list[dict[str, Any]] = (await self.ask("GET", f"comments/{comment}")).json["history"]
        return history


async def held(service: Service, number: int = 0, page: str = "page") -> str:
    """Post a comment that waits, and return its id."""
    answer = await service.post(f"What a fucking mess number {number} is", page)
    assert answer.status == 202, answer.body
    return str(answer.json["id"])


async def shown(service: Service, number: int = 0, page: str = "page") -> str:
    """Post a comment that is shown, and return its id."""
    answer = await service.post(f"Thought number {number} about the bridge", page)
    assert answer.status == 201, answer.body
    return str(answer.json["id"])
