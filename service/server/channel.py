"""What a worker and its supervisor say to each other, over a pair of sockets that ends with either of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from service.telemetry import Numbers

if TYPE_CHECKING:
    import socket

LENGTH = 4
"""Bytes in front of a message that say how long it is."""


class Ready(msgspec.Struct, tag=True, frozen=True):
    """A worker answers requests from now on."""


class Told(msgspec.Struct, tag=True, frozen=True):
    """What a worker has counted so far; it may ask for what all have."""

    numbers: Numbers
    asks: bool = False


class Total(msgspec.Struct, tag=True, frozen=True):
    """What all workers have counted, those that are gone too."""

    numbers: Numbers


class Covers(msgspec.Struct, tag=True, frozen=True):
    """A worker answers at these places too, from now on and until it is told others, because nobody else does."""

    places: frozenset[int]


Message = Ready | Told | Total | Covers


class Inheritance(msgspec.Struct, frozen=True):
    """What a worker finds open when it starts, by the numbers of the files."""

    channel: int
    place: int
    """Which of the doors are its own."""
    doors: list[list[int]]


class Channel:
    """One end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def over(cls, end: socket.socket) -> Channel:
        """Speak over a connected socket, which belongs to the channel from now on."""
        end.setblocking(False)  # noqa: FBT003 - the socket's own signature
        return cls(*await asyncio.open_unix_connection(sock=end))

    async def send(self, message: Message) -> None:
        """Say something; nobody may be there any more."""
        said = msgspec.msgpack.encode(message)
        self._writer.write(len(said).to_bytes(LENGTH, "big") + said)
        await self._writer.drain()

    async def receive(self) -> Message | None:
        """Return what the other end says next; None when it is gone.

        Raises msgspec.MsgspecError for what is no message of this version.
        """
        try:
            length = int.from_bytes(await self._reader.readexactly(LENGTH), "big")
            said = await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        message: Message = msgspec.msgpack.decode(said, type=Message)
        return message

    def close(self) -> None:
        """Hang up."""
        self._writer.close()
