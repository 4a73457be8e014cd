"""What machines ask: whether the service lives, whether it can work, and its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web
from msgspec import Struct

from service import wire
from service.telemetry import exposition

if TYPE_CHECKING:
    from service.postgres import Database
    from service.telemetry import Telemetry

EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


class Health(Struct, frozen=True):
    """One word."""

    status: str


class Operators:
    """Handlers for machines."""

    def __init__(self, database: Database, telemetry: Telemetry) -> None:
        self._database = database
        self._telemetry = telemetry

    async def live(self, _request: web.Request) -> web.Response:
        """Answer as long as the process runs."""
        return wire.reply(Health("live"))

    async def ready(self, _request: web.Request) -> web.Response:
        """Answer when the database does."""
        await self._database.one("ready")
        return wire.reply(Health("ready"))

    async def metrics(self, _request: web.Request) -> web.Response:
        """Give the numbers in the Prometheus text format."""
        return web.Response(body=exposition(await self._telemetry.total()), headers={"Content-Type": EXPOSITION})
