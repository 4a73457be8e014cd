"""What the commands do, once their arguments are read."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import msgspec

from service import embedded
from service.app import new_id, now
from service.errors import DatabaseUnavailable, Refusal
from service.identity import Identity
from service.migrations import load as load_migrations
from service.migrations import migrate as apply_migrations
from service.migrations import pending
from service.model import Policy
from service.moderation.judge import Judge
from service.moderation.text import canonical
from service.pages import canonical_page
from service.postgres import Database, connect
from service.store.identity import IdentityStore, NameTaken
from service.store.pages import PageStore
from service.store.sites import SiteStore
from service.wordlists import load as load_lexicon

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from service.settings import Settings
    from service.store.pages import PageCount
    from service.store.sites import PolicyVersion, Site

CONNECT_SECONDS = 10.0


class CommandError(Exception):
    """A command cannot go on; the message is one line that says what to do."""


@contextmanager
def database_url(settings: Settings) -> Iterator[str]:
    """Give the address of the database: the one that is set, or the embedded one, started when it does not run."""
    if settings.database_url:
        yield settings.database_url
        return
    with embedded.reach(settings.folder) as url:
        yield url


async def reachable(url: str) -> None:
    """Wait until the database answers.

    Raises CommandError after ten seconds.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + CONNECT_SECONDS
    while True:
        try:
            connection = await connect(url)
        except DatabaseUnavailable as error:
            if loop.time() > deadline:
                raise CommandError(
                    f"The database does not answer ({type(error.__cause__).__name__}). Is DATABASE_URL right, and"
                    " does PostgreSQL run?"
                ) from error
            await asyncio.sleep(0.25)
        else:
            await connection.close()
            return


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """Give the database, connected and at this version.

    Raises CommandError.
    """
    await reachable(url)
    await current(url)
    database = Database(url, connections=2)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def current(url: str) -> None:
    """Make sure that the database is at this version.

    Raises CommandError.
    """
    connection = await connect(url)
    try:
        todo = await pending(connection, load_migrations())
    finally:
        await connection.close()
    if todo:
        raise CommandError(f"The database lacks {len(todo)} migrations. Run: trecento migrate")


async def migrate(url: str) -> list[str]:
    """Bring the database to this version; return the names of what was applied."""
    await reachable(url)
    connection = await connect(url)
    try:
        return [migration.name for migration in await apply_migrations(connection, load_migrations())]
    finally:
        await connection.close()


def judge(lines: Iterator[bytes], output: TextIO, policy: Policy) -> None:
    """Judge lines of text, or of JSON with `text`, and write one JSON object for each."""
    compiled = Judge(policy, load_lexicon())
    for line in lines:
        text, author = read_line(line)
        body = canonical(text)
        verdict = compiled.judge(body, author=author)
        found = {"text": body, "status": verdict.status, "findings": verdict.findings}
        output.write(msgspec.json.encode(found).decode() + "\n")
        output.flush()


def read_line(line: bytes) -> tuple[str, str | None]:
    """Return the text of a line and, when it is JSON that says so, its author."""
    text = line.decode(errors="replace").rstrip("\r\n")
    if text.lstrip().startswith("{"):
        try:
            value = json.loads(text)
        except ValueError:
            return text, None
        if isinstance(value, dict) and isinstance(value.get("text"), str):
            author = value.get("author")
            return value["text"], canonical(author) or None if isinstance(author, str) else None
    return text, None


def read_policy(path: str | None) -> Policy:
    """Return the policy in a JSON file, or the one that new sites get.

    Raises CommandError.
    """
    if path is None:
        return Policy()
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=Policy)
    except OSError as error:
        raise CommandError(f"{path} cannot be read ({error.strerror}).") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} is not a policy: {error}") from error


async def verify_counts(url: str, progress: Callable[[int], None]) -> list[PageCount]:
    """Return every page whose count is wrong."""
    wrong: list[PageCount] = []
    checked = 0
    async with opened(url) as database:
        async for pages in PageStore(database).verified():
            checked += len(pages)
            wrong += [page for page in pages if page.kept != page.true_count]
            progress(checked)
    return wrong


async def repair_counts(url: str, progress: Callable[[int], None]) -> list[PageCount]:
    """Mend every count that is wrong, and return what was mended."""
    wrong = await verify_counts(url, progress)
    async with opened(url) as database:
        for page in wrong:
            await PageStore(database).repair(page.site_id, page.page_id)
    return wrong


async def add_site(url: str, name: str, origins: Sequence[str]) -> Site:
    """Make a site, or add origins to it."""
    async with opened(url) as database:
        return await SiteStore(database).add(name, origins, now())


async def add_moderator(url: str, settings: Settings, site_name: str, name: str, password: str | None) -> str:
    """Make a moderator and return the password.

    Raises CommandError when the site has one of this name.
    """
    password = password or secrets.token_urlsafe(12)
    async with opened(url) as database:
        site = await _site(database, site_name)
        store = IdentityStore(database)
        hashed = await Identity(store, settings.key(), now).hash_password(password)
        try:
            await store.add_moderator(site.id, new_id(now()), name, hashed, now())
        except NameTaken as error:
            raise CommandError(f"The site {site_name} has a moderator {name} already. Choose another name.") from error
    return password


async def create_token(url: str, settings: Settings, site_name: str, moderator: str, label: str, days: int) -> str:
    """Return a new token that acts as a moderator.

    Raises CommandError when there is no such moderator.
    """
    async with opened(url) as database:
        site = await _site(database, site_name)
        store = IdentityStore(database)
        account = await store.moderator(site.id, moderator)
        if account is None:
            raise CommandError(
                f"The site {site_name} has no moderator {moderator}. Make one: trecento moderator add {moderator}"
            )
        identity = Identity(store, settings.key(), now)
        return await identity.issue(site.id, account.id, "token", label, timedelta(days=days))


async def policy_history(url: str, site_name: str) -> list[PolicyVersion]:
    """Return every version of a site's policy, newest first."""
    async with opened(url) as database:
        return await SiteStore(database).policies((await _site(database, site_name)).id)


async def set_policy(url: str, site_name: str, policy: Policy) -> int:
    """Install a policy and return its version."""
    async with opened(url) as database:
        return await SiteStore(database).add_policy((await _site(database, site_name)).id, policy, now())


async def close_page(url: str, site_name: str, key: str, *, closed: bool) -> str:
    """Close a page to comments or open it again; return its canonical key.

    Raises CommandError when the key is none.
    """
    try:
        page = canonical_page(key)
    except ValueError as error:
        raise CommandError(str(error)) from error
    async with opened(url) as database:
        site = await _site(database, site_name)
        if closed:
            await PageStore(database).close(site.id, page, new_id(now()), now())
        else:
            await PageStore(database).open(site.id, page)
    return page


async def _site(database: Database, name: str) -> Site:
    site = await SiteStore(database).site(name)
    if site is None:
        raise CommandError(f"There is no site {name}. Make it: trecento site add {name}")
    return site


def explain(error: Exception) -> str:
    """Return one line for an error that ends a command."""
    if isinstance(error, Refusal):
        return f"{error.title}: {error.detail}"
    return str(error)


def progress(checked: int) -> None:
    """Show, on a terminal, how many pages were looked at."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{checked:,} pages looked at")
        sys.stderr.flush()
