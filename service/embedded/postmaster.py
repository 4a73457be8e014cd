"""Knows a running server by the file that it keeps in its data."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from service.embedded.place import Place

PORT = "5432"
USER = "postgres"
"""The name of the only role, and of the database, as `initdb` makes them."""


@dataclass(frozen=True, slots=True)
class Postmaster:
    """What the file `postmaster.pid` says of a server: its process, where it listens, how far it is."""

    pid: int
    sockets: str
    status: str

    @classmethod
    def of(cls, place: Place) -> Postmaster | None:
        """Read the file; None when there is none, when it is half written, or came along with copied data."""
        try:
            pid, data, _, _, sockets, _, _, status = (place.data / "postmaster.pid").read_text().splitlines()
        except (FileNotFoundError, ValueError):
            return None
        return cls(int(pid), sockets, status.strip()) if Path(data) == place.data else None

    @property
    def dsn(self) -> str:
        """The address, whole, so that no PGPORT or the like is asked."""
        return f"postgresql://{USER}@/{USER}?" + urlencode({"host": self.sockets, "port": PORT})

    @property
    def socket_lock(self) -> Path:
        """The file that keeps two servers from one socket."""
        return Path(self.sockets) / f".s.PGSQL.{PORT}.lock"

    def alive(self) -> bool:
        """Tell a Postgres from a zombie, and from a stranger who was given its number since."""
        try:
            os.kill(self.pid, 0)
        except OSError:  # there is none, or it is not ours, as a Postgres of this folder would be
            return False
        with contextlib.suppress(OSError):  # where there is no /proc the number must do
            name, _, rest = Path(f"/proc/{self.pid}/stat").read_text().partition("(")[2].rpartition(")")
            return name == "postgres" and rest.split()[0] not in "ZX"
        return True

    def answers(self, place: Place) -> bool:
        """Open a connection, as a client would."""
        asked = (place.programs / "pg_isready", "-q", "-h", self.sockets, "-p", PORT, "-U", USER, "-d", USER)
        return self.status == "ready" and place.run(*asked)[0] == 0
