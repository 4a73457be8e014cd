"""What machines ask: whether the service lives, whether it can work, and its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web
from msgspec import Struct

from service import wire
from service.errors import OperatorsOnly, SchemaMismatch
from service.identity import among
from service.telemetry import exposition

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ipaddress import IPv4Network, IPv6Network

    from service.postgres import Database
    from service.telemetry import Telemetry

FORWARDED = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via")
"""Headers with which a proxy says that somebody else asks."""
EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


class Health(Struct, frozen=True):
    """One word."""

    status: str


class Operators:
    """Handlers for machines."""

    def __init__(
        self,
        database: Database,
        telemetry: Telemetry,
        *,
        version: int,
        networks: Sequence[IPv4Network | IPv6Network],
    ) -> None:
        self._database = database
        self._telemetry = telemetry
        self._version = version
        self._networks = networks

    async def live(self, _request: web.Request) -> web.Response:
        """Answer as long as the process runs."""
        return wire.reply(Health("live"))

    async def ready(self, _request: web.Request) -> web.Response:
        """Answer when the database does, and is at the version that this code is written for.

        Raises SchemaMismatch.
        """
        row = await self._database.one("ready")
        found = row["version"] if row else None
        if found != self._version:
            raise SchemaMismatch(
                f"The database is at version {found or 0}, this service at {self._version}: "
                + ("install the newer service." if (found or 0) > self._version else "run trecento migrate."),
                database=found or 0,
                service=self._version,
            )
        return wire.reply(Health("ready"))

    async def metrics(self, request: web.Request) -> web.Response:
        """Give the numbers in the Prometheus text format.

        Raises OperatorsOnly.
        """
        if not among(request.remote or "", self._networks) or any(name in request.headers for name in FORWARDED):
            raise OperatorsOnly
        return web.Response(body=exposition(await self._telemetry.total()), headers={"Content-Type": EXPOSITION})
