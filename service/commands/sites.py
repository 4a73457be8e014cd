"""Makes sites, gives them policies, closes and opens their pages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from service.app import new_id, now
from service.commands.reaching import CommandError, opened
from service.pages import DEFAULT_PORT, canonical_page
from service.store.pages import PageStore
from service.store.sites import SiteStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.model import Policy
    from service.postgres import Database
    from service.store.sites import PolicyVersion, Site

NAME = re.compile("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
"""The same pattern stands in the database's check: a label of a host name (RFC 1123)."""
HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")


async def add_site(url: str, name: str, origins: Sequence[str]) -> Site:
    """Make a site, or add origins to it.

    Raises CommandError when the name or an origin is none.
    """
    if not NAME.fullmatch(name):
        raise CommandError(
            f"{name!r} is no name of a site: 1 to 63 lower-case letters, digits and hyphens, no hyphen at an end."
        )
    allowed = [origin(text) for text in origins]
    async with opened(url) as database:
        return await SiteStore(database).add(name, allowed, now())


def origin(text: str) -> str:
    """Return an origin as browsers send it (RFC 6454, section 6.2), or `*` for all of them.

    Raises CommandError.
    """
    if text == "*":
        return text
    try:
        parts = urlsplit(canonical_page(text))
        host = parts.hostname.encode("idna").decode() if parts.hostname else ""
        port = parts.port
    except ValueError:
        parts, host, port = urlsplit(""), "", None
    if (
        parts.scheme not in DEFAULT_PORT
        or not HOST.fullmatch(host)
        or parts.path != "/"
        or parts.query
        or "#" in text
        or "@" in text
    ):
        raise CommandError(f"{text!r} is no origin: it takes https://host or https://host:port, without a path.")
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}"


async def policy_history(url: str, site_name: str) -> list[PolicyVersion]:
    """Return every version of a site's policy, newest first."""
    async with opened(url) as database:
        return await SiteStore(database).policies((await find_site(database, site_name)).id)


async def set_policy(url: str, site_name: str, policy: Policy) -> int:
    """Install a policy and return its version."""
    async with opened(url) as database:
        return await SiteStore(database).add_policy((await find_site(database, site_name)).id, policy, now())


async def close_page(url: str, site_name: str, key: str, *, closed: bool) -> str:
    """Close a page to comments or open it again; return its canonical key.

    Raises CommandError when the key is none.
    """
    try:
        page = canonical_page(key)
    except ValueError as error:
        raise CommandError(str(error)) from error
    async with opened(url) as database:
        site = await find_site(database, site_name)
        if closed:
            await PageStore(database).close(site.id, page, new_id(now()), now())
        else:
            await PageStore(database).open(site.id, page)
    return page


async def find_site(database: Database, name: str) -> Site:
    """Return a site by name.

    Raises CommandError when there is none.
    """
    site = await SiteStore(database).site(name)
    if site is None:
        raise CommandError(f"There is no site {name}. Make it: trecento site add {name}")
    return site
