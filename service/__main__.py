"""The street door: reads what a command was given, runs it, prints what a person or a program needs."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import os
import sys
from typing import TYPE_CHECKING, Any

import msgspec

from service import __version__, commands, server
from service.embedded import EmbeddedError
from service.errors import Refusal
from service.migrations import MigrationError
from service.settings import SettingsError
from service.settings import read as read_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.settings import Settings

SETTINGS = """settings, from the environment:
  DATABASE_URL              a PostgreSQL 15 to 18; an embedded one is started without it
  TRECENTO_HOST             127.0.0.1
  TRECENTO_PORT             8080
  TRECENTO_DATA             .trecento       embedded database and secret
  TRECENTO_SECRET           made and kept in TRECENTO_DATA; the same for every process of a service
  TRECENTO_TRUSTED_PROXIES  none            addresses or networks whose X-Forwarded-For is believed, by comma
  TRECENTO_RATE_PER_MINUTE  30              comments from one address; 0 for any number
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of every command."""
    root = argparse.ArgumentParser(
        prog="trecento",
        description="Comments of at most 300 characters for article pages: judged, stored with the reasons, counted.",
        epilog=SETTINGS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action="version", version=f"trecento {__version__}")
    every = root.add_subparsers(dest="command", required=True, metavar="COMMAND")

    serve = _command(every, "serve", "serve article pages and moderators over HTTP, until Ctrl-C")
    serve.add_argument(
        "--setup",
        action="store_true",
        help="first migrate, and make the site 'default' and a moderator where there are none",
    )
    _command(every, "migrate", "bring the database to this version; safe to run twice and at the same time", json=True)
    judge = _command(
        every,
        "judge",
        "judge lines of text without a database",
        """Reads one comment a line, as text or as a JSON object with "text" (and "author", when there is one), and
writes {"text", "status", "findings"} as JSON for each. Spans count code points of the text that is written.

  echo 'What a f.u.c.k.i.n.g game' | trecento judge
  trecento judge --policy policy.json < comments.jsonl""",
    )
    judge.add_argument("--policy", metavar="FILE", help="a policy as JSON, instead of the one new sites get")

    counts = _group(every, "counts", "compare the counts of pages with their comments")
    _command(counts, "verify", "exit with 1 when a count is wrong, and name the pages", json=True)
    _command(counts, "repair", "set every wrong count right, while the service runs", json=True)

    site = _group(every, "site", "sites that are served")
    add = _command(site, "add", "make a site, or let more origins write to it", json=True)
    add.add_argument("name", help="lower-case letters, digits and hyphens")
    add.add_argument(
        "--origin", action="append", default=[], metavar="URL", help="scheme and host of the article pages; repeatable"
    )

    moderator = _group(every, "moderator", "people who decide")
    add = _command(moderator, "add", "make a moderator; the password is made and shown once, or asked for", json=True)
    add.add_argument("name")
    _site(add)
    add.add_argument("--ask", action="store_true", help="ask for the password (or read it from a pipe)")

    token = _group(every, "token", "keys for programs")
    create = _command(
        token, "create", "make a token for `Authorization: Bearer`; shown once, kept as a hash", json=True
    )
    create.add_argument("label", help="what it is for")
    create.add_argument("--moderator", required=True, metavar="NAME", help="whose decisions the program's are")
    create.add_argument("--days", type=int, default=365, help="how long it lasts (365)")
    _site(create)

    policy = _group(every, "policy", "how a site judges")
    show = _command(policy, "show", "print the current policy as JSON")
    show.add_argument("site")
    install = _command(policy, "set", "install the policy in a file as the next version", json=True)
    install.add_argument("site")
    install.add_argument("file")
    history = _command(policy, "history", "list the versions, newest first", json=True)
    history.add_argument("site")

    page = _group(every, "page", "pages that are commented on")
    for name, what in (("close", "take no more comments on a page"), ("open", "take comments on a page again")):
        command = _command(page, name, what, json=True)
        command.add_argument("page", help="the page's key: its address, or what data-page says")
        _site(command)
    return root


def _group(every: Any, name: str, what: str) -> Any:  # noqa: ANN401 - argparse keeps the type of sub-parsers private
    group = every.add_parser(name, help=what, description=what.capitalize() + ".")
    return group.add_subparsers(dest="action", required=True, metavar="ACTION")


def _command(every: Any, name: str, what: str, more: str = "", *, json: bool = False) -> argparse.ArgumentParser:  # noqa: ANN401 - same
    description = what[0].upper() + what[1:] + "."
    command: argparse.ArgumentParser = every.add_parser(
        name,
        help=what,
        description=f"{description}\n\n{more}" if more else description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if json:
        command.add_argument("--json", action="store_true", help="print JSON for a program")
    return command


def _site(command: argparse.ArgumentParser) -> None:
    command.add_argument("--site", default="default", metavar="NAME", help="(default)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, 1 when it failed or found something wrong, 2 for wrong usage."""
    given = parser().parse_args(arguments)
    try:
        settings = read_settings(os.environ)
        match given.command:
            case "serve":
                server.serve(settings, first_run=given.setup)
                return 0
            case "judge":
                commands.judge(iter(sys.stdin.buffer.readline, b""), sys.stdout, commands.read_policy(given.policy))
                return 0
            case _:
                with commands.database_url(settings) as url:
                    return asyncio.run(_run(given, settings, url))
    except (commands.CommandError, EmbeddedError, MigrationError, SettingsError, Refusal) as error:
        print(f"trecento: {commands.explain(error)}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        sys.stderr.close()
        return 1


async def _run(given: argparse.Namespace, settings: Settings, url: str) -> int:
    match given.command, getattr(given, "action", None):
        case "migrate", _:
            applied = await commands.migrate(url)
            _tell(given, {"applied": applied}, *(f"applied {name}" for name in applied or ["nothing: all is there"]))
        case "counts", action:
            return await _counts(given, url, repair=action == "repair")
        case "site", _:
            site = await commands.add_site(url, given.name, given.origin)
            _tell(
                given,
                {"site": site.name, "origins": site.origins},
                f"The site {site.name} takes comments from its own pages"
                + "".join(f" and {origin}" for origin in site.origins),
            )
        case "moderator", _:
            asked = _ask_password() if given.ask else None
            password = await commands.add_moderator(url, settings, given.site, given.name, asked)
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
            _tell(given, {"page": page, "closed": action == "close"}, f"{action}: {page}")
    return 0


async def _counts(given: argparse.Namespace, url: str, *, repair: bool) -> int:
    wrong = await (commands.repair_counts if repair else commands.verify_counts)(url, commands.progress)
    lines = [f"{page.key}: {page.kept} is kept, {page.true_count} is true" for page in wrong]
    if wrong:
        lines.append(f"{len(wrong)} mended" if repair else "Mend them: trecento counts repair")
    _tell(given, {"wrong": wrong}, *(lines or ["Every count is right."]))
    return 1 if wrong and not repair else 0


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
        print(msgspec.json.format(msgspec.json.encode(history[0].policy), indent=2).decode())


def _ask_password() -> str:
    password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if not password:
        raise commands.CommandError("A password has at least one character.")
    return password


def _tell(given: argparse.Namespace, value: object, *lines: str) -> None:
    if given.json:
        print(msgspec.json.encode(value).decode())
    else:
        print("\n".join(lines))


if __name__ == "__main__":
    sys.exit(main())
