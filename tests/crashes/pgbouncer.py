"""A PgBouncer that gives each transaction another server, before a cluster."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from tests.crashes.cluster import ACCOUNT, answers, free_port, wait

if TYPE_CHECKING:
    from pathlib import Path

    from tests.crashes.cluster import Cluster

PROGRAM = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
GIVE_UP = 30.0


class PgBouncer:
    """One that has few servers for many clients."""

    def __init__(self, folder: Path, cluster: Cluster, *, servers: int = 2, mode: str = "transaction") -> None:
        self.port = free_port()
        self._log = folder / f"pgbouncer-{self.port}.log"
        self._settings = folder / f"pgbouncer-{self.port}.ini"
        self._settings.write_text(
            f"""
[databases]
* = host=127.0.0.1 port={cluster.port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {servers}
server_login_retry = 1
""",
            encoding="utf-8",
        )
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres") -> str:
        """Return the address of a database through it."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}?sslmode=disable"

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        assert PROGRAM
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the machine's own program
                [PROGRAM, self._settings], stdout=log, stderr=log, user=ACCOUNT
            )
        wait(lambda: answers(self.port))

    def kill(self) -> None:
        """End it at once, with every connection."""
        assert self._process
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it if it runs."""
        if self._process and self._process.poll() is None:
            self.kill()
