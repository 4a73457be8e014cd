"""Moderators and the secrets that stand for them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from service.store.identity import NameTaken
from tests.store.conftest import NOON, Newsroom, open_newsroom

if TYPE_CHECKING:
    from service.postgres import Database

HOUR = timedelta(hours=1)


async def test_a_moderator_is_found_by_name_at_one_site(newsroom: Newsroom, database: Database) -> None:
    found = await newsroom.identity.moderator(newsroom.site.id, "Ada")
    assert found is not None
    assert (found.id, found.name, found.password_hash) == (newsroom.moderator, "Ada", "no hash")
    assert await newsroom.identity.moderator(newsroom.site.id, "ada") is None
    other = await newsroom.sites.add("other", (), NOON)
    assert await newsroom.identity.moderator(other.id, "Ada") is None
    assert not await newsroom.identity.has_moderators(other.id)
    assert (await open_newsroom(database, "other")).moderator != newsroom.moderator
    assert await newsroom.identity.has_moderators(other.id)


async def test_a_name_is_taken_once(newsroom: Newsroom) -> None:
    with pytest.raises(NameTaken, match="Ada"):
        await newsroom.identity.add_moderator(newsroom.site.id, uuid4(), "Ada", "hash", NOON)


async def test_a_secret_stands_for_its_moderator_until_it_expires_or_is_dropped(newsroom: Newsroom) -> None:
    site, store = newsroom.site.id, newsroom.identity
    secret, other = b"1" * 32, b"2" * 32
    for value, life in ((secret, HOUR), (other, 2 * HOUR)):
        await store.add_credential(site, value, newsroom.moderator, "token", "report", NOON, NOON + life)
    holder = await store.holder(site, secret, NOON)
    assert holder is not None
    assert (holder.site_id, holder.site, holder.id, holder.name, holder.kind) == (
        site, "default", newsroom.moderator, "Ada", "token",
    )  # fmt: skip
    assert await store.holder(site, secret, NOON + HOUR) is None
    assert await store.holder(site + 1, secret, NOON) is None
    assert await store.holder(site, b"3" * 32, NOON) is None
    await store.drop_expired(site, NOON + HOUR)
    assert await store.holder(site, secret, NOON) is None
    assert await store.holder(site, other, NOON) is not None
    await store.drop_credential(site, other)
    assert await store.holder(site, other, NOON) is None
