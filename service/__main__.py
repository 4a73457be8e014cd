"""The street door: reads what a command was given, runs it, prints what a person or a program needs."""

from __future__ import annotations

import asyncio
import getpass
import os
import signal
import sys
from typing import TYPE_CHECKING

import msgspec
from asyncpg import PostgresError

from service import commands, server
from service.commands import CommandError
from service.commands.usage import parser
from service.embedded import EmbeddedError
from service.errors import Refusal
from service.migrations import MigrationError
from service.settings import SettingsError
from service.settings import read as read_settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from service.settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, 1 when it failed or found something wrong, 2 for wrong usage."""
    given = parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # like Ctrl-C, so that what was started is stopped
    try:
        return _do(given, read_settings(os.environ))
    except (CommandError, EmbeddedError, MigrationError, SettingsError, Refusal, PostgresError) as error:
        print(f"trecento: {_explained(error)}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever read has enough; what is left unwritten goes nowhere, or Python would complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _explained(error: Exception) -> str:
    match error:
        case Refusal():
            return f"{error.title}: {error.detail}"
        case PostgresError():
            return f"PostgreSQL refuses: {error.args[0] if error.args else type(error).__name__}."
        case _:
            return str(error)


def _do(given: argparse.Namespace, settings: Settings) -> int:
    _readable(given)
    match given.command:
        case "serve":
            server.serve(settings, workers=given.workers or settings.workers, first_run=given.setup, wait=given.wait)
            return 0
        case "judge":
            policy = commands.read_policy(given.policy)
            commands.judge(iter(sys.stdin.buffer.readline, b""), sys.stdout.buffer, policy)
            return 0
        case _:
            with commands.database_url(settings, make=given.command == "migrate") as url:
                return asyncio.run(_run(given, settings, url))


def _readable(given: argparse.Namespace) -> None:
    for value in vars(given).values():
        for text in value if isinstance(value, list) else [value]:
            if str(text).encode(errors="replace").decode() != str(text):
                raise CommandError(f"{text!r} is not UTF-8.")


async def _run(given: argparse.Namespace, settings: Settings, url: str) -> int:
    await commands.reachable(url, given.wait)
    match given.command, getattr(given, "action", None):
        case "migrate", _:
            await _migrate(given, url)
        case "counts", action:
            return await _counts(given, url, repair=action == "repair")
        case "retention", _:
            await _retention(given, url)
        case "site", _:
            site = await commands.add_site(url, given.name, given.origin)
            _tell(
                given,
                {"site": site.name, "origins": site.origins},
                f"The site {site.name} takes comments from its own pages"
                + "".join(f" and {origin}" for origin in site.origins),
            )
        case "moderator", action:
            asked = _ask_password() if given.ask else None
            change = commands.add_moderator if action == "add" else commands.set_password
            password = await change(url, settings, given.site, given.name, asked)
            shown = None if asked else password
            _tell(
                given,
                {"site": given.site, "name": given.name, "password": shown},
                f"The moderator {given.name} may sign in at /desk"
                + (f" with the password {shown}, shown this once" if shown else ""),
            )
        case "token", _:
            token = await commands.create_token(url, settings, given.site, given.moderator, given.label, given.days)
            _tell(given, {"token": token}, token)
        case "policy", _:
            await _policy(given, url)
        case "page", action:
            page = await commands.close_page(url, given.site, given.page, closed=action == "close")
            _tell(
                given,
                {"page": page, "closed": action == "close"},
                f"{page} takes {'no more ' if action == 'close' else ''}comments",
            )
    return 0


async def _migrate(given: argparse.Namespace, url: str) -> None:
    applied = await commands.migrate(url)
    lines = [f"applied {name}" for name in applied or ["nothing: all is there"]]
    if not given.citus:
        _tell(given, {"applied": applied}, *lines)
        return
    distributed = await commands.distribute(url)
    lines += [f"distributed {name}" for name in distributed or ["nothing: all is"]]
    _tell(given, {"applied": applied, "distributed": distributed}, *lines)


async def _counts(given: argparse.Namespace, url: str, *, repair: bool) -> int:
    wrong = await (commands.repair_counts if repair else commands.verify_counts)(url)
    lines = [f"{page.key}: {page.kept} is kept, {page.true_count} is true" for page in wrong]
    if wrong:
        lines.append(f"{len(wrong)} mended" if repair else "Mend them: trecento counts repair")
    _tell(given, {"wrong": wrong}, *(lines or ["Every count is right."]))
    return 1 if wrong and not repair else 0


async def _retention(given: argparse.Namespace, url: str) -> None:
    done = await commands.retain(url, given.site, given.days, given.status, dry_run=given.dry_run)
    what = "would be deleted" if given.dry_run else "deleted"
    lines = [f"{count} {status} comments {what}" for status, count in done.comments.items()]
    if not given.dry_run:
        lines.append(f"{done.bans} bans and {done.credentials} sessions and tokens that had ended deleted")
    _tell(given, done, *lines)


async def _policy(given: argparse.Namespace, url: str) -> None:
    if given.action == "set":
        version = await commands.set_policy(url, given.site, commands.read_policy(given.file))
        _tell(given, {"version": version}, f"Version {version} judges from now on")
        return
    history = await commands.policy_history(url, given.site)
    if given.action == "history":
        _tell(
            given,
            {"versions": history},
            *(f"{entry.version:>5}  {entry.created_at:%Y-%m-%d %H:%M}" for entry in history),
        )
    else:
        print(msgspec.json.format(msgspec.json.encode(history[0].policy), indent=2).decode(), flush=True)


def _ask_password() -> str:
    try:
        if sys.stdin.isatty():
            password = getpass.getpass("Password: ")
        else:
            password = sys.stdin.buffer.readline().decode().rstrip("\r\n")
    except EOFError:
        password = ""
    except UnicodeDecodeError as error:
        raise CommandError("The password is not UTF-8.") from error
    if not password:
        raise CommandError("A password has at least one character.")
    return password


def _tell(given: argparse.Namespace, value: object, *lines: str) -> None:
    if given.json:
        print(msgspec.json.encode(value).decode(), flush=True)
    else:
        print("\n".join(lines), flush=True)


if __name__ == "__main__":
    sys.exit(main())
