"""A PostgreSQL of the machine's own, durable, that can be killed, started again, followed and promoted."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), default=None)
ACCOUNT = "postgres" if os.geteuid() == 0 else None
"""PostgreSQL refuses root."""
GIVE_UP = 30.0
SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = on
full_page_writes = on
synchronous_commit = on
timezone = 'UTC'
max_wal_senders = 4
wal_level = replica
hot_standby = on
logging_collector = off
"""


def needed(program: str | Path | None, name: str) -> None:
    """Skip a test for which the machine lacks a program; in CI everything must be there."""
    if program is None or shutil.which(program) is None:
        assert not os.environ.get("CI"), f"{name} is missing"
        pytest.skip(f"needs {name}")


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def answers(port: int) -> bool:
    """Say whether somebody listens on a port."""
    with socket.socket() as knocking:
        return knocking.connect_ex(("127.0.0.1", port)) == 0


def descendants(pid: int) -> list[int]:
    """Return the processes that a process has started, and those that they have."""
    found: list[int] = []
    with contextlib.suppress(OSError):  # it ends at this moment
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text(encoding="ascii").split():
                found += [int(child), *descendants(int(child))]
    return found


def kill(pids: list[int]) -> None:
    """Kill processes at once."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def gone(pids: list[int]) -> bool:
    """Say whether all of these processes have ended."""
    return not any(_runs(pid) for pid in pids)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait(holds: Callable[[], bool]) -> None:
    """Ask again and again until the answer is yes."""
    deadline = time.monotonic() + GIVE_UP
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Cluster:
    """One server in a folder, on a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._data = folder / "data"
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres") -> str:
        """Return the address of a database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}?sslmode=disable"

    def make(self) -> None:
        """Make an empty one."""
        self._run("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
        self.set(SETTINGS)

    def follow(self, primary: Cluster, name: str) -> None:
        """Make a standby of another."""
        self._run(
            "pg_basebackup", "--write-recovery-conf", "--checkpoint=fast", "--no-sync", f"--dbname={primary.dsn(name)}"
        )

    def dsn(self, name: str) -> str:
        """Return how a standby of this name connects."""
        return f"host=127.0.0.1 port={self.port} user=postgres application_name={name}"

    def set(self, settings: str) -> None:
        """Add settings, which hold from the next start."""
        with (self._data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(settings)

    def start(self) -> None:
        """Start it and wait until it answers."""
        assert PROGRAMS
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - PostgreSQL's own program
                [PROGRAMS / "postgres", "-D", self._data, "-p", str(self.port)],
                stdout=log,
                stderr=log,
                user=ACCOUNT,
                start_new_session=True,
            )
        wait(self._ready)

    def _ready(self) -> bool:
        assert PROGRAMS
        assert self._process
        assert self._process.poll() is None, (self.folder / "log").read_text()
        ask = [str(PROGRAMS / "pg_isready"), "--quiet", "--host=127.0.0.1", f"--port={self.port}"]
        return subprocess.run(ask, check=False).returncode == 0  # noqa: S603 - same

    def kill(self) -> None:
        """Kill the postmaster and every process it started, at once."""
        assert self._process
        pids = [self._process.pid, *descendants(self._process.pid)]
        kill(pids)
        self._process.wait()
        wait(lambda: gone(pids))

    def promote(self) -> None:
        """Make a standby the primary, and wait until it is."""
        self._run("pg_ctl", "promote", "--wait", "--silent")

    def stop(self) -> None:
        """Stop it if it runs; what a power cut would lose is not missed any more."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=GIVE_UP)

    def _run(self, program: str, *arguments: str) -> None:
        assert PROGRAMS
        subprocess.run(  # noqa: S603 - PostgreSQL's own programs
            [PROGRAMS / program, "--pgdata", str(self._data), *arguments],
            check=True,
            capture_output=True,
            user=ACCOUNT,
            cwd=self.folder,
            timeout=GIVE_UP,
        )
