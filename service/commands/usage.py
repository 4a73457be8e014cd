"""What can be typed: every command with its arguments, a sentence and an example."""

from __future__ import annotations

import argparse
from typing import Any

from service import __version__
from service.commands.reaching import CONNECT_SECONDS
from service.commands.retaining import STATUSES, statuses

SETTINGS = """settings, from the environment:
  DATABASE_URL              a PostgreSQL 15 to 18; an embedded one is started without it
  TRECENTO_HOST             127.0.0.1
  TRECENTO_PORT             8080
  TRECENTO_DATA             .trecento       embedded database and secret
  TRECENTO_SECRET           made and kept in TRECENTO_DATA; the same for every process of a service
  TRECENTO_TRUSTED_PROXIES  none            addresses or networks whose X-Forwarded-For is believed, by comma
  TRECENTO_RATE_PER_MINUTE  30              comments from one address, to each worker; 0 for any number
  TRECENTO_METRICS_FROM     127.0.0.0/8,... addresses or networks that may ask for /metrics; private ones by default
  TRECENTO_WORKERS          1               processes that answer
  TRECENTO_DRAIN_SECONDS    10              for what is under way when the service stops
  TRECENTO_DATABASE_POOLER  none            'transaction' when a PgBouncer of that mode is at DATABASE_URL
  TRECENTO_DIRECT_URL       DATABASE_URL    PostgreSQL itself, past the pooler
  TRECENTO_REPLICA_URL      none            a standby for what pages read
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

    serve = _command(
        every,
        "serve",
        "serve article pages and moderators over HTTP, until Ctrl-C",
        "trecento serve --setup\n"
        "TRECENTO_PORT=9000 DATABASE_URL=postgresql://trecento@db/trecento trecento serve --workers 2",
        """With several workers, SIGHUP puts new processes in the place of the old ones, which first end what they have
begun: a new version of the program serves without a pause.""",
    )
    serve.add_argument(
        "--workers",
        type=int,
        choices=range(1, 257),
        metavar="NUMBER",
        help="processes that answer on the same port, started again when they die (TRECENTO_WORKERS)",
    )
    serve.add_argument(
        "--setup",
        action="store_true",
        help="first migrate, and make the site 'default' and a moderator where there are none",
    )
    _wait(serve)
    migrate = _stored(
        every,
        "migrate",
        "bring the database to this version; safe to run twice and at the same time",
        "trecento migrate\ntrecento migrate --wait 60 --json\ntrecento migrate --citus",
    )
    migrate.add_argument(
        "--citus",
        action="store_true",
        help="then distribute the tables by site, on the coordinator of a Citus cluster; never run on one: try a copy",
    )
    judge = _command(
        every,
        "judge",
        "judge lines of text without a database",
        "echo 'What a f.u.c.k.i.n.g game' | trecento judge\ntrecento judge --policy policy.json < comments.jsonl",
        """Reads one comment a line, as text or as a JSON object with "text" (and "author", when there is one), and
writes {"text", "status", "findings"} as JSON for each. Spans count code points of the text that is written. For an
empty line, and for one of over 300 characters, the status is "refused", and "problem" is what the service would answer:
{"type", "title", "status", "detail"}, and "limit" and "length" where the comment is too long.""",
    )
    judge.add_argument("--policy", metavar="FILE", help="a policy as JSON, instead of the one new sites get")

    counts = _group(every, "counts", "compare the counts of pages with their comments")
    _stored(
        counts,
        "verify",
        "exit with 1 when a count is wrong, and name the pages",
        "trecento counts verify || trecento counts repair",
    )
    _stored(counts, "repair", "set every wrong count right, while the service runs", "trecento counts repair --json")

    retention = _stored(
        every,
        "retention",
        "delete a site's old comments, with what was found in them and decided on them, and bans and tokens that ended",
        "trecento retention --site gazette --days 365\n"
        "trecento retention --days 30 --status rejected,removed --dry-run --json",
        """Deletes in small steps while the service runs; the counts of pages are right after each. Answers to a comment
