"""Makes moderators and the tokens that act for them."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from service.app import new_id, now
from service.commands.reaching import CommandError, opened
from service.commands.sites import find_site
from service.identity import Identity
from service.store.identity import IdentityStore, NameTaken
from service.wire import line

if TYPE_CHECKING:
    from service.settings import Settings
    from service.store.identity import Account
    from service.store.sites import Site

NAME_LENGTH = 60
"""Code points; the same number stands in the database's check."""


async def add_moderator(url: str, settings: Settings, site_name: str, name: str, password: str | None) -> str:
    """Make a moderator and return the password.

    Raises CommandError when the name is none, or is taken.
    """
    name = line(name) or ""  # as signing in reads it
    if not 0 < len(name) <= NAME_LENGTH:
        raise CommandError(f"The name of a moderator has 1 to {NAME_LENGTH} characters.")
    password = password or secrets.token_urlsafe(12)
    async with opened(url) as database:
        site = await find_site(database, site_name)
        store = IdentityStore(database)
        hashed = await Identity(store, settings.key(), now).hash_password(password)
        try:
            await store.add_moderator(site.id, new_id(now()), name, hashed, now())
        except NameTaken as error:
            raise CommandError(f"The site {site_name} has a moderator {name} already. Choose another name.") from error
    return password


async def set_password(url: str, settings: Settings, site_name: str, name: str, password: str | None) -> str:
    """Give a moderator another password and return it; every session and token of the moderator ends.

    Raises CommandError when there is no such moderator.
    """
    password = password or secrets.token_urlsafe(12)
    async with opened(url) as database:
        site = await find_site(database, site_name)
        store = IdentityStore(database)
        account = await _account(store, site, name)
        hashed = await Identity(store, settings.key(), now).hash_password(password)
        await store.set_password(site.id, account.id, hashed)
    return password


async def create_token(url: str, settings: Settings, site_name: str, moderator: str, label: str, days: int) -> str:
    """Return a new token that acts as a moderator.

    Raises CommandError when there is no such moderator.
    """
    async with opened(url) as database:
        site = await find_site(database, site_name)
        store = IdentityStore(database)
        account = await _account(store, site, moderator)
        identity = Identity(store, settings.key(), now)
        return await identity.issue(site.id, account.id, "token", label, timedelta(days=days))


async def _account(store: IdentityStore, site: Site, name: str) -> Account:
    account = await store.moderator(site.id, line(name) or "")
    if account is None:
        raise CommandError(f"The site {site.name} has no moderator {name}. Make one: trecento moderator add {name}")
    return account
