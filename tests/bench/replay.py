"""Posts real comments to a running service and checks that all that was acknowledged is stored.

    make run                                               # in another terminal
    .venv/bin/python tests/bench/replay.py comments.csv    # a CSV file with a column `text`

Each reader has an address of the loopback network and writes five comments, fewer than make a flood.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import os
import secrets
import statistics
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import asyncpg
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).parents[2]))

from service import commands
from service.settings import read

BY_READER = 5
OUTCOMES = {201: "approved", 202: "held"}


@dataclass
class Outcome:
    """What the service answered, and how long it took."""

    statuses: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    acknowledged: list[UUID] = field(default_factory=list)


def texts(path: Path) -> list[str]:
    """Return the comments of a file."""
    csv.field_size_limit(10_000_000)
    with path.open(encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file)]


def address(reader: int) -> str:
    """Return a loopback address for each reader (RFC 1122, section 3.2.1.3: all of 127/8 is the host itself)."""
    rest, last = divmod(reader, 254)
    second, third = divmod(rest, 256)
    return f"127.{1 + second % 254}.{third}.{1 + last}"


async def post(session: aiohttp.ClientSession, url: str, comment: dict[str, str], outcome: Outcome) -> None:
    """Post one comment, again when the service says so, with the same key."""
    headers = {"Idempotency-Key": secrets.token_hex(16)}
    while True:
        started = time.perf_counter()
        async with session.post(f"{url}/v1/comments", json=comment, headers=headers) as response:
            answer = await response.json(content_type=None)
            outcome.seconds.append(time.perf_counter() - started)
            if response.status not in {429, 503}:
                break
            await asyncio.sleep(float(response.headers["Retry-After"]))
    if response.status in OUTCOMES:
        outcome.statuses[OUTCOMES[response.status]] += 1
        outcome.acknowledged.append(UUID(answer["id"]))
    elif "comment" in answer:
        outcome.statuses["rejected"] += 1
        outcome.acknowledged.append(UUID(answer["comment"]))
    else:
        outcome.statuses[f"refused: {answer['type'].rpartition('/')[2]}"] += 1
    for reason in answer.get("reasons", []):
        outcome.rules[reason["rule"]] += 1


async def replay(url: str, comments: list[str], pages: int, connections: int) -> tuple[Outcome, float]:
    """Post every comment over so many pages and connections."""
    outcome = Outcome()
    run = secrets.token_hex(4)
    first_reader = secrets.randbelow(2**20)
    waiting = iter(enumerate(comments))
    bar = tqdm(total=len(comments), unit=" comments", disable=not sys.stderr.isatty())
    readers = iter(range(first_reader, first_reader + 10**9))

    async def work() -> None:
        exhausted = False
        while not exhausted:
            connector = aiohttp.TCPConnector(local_addr=(address(next(readers)), 0))
            async with aiohttp.ClientSession(connector=connector) as session:
                for _ in range(BY_READER):
                    place, text = next(waiting, (0, None))
                    if text is None:
                        exhausted = True
                        break
                    comment = {"page": f"replay:{run}:{place % pages}", "body": text}
                    await post(session, url, comment, outcome)
                    bar.update()

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(connections)))
    seconds = time.perf_counter() - started
    bar.close()
    return outcome, seconds


async def missing(database: str, acknowledged: list[UUID]) -> int:
    """Return how many acknowledged comments are not stored exactly once."""
    connection = await asyncpg.connect(database)
    try:
        rows = await connection.fetch("select comment_id from comments where comment_id = any($1)", acknowledged)
    finally:
        await connection.close()
    stored = Counter(row["comment_id"] for row in rows)
    return sum(stored[comment] != 1 for comment in acknowledged)


def report(outcome: Outcome, seconds: float, lost: int, wrong: int) -> dict[str, Any]:
    """Return the figures."""
    ordered = sorted(outcome.seconds)
    return {
        "posted": sum(outcome.statuses.values()),
        "outcomes": dict(outcome.statuses.most_common()),
        "reasons": dict(outcome.rules.most_common()),
        "median_ms": round(statistics.median(ordered) * 1000, 2),
        "p99_ms": round(ordered[int(len(ordered) * 0.99)] * 1000, 2),
        "per_second": round(len(ordered) / seconds),
        "acknowledged": len(outcome.acknowledged),
        "acknowledged_but_not_stored_once": lost,
        "wrong_counts": wrong,
    }


def show(figures: dict[str, Any]) -> None:
    """Print the figures for a person."""
    print(f"{figures['posted']:,} comments posted, {figures['per_second']:,} a second")
    for name, number in figures["outcomes"].items():
        print(f"  {number:6,}  {name}")
    print("findings that counted, by rule")
    for name, number in figures["reasons"].items():
        print(f"  {number:6,}  {name}")
    print(f"time to answer: median {figures['median_ms']} ms, p99 {figures['p99_ms']} ms")
    print(
        f"{figures['acknowledged']:,} acknowledged, {figures['acknowledged_but_not_stored_once']} of them not stored"
        f" exactly once; {figures['wrong_counts']} counts wrong"
    )


def main() -> int:
    """Replay a file and return 1 when something was lost or a count is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    try:
        outcome, seconds = asyncio.run(replay(given.url, texts(given.file), given.pages, given.connections))
    except aiohttp.ClientConnectionError as error:
        print(f"{given.url} does not answer ({error}). Start it: make run", file=sys.stderr)
        return 1
    with commands.database_url(read(os.environ)) as database:
        lost = asyncio.run(missing(database, outcome.acknowledged))
        wrong = len(asyncio.run(commands.verify_counts(database)))
    figures = report(outcome, seconds, lost, wrong)
    if given.json:
        print(json.dumps(figures))
    else:
        show(figures)
    return 1 if lost or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