that goes stay. It may be stopped at any time and run again, from cron for example.""",
    )
    _site(retention)
    retention.add_argument(
        "--days", type=int, choices=range(1, 36_501), required=True, metavar="DAYS", help="comments older than these"
    )
    retention.add_argument(
        "--status",
        type=statuses,
        default=list(STATUSES),
        metavar="STATUS,…",
        help=f"only comments that are this now: {', '.join(STATUSES)} (all)",
    )
    retention.add_argument("--dry-run", action="store_true", help="count, and delete nothing")

    site = _group(every, "site", "sites that are served")
    add = _stored(
        site,
        "add",
        "make a site, or let more origins write to it",
        "trecento site add gazette --origin https://gazette.example --origin https://www.gazette.example",
    )
    add.add_argument("name", help="lower-case letters, digits and hyphens")
    add.add_argument(
        "--origin", action="append", default=[], metavar="URL", help="scheme and host of the article pages; repeatable"
    )

    moderator = _group(every, "moderator", "people who decide")
    add = _stored(
        moderator,
        "add",
        "make a moderator; the password is made and shown once, or asked for",
        "trecento moderator add Ada\npass show ada | trecento moderator add Ada --site gazette --ask",
    )
    password = _stored(
        moderator,
        "password",
        "give a moderator another password, and end the moderator's sessions and tokens",
        "trecento moderator password editor",
    )
    for command in (add, password):
        command.add_argument("name")
        _site(command)
        command.add_argument("--ask", action="store_true", help="ask for the password (or read it from a pipe)")

    token = _group(every, "token", "keys for programs")
    create = _stored(
        token,
        "create",
        "make a token for `Authorization: Bearer`; shown once, kept as a hash",
        "trecento token create nightly-report --moderator Ada --days 90",
    )
    create.add_argument("label", help="what it is for")
    create.add_argument("--moderator", required=True, metavar="NAME", help="whose decisions the program's are")
    create.add_argument(
        "--days", type=int, choices=range(1, 3651), default=365, metavar="DAYS", help="1 to 3650 days of life (365)"
    )
    _site(create)

    policy = _group(every, "policy", "how a site judges")
    show = _stored(
        policy, "show", "print the current policy as JSON", "trecento policy show gazette > policy.json", json=False
    )
    show.add_argument("site")
    install = _stored(
        policy,
        "set",
        "install the policy in a file as the next version",
        "trecento policy set gazette policy.json",
    )
    install.add_argument("site")
    install.add_argument("file")
    history = _stored(policy, "history", "list the versions, newest first", "trecento policy history gazette")
    history.add_argument("site")

    page = _group(every, "page", "pages that are commented on")
    for name, what in (("close", "take no more comments on a page"), ("open", "take comments on a page again")):
        command = _stored(page, name, what, f"trecento page {name} https://gazette.example/news/bridge --site gazette")
        command.add_argument("page", help="the page's key: its address, or what data-page says")
        _site(command)
    return root


def _group(every: Any, name: str, what: str) -> Any:  # noqa: ANN401 - argparse keeps the type of sub-parsers private
    group = every.add_parser(name, help=what, description=f"{_sentence(what)}")
    return group.add_subparsers(dest="action", required=True, metavar="ACTION")


def _command(every: Any, name: str, what: str, examples: str, more: str = "") -> argparse.ArgumentParser:  # noqa: ANN401 - same
    lines = "".join(f"\n  {example}" for example in examples.splitlines())
    command: argparse.ArgumentParser = every.add_parser(
        name,
        help=what,
        description=f"{_sentence(what)}\n\n{more}" if more else _sentence(what),
        epilog=f"examples:{lines}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return command


def _stored(
    every: Any,  # noqa: ANN401 - same
    name: str,
    what: str,
    examples: str,
    more: str = "",
    *,
    json: bool = True,
) -> argparse.ArgumentParser:
    command = _command(every, name, what, examples, more)
    _wait(command)
    if json:
        command.add_argument("--json", action="store_true", help="print JSON for a program")
    return command


def _sentence(what: str) -> str:
    return f"{what[0].upper()}{what[1:]}."


def _wait(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--wait",
        type=float,
        default=CONNECT_SECONDS,
        metavar="SECONDS",
        help=f"how long the database may take to answer ({CONNECT_SECONDS:g})",
    )


def _site(command: argparse.ArgumentParser) -> None:
    command.add_argument("--site", default="default", metavar="NAME", help="(default)")
