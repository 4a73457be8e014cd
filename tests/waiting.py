"""Waits for what must come true, and fails when it does not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

GIVE_UP = 20.0


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = GIVE_UP) -> None:
    """Ask again and again until the answer is yes."""
    async with asyncio.timeout(seconds):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.005)
