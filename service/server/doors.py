"""The sockets on which connections arrive, and where a person finds what is behind them."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack

from service.commands import CommandError

BACKLOG = 1024
"""Connections that wait for a busy or a dead worker; the system may allow fewer."""


def listen(host: str, port: int, times: int = 1) -> list[list[socket.socket]]:
    """Return so many sets of sockets, each with one for every address of the host, all at one port; 0 is a free one.

    The system spreads connections over the sets. Raises CommandError when the port is taken, also by another service
    that would share it.
    """
    try:
        return _listen(host, port, times)
    except OSError as error:
        raise CommandError(
            f"{host}:{port} cannot be listened on ({error.strerror or error}). Is a service"
            " running there? Choose another port with TRECENTO_PORT."
        ) from error


def _listen(host: str, port: int, times: int) -> list[list[socket.socket]]:
    sets: list[list[socket.socket]] = [[] for _ in range(times)]
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    missing = None
    with ExitStack() as stack:
        for family, address in dict.fromkeys((family, address) for family, *_, address in found):
            try:
                first = stack.enter_context(socket.socket(family))
                _bind(first, (address[0], port, *address[2:]))
            except OSError as error:
                if error.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                    raise
                missing = error  # a name may stand for an address that this machine has not, as ::1 for localhost
                continue
            port = first.getsockname()[1]
            sets[0].append(first)
            if times > 1:
                # Only now, so that the first one could not join the sockets of another service.
                first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            for members in sets[1:]:
                door = stack.enter_context(socket.socket(family))
                door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                _bind(door, first.getsockname())
                members.append(door)
        if missing and not sets[0]:
            raise missing
        for door in (door for members in sets for door in members):
            door.listen(BACKLOG)
        stack.pop_all()
    return sets


def _bind(door: socket.socket, address: tuple[object, ...]) -> None:
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if door.family == socket.AF_INET6:
        door.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    door.bind(address)


def greet(door: socket.socket) -> None:
    """Say where everything is."""
    host, port = door.getsockname()[:2]
    base = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    print(f"Trecento serves on {base}\n")
    print(f"  a demo article   {base}/")
    print(f"  the desk         {base}/desk")
    print(f"  the API          {base}/docs\n")
    print("Ctrl-C stops it.", flush=True)
