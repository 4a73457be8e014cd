"""Sites, and the policies that they had one after another."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import msgspec
import pytest

from service.model import Policy
from service.store.sites import SiteStore
from tests.store.conftest import NOON, Newsroom

if TYPE_CHECKING:
    from service.postgres import Database

STRICT = msgspec.convert({"mode": "hold", "rules": {"hold_words": {"words": ["straße", "a*b"]}}}, Policy)


async def test_a_site_starts_with_the_default_policy(database: Database) -> None:
    sites = SiteStore(database)
    assert await sites.site("gazette") is None
    site = await sites.add("gazette", ["https://b.example", "https://a.example"], NOON)
    assert (site.name, site.version, site.policy) == ("gazette", 1, Policy())
    assert await sites.site("gazette") == site


async def test_adding_a_site_again_adds_origins_and_keeps_the_policy(database: Database) -> None:
    sites = SiteStore(database)
    first = await sites.add("gazette", ["https://b.example"], NOON)
    await sites.add_policy(first.id, STRICT, NOON)
    again = await sites.add("gazette", ["https://a.example", "https://b.example"], NOON)
    assert again.id == first.id
    assert again.origins == ("https://a.example", "https://b.example")
    assert (again.version, again.policy) == (2, STRICT)
    assert (await sites.add("gazette", [], NOON)).origins == again.origins


async def test_a_site_made_twice_at_once_is_one_site(database: Database) -> None:
    sites = SiteStore(database)
    made = await asyncio.gather(*(sites.add("gazette", [f"https://{number}.example"], NOON) for number in range(3)))
    assert {site.id for site in made} == {made[0].id}
    site = await sites.site("gazette")
    assert site is not None
    assert (len(site.origins), site.version) == (3, 1)


async def test_policies_are_kept_one_after_another(newsroom: Newsroom) -> None:
    assert await newsroom.sites.add_policy(newsroom.site.id, STRICT, NOON) == 2
    assert await newsroom.sites.add_policy(newsroom.site.id, Policy(), NOON) == 3
    history = await newsroom.sites.policies(newsroom.site.id)
    assert [(entry.version, entry.policy, entry.created_at) for entry in history] == [
        (3, Policy(), NOON),
        (2, STRICT, NOON),
        (1, Policy(), NOON),
    ]


@pytest.mark.parametrize("name", ["", "Gazette", "-a", "a-", "a b", "a" * 64, "a\n"])
async def test_the_database_refuses_names_that_are_none(database: Database, name: str) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await SiteStore(database).add(name, (), NOON)
