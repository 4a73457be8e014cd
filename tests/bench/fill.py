"""Fills a database with comments, to measure at size: `python tests/bench/fill.py --comments 1000000`."""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
from collections import Counter
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import accumulate, islice
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
from msgspec import json
from tqdm import tqdm

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from service.commands import CommandError, current  # noqa: E402 - the path comes first
from service.moderation.text import fingerprint  # noqa: E402 - same
from service.postgres import Database  # noqa: E402 - same
from service.store.sites import SiteStore  # noqa: E402 - same

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    Connection = asyncpg.Connection[Any]
    Row = tuple[Any, ...]

NEWS = Path(__file__).with_name("news.txt")
CHUNK = 25_000
"""Comments of one transaction: its pages' counts change with it, so that they are right whenever somebody stops."""
REPLIES = 0.1
NAMED = 0.3
KEYED = 0.5
DOUBTED = 0.1
"""Shares: comments that answer another, readers with a name, comments with a key, approved after a look."""
REPEATED = 0.02
COMMON = ("First!", "This.", "So true", "Who cares?", "Thank you for this article", "Wake up, people")
"""What many write; its share of all comments."""
COMMENTS = (
    "site_id", "comment_id", "page_id", "parent_id", "author", "author_key", "address_key", "body", "fingerprint",
    "status", "risk", "policy_version", "submitted_at", "idempotency_key", "request_hash",
)  # fmt: skip
FINDINGS = (
    "site_id", "comment_id", "ordinal", "rule", "effect", "shadow", "failed", "score", "spans", "note",
)  # fmt: skip
DECISIONS = (
    "site_id", "comment_id", "seq", "from_status", "to_status", "policy_version", "moderator_id", "decided_at",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a database is filled with."""

    comments: int = 300_000
    pages: int = 1000
    sites: int = 1
    site: str = "bench"
    hot: float = 1 / 3
    """The share of a site's comments that stand on its first page."""
    hot_address: float = 0.02
    """The share that comes from one address, under one name."""
    status: dict[str, float] = field(
        default_factory=lambda: {"approved": 0.82, "held": 0.1, "rejected": 0.06, "removed": 0.02}
    )
    until: datetime = field(default_factory=lambda: datetime.now(UTC))
    days: float = 90.0
    seed: int = 300


class Site:
    """A site that is being filled: its pages, and the newest comment on each that can be answered."""

    def __init__(self, site: int, number: int, shape: Shape) -> None:
        self.id = site
        self.number = number
        self.pages = [key(f"page {site} {page}") for page in range(shape.pages)]
        self.keys = [f"https://news.example/{number}/article-{page}" for page in range(shape.pages)]
        self.moderator = key(f"moderator {site}")
        self.answerable: dict[UUID, UUID] = {}


def digest(text: str) -> bytes:
    """Return sixteen bytes that stand for a text."""
    return blake2b(text.encode(), digest_size=16).digest()


def key(text: str) -> UUID:
    """Return a UUID that stands for a text."""
    return UUID(bytes=digest(text), version=4)


def new_id(at: datetime, chance: random.Random) -> UUID:
    """Return a UUIDv7 (RFC 9562) of a moment."""
    high = int(at.timestamp() * 1000) << 80 | 7 << 76 | chance.getrandbits(12) << 64
    return UUID(int=high | 2 << 62 | chance.getrandbits(62))


class Author:
    """Makes the rows of comments with their findings and decisions."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._chance = chance = random.Random(shape.seed)
        self._statuses = list(shape.status)
        self._weights = list(accumulate(shape.status.values()))
        self._common = [(text, fingerprint(text)) for text in COMMON]
        phrases = [line for line in NEWS.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
        self._sentences = [", ".join(chance.choices(phrases, k=1 + int(9 * chance.random() ** 2))) for _ in range(5000)]
        self._first = shape.until - timedelta(days=shape.days)
        self._crowd = max(shape.comments // 20, 1)
        self._known: dict[int, tuple[str | None, bytes, bytes]] = {}

    def rows(self, site: Site, number: int, at: datetime) -> tuple[Row, list[Row], list[Row]]:
        """Return one comment, its findings and its decisions."""
        chance = self._chance.random
        comment = new_id(at, self._chance)
        page = site.pages[0 if chance() < self._shape.hot else int(len(site.pages) * chance() ** 2)]
        body, print_ = self._text(number)
        name, author, address = self._reader()
        [status] = self._chance.choices(self._statuses, cum_weights=self._weights)
        parent = site.answerable.get(page) if chance() < REPLIES else None
        keyed = chance() < KEYED
        doubted = status != "approved" or chance() < DOUBTED
        risk = round(chance(), 2) if doubted else 0.0
        if status == "approved":
            site.answerable[page] = comment
        row = (
            site.id, comment, page, parent, name, author, address, body, print_, status, risk, 1, at,
            f"{print_.hex()}-{number}" if keyed else None, print_ if keyed else None,
        )  # fmt: skip
        findings = [self._finding(site, comment, status, risk)] if doubted else []
        return row, findings, self._decisions(site, comment, status, at, doubted=doubted)

    def _text(self, number: int) -> tuple[str, bytes]:
        """Return a text and what stands for it: a true fingerprint where it is repeated, chance where it is unique."""
        chance = self._chance.random
        if chance() < REPEATED:
            return self._common[int(len(self._common) * chance())]
        return f"{self._sentences[int(5000 * chance())][:290]} {number}", self._chance.randbytes(16)

    def _reader(self) -> tuple[str | None, bytes, bytes]:
        """Return the name, if any, and the keys of one of the crowd, in which few write much."""
        chance = self._chance.random
        number = 0 if chance() < self._shape.hot_address else 1 + int(self._crowd * chance() ** 3)
        if number not in self._known:
            name = f"Reader {number}" if number and chance() < NAMED else None
            self._known[number] = name, digest(f"author {number}"), digest(f"address {number}")
        return self._known[number]

    @staticmethod
    def _finding(site: Site, comment: UUID, status: str, risk: float) -> Row:
        effect = "reject" if status == "rejected" else "hold"
        return site.id, comment, 0, "links", effect, False, False, risk, "[[0, 2]]", "links=2"

    @staticmethod
    def _decisions(site: Site, comment: UUID, status: str, at: datetime, *, doubted: bool) -> list[Row]:
        """Return how a comment came to its status: by the policy, or by a moderator after it."""
        by_policy = {"approved": "held" if doubted else "approved", "removed": "approved"}.get(status, status)
        made: list[Row] = [(site.id, comment, 1, None, by_policy, 1, None, at)]
        if by_policy != status:
            made.append((site.id, comment, 2, by_policy, status, None, site.moderator, at + timedelta(minutes=5)))
        return made

    def moments(self) -> Iterator[datetime]:
        """Give the time of each comment, the first one first."""
        step = timedelta(days=self._shape.days) / max(self._shape.comments, 1)
        for number in range(self._shape.comments):
            yield self._first + step * number


async def fill(url: str, shape: Shape, *, quiet: bool = False, analyze: bool = True) -> dict[str, int]:
    """Fill a database; return how many rows were written of what.

    Raises CommandError when it is not at this version, or one of the sites has comments already.
    """
    await current(url)
    sites = await _sites(url, shape)
    connection = await asyncpg.connect(url)
    try:
        # Every row is consistent as it is made; to look each reference up again would take half the time.
        with suppress(asyncpg.InsufficientPrivilegeError):
            await connection.execute("set session_replication_role = replica")
        author = Author(shape)
        moments = enumerate(author.moments())
        written: Counter[str] = Counter(pages=shape.pages * len(sites))
        async with _without_indexes(connection):
            with tqdm(total=shape.comments, unit=" comments", unit_scale=True, disable=True if quiet else None) as bar:
                while wrote := await _write(connection, author, sites, islice(moments, CHUNK)):
                    written.update(wrote)
                    bar.update(wrote["comments"])
                bar.set_description_str("indexing")
        await connection.execute("set session_replication_role = default")
        if analyze:
            await connection.execute("vacuum (analyze) sites, policies, pages, comments, findings, decisions")
        return dict(written)
    finally:
        await connection.close()


async def _sites(url: str, shape: Shape) -> list[Site]:
    """Make the sites with their pages, all of them empty."""
    database = Database(url, connections=1)
    await database.open()
    connection = await asyncpg.connect(url)
    made = []
    try:
        for number in range(shape.sites):
            name = shape.site if number == 0 else f"{shape.site}-{number + 1}"
            stored = await SiteStore(database).add(name, (), shape.until)
            site = Site(stored.id, number, shape)
            if await connection.fetchval("select exists (select from pages where page_id = $1)", site.pages[0]):
                raise CommandError(f"The site {name} is full already. Give another name with --site.")
            await connection.execute(
                "insert into moderators (site_id, moderator_id, name, password_hash, created_at)"
                " values ($1, $2, 'Bench', 'nobody signs in with this', $3)",
                *(site.id, site.moderator, shape.until),
            )
            at = shape.until - timedelta(days=shape.days)
            await connection.copy_records_to_table(
                "pages",
                records=[
                    (site.id, page, name, f"Article {place}", at)
                    for place, (page, name) in enumerate(zip(site.pages, site.keys, strict=True))
                ],
                columns=("site_id", "page_id", "key", "title", "created_at"),
            )
            made.append(site)
    finally:
        await connection.close()
        await database.close()
    return made


@asynccontextmanager
async def _without_indexes(connection: Connection) -> AsyncIterator[None]:
    """Take the indexes from an empty table of comments and build them at the end: faster, and all or nothing."""
    if await connection.fetchval("select exists (select from comments)"):
        yield
        return
    async with connection.transaction():
        indexes = await connection.fetch(
            "select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as definition from pg_index"
            " where indrelid = 'comments'::regclass"
            " and not exists (select from pg_constraint where conindid = indexrelid)"
        )
        for index in indexes:
            await connection.execute(f"drop index {index['name']}")
        yield
        await connection.execute("set local maintenance_work_mem = '256MB'")
        for index in indexes:
            await connection.execute(index["definition"])


async def _write(
    connection: Connection, author: Author, sites: Sequence[Site], moments: Iterator[tuple[int, datetime]]
) -> dict[str, int]:
    """Write comments and what belongs to them, all or nothing; return how many rows of what."""
    findings: list[Row] = []
    decisions: list[Row] = []
    shown: Counter[tuple[int, UUID]] = Counter()
    written = 0

    def comments() -> Iterator[Row]:  # made while those before are on their way
        nonlocal written
        for number, at in moments:
            row, found, decided = author.rows(sites[number % len(sites)], number, at)
            findings.extend(found)
            decisions.extend(decided)
            shown[row[0], row[2]] += row[9] == "approved"
            written += 1
            yield row

    async with connection.transaction():
        await connection.copy_records_to_table("comments", records=comments(), columns=COMMENTS)
        if not written:
            return {}
        await connection.copy_records_to_table("findings", records=findings, columns=FINDINGS)
        await connection.copy_records_to_table("decisions", records=decisions, columns=DECISIONS)
        await connection.execute(
            "update pages set approved_count = approved_count + shown.count, revision = revision + 1"
            " from unnest($1::bigint[], $2::uuid[], $3::int[]) as shown (site_id, page_id, count)"
            " where pages.site_id = shown.site_id and pages.page_id = shown.page_id",
            [site for site, _ in shown],
            [page for _, page in shown],
            list(shown.values()),
        )
    return {"comments": written, "findings": len(findings), "decisions": len(decisions)}


def statuses(text: str) -> dict[str, float]:
    """Read shares of statuses, such as `approved=0.8,held=0.2`."""
    told = dict(part.split("=") for part in text.split(","))
    shares = {name.strip(): float(share) for name, share in told.items()}
    if set(shares) - {"approved", "held", "rejected", "removed"} or not sum(shares.values()) > 0:
        raise ValueError(text)
    return shares


def parser() -> argparse.ArgumentParser:
    """Return the parser of what can be typed."""
    given = argparse.ArgumentParser(
        description="Fill a migrated database with comments, findings and decisions that belong together. The counts of"
        " the pages are exact whenever it stops: trecento counts verify. Several hundred thousand comments a minute.",
        epilog="""examples:
  DATABASE_URL=postgresql://localhost/bench python tests/bench/fill.py --comments 1000000
  python tests/bench/fill.py postgresql://localhost/bench --comments 10000000 --pages 50000 --hot 0.01
  python tests/bench/fill.py --site gazette --sites 20 --status approved=0.5,held=0.5 --json""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    shape = Shape()
    given.add_argument("url", nargs="?", default=os.environ.get("DATABASE_URL"), help="of the database (DATABASE_URL)")
    given.add_argument("--comments", type=int, default=shape.comments, help=f"over all sites ({shape.comments:,})")
    given.add_argument("--pages", type=int, default=shape.pages, help=f"of each site ({shape.pages:,})")
    given.add_argument("--sites", type=int, default=shape.sites, help=f"new sites ({shape.sites})")
    given.add_argument(
        "--site", default=shape.site, help=f"name of the first site, the others add -2, … ({shape.site})"
    )
    given.add_argument("--hot", type=float, default=shape.hot, help="share of comments on the first page (0.33)")
    given.add_argument("--days", type=float, default=shape.days, help=f"up to now that they span ({shape.days:g})")
    given.add_argument("--status", type=statuses, default=shape.status, help="shares, as approved=0.8,held=0.2")
    given.add_argument("--seed", type=int, default=shape.seed, help=f"the same gives the same texts ({shape.seed})")
    given.add_argument("--json", action="store_true", help="print JSON for a program")
    return given


def main() -> int:
    """Fill what was asked for and say how long it took."""
    given = parser().parse_args()
    if not given.url:
        print("Which database? Set DATABASE_URL, or give its address.", file=sys.stderr)
        return 2
    told = {name: value for name, value in vars(given).items() if name not in {"url", "json"}}
    started = perf_counter()
    try:
        written = asyncio.run(fill(given.url, Shape(**told)))
    except CommandError as error:
        print(error, file=sys.stderr)
        return 1
    seconds = perf_counter() - started
    if given.json:
        print(json.encode({**written, "seconds": round(seconds, 1)}).decode())
    else:
        print(f"{', '.join(f'{rows:,} {table}' for table, rows in written.items())} in {seconds:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
