"""Readers who post through every accident, and keep what they were promised."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import aiohttp
import asyncpg

from tests.waiting import until

if TYPE_CHECKING:
    from tests.program import Program

AGAIN_SECONDS = 0.05
GIVE_UP = 120.0
STORED = {201, 202}


class Crowd:
    """Posts comments over several connections, each with a key of its own, again and again until it is answered."""

    def __init__(self, address: str, *, comments: int = 1000, readers: int = 16, pages: int = 20) -> None:
        self.address = address
        self.comments = comments
        self.pages = pages
        self.readers = readers
        self.promised: defaultdict[int, set[str]] = defaultdict(set)
        """The ids that were given for each comment."""
        self.refused: list[int] = []
        """Statuses of answers that stored nothing."""
        self.lost = 0
        """Requests that were never answered."""

    async def post_all(self) -> None:
        """Post every comment until it is acknowledged."""
        numbers = iter(range(self.comments))
        connector = aiohttp.TCPConnector(limit=self.readers)
        async with asyncio.timeout(GIVE_UP), aiohttp.ClientSession(connector=connector) as session:

            async def read_and_write() -> None:
                for number in numbers:
                    while not await self._post(session, number):  # noqa: ASYNC110 - the server has no event to wait for
                        await asyncio.sleep(AGAIN_SECONDS)

            async with asyncio.TaskGroup() as readers:
                for _ in range(self.readers):
                    readers.create_task(read_and_write())

    async def until(self, share: float) -> None:
        """Wait until a share of the comments is acknowledged."""
        async with asyncio.timeout(GIVE_UP):
            while len(self.promised) < share * self.comments:  # noqa: ASYNC110 - every reader would have to wake it
                await asyncio.sleep(0.005)

    async def _post(self, session: aiohttp.ClientSession, number: int) -> bool:
        comment = {"page": f"page-{number % self.pages}", "body": f"Thought number {number} of the crowd at the river"}
        headers = {
            "Idempotency-Key": f"key-{number}",
            "X-Forwarded-For": f"198.51.{number // 250}.{number % 250}",
        }
        try:
            async with session.post(f"{self.address}/v1/comments", json=comment, headers=headers) as answer:
                told: Any = await answer.json(content_type=None)
        except (aiohttp.ClientError, OSError, ValueError):
            self.lost += 1
            return False
        if answer.status not in STORED:
            assert answer.status == 503, told
            assert int(answer.headers["Retry-After"]) > 0
            self.refused.append(answer.status)
            return False
        self.promised[number].add(told["id"])
        return True

    async def verify(self, program: Program, url: str) -> None:
        """Make sure that every promise was kept once, that the counts are right, and that asking again adds nothing."""
        await self._compare(url)
        await self.post_all()
        await self._compare(url)
        assert await asyncio.to_thread(program.says, "counts", "verify") == "Every count is right."

    async def _compare(self, url: str) -> None:
        connection = await asyncpg.connect(url)
        try:
            rows = await connection.fetch("select comment_id, idempotency_key from comments")
            shown = {
                row["key"]: row["approved_count"]
                for row in await connection.fetch("select key, approved_count from pages")
            }
        finally:
            await connection.close()
        stored = {row["idempotency_key"]: str(row["comment_id"]) for row in rows}
        assert len(rows) == len(stored) == self.comments
        assert {f"key-{number}": ids for number, ids in self.promised.items()} == {
            key: {comment} for key, comment in stored.items()
        }

        async def told() -> bool:
            pages = [("page", key) for key in shown]
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"{self.address}/v1/counts", params=pages) as answer,
            ):
                return bool((await answer.json())["counts"] == shown)

        await until(told)
