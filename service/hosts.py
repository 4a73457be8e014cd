"""Connects to whichever host of an address serves, so that a silent one does not use up the time of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import asyncpg

if TYPE_CHECKING:
    from asyncpg import Connection

CONNECT_SECONDS = 5.0
NEXT = (
    OSError,  # TimeoutError is one of them
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,  # still starting, or shutting down
    asyncpg.TargetServerAttributeNotMatched,  # a standby where a primary was asked for
)


class Hosts:
    """The servers of one address, `postgresql://one,other/name`; the one that served last is asked first."""

    def __init__(self, url: str) -> None:
        self._urls = split(url)
        self._first = 0

    async def connect(
        self,
        dsn: str | None = None,  # noqa: ARG002 - a pool hands over the address that was taken apart here
        *,
        timeout: float = CONNECT_SECONDS,  # noqa: ASYNC109 - asyncpg's own, shared out among the hosts
        **more: Any,  # noqa: ANN401 - what asyncpg.connect takes
    ) -> Connection[Any]:
        """Return a connection as asyncpg makes it, within so many seconds.

        Raises what the last host that was asked raises.
        """
        hosts = len(self._urls)
        for turn in range(hosts):
            host = (self._first + turn) % hosts
            try:
                connection: Connection[Any] = await asyncpg.connect(self._urls[host], timeout=timeout / hosts, **more)
            except NEXT:
                if turn == hosts - 1:
                    raise
            else:
                self._first = host
                return connection
        raise AssertionError


def split(url: str) -> list[str]:
    """Return an address for each host of an address, in their order.

    `prefer-standby` compares the hosts with one another, so its address stays whole.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if query.get("target_session_attrs") == "prefer-standby":
        return [url]
    user, at, hosts = parts.netloc.rpartition("@")
    if "," in hosts:
        return [parts._replace(netloc=f"{user}{at}{host}").geturl() for host in hosts.split(",")]
    named = query.get("host", "").split(",")
    ports = query.get("port", "").split(",")
    if len(named) == 1 or len(ports) not in {1, len(named)}:  # asyncpg says what is wrong with the numbers
        return [url]
    if len(ports) == 1:
        ports *= len(named)
    return [
        parts._replace(query=urlencode({**query, "host": host} | ({"port": port} if port else {}))).geturl()
        for host, port in zip(named, ports, strict=True)
    ]
