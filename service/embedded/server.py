"""The life of the embedded server: made, started or taken over, reached, stopped."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import signal
import time
from typing import TYPE_CHECKING, Self, TextIO

from service.embedded.account import account_for, let_in
from service.embedded.place import MAJOR, EmbeddedError, InUseError, Place, find_programs, private, socket_folder
from service.embedded.postmaster import PORT, USER, Postmaster

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

SETTLE = 10.0
"""Seconds in which what a killed server left behind must be gone."""
RECOVERY = 300.0
"""Seconds a server may take to be ready: replaying its log after a crash is what takes long."""
ORDERLY, AT_ONCE = 30.0, 10.0
"""Seconds for Postgres' "fast" shutdown, and then for its "immediate" one, which kills what is left after five."""
LOG_SIZE = 10_000_000
"""Bytes after which the next start puts the log aside."""
PASSING = ("already exists", "still in use", "unexpected postmaster exit")
"""What is in the log while processes of a killed server are still there; the last is their own farewell."""


class EmbeddedPostgres:
    """A running server that this process answers for, at the address `dsn`; a context manager that stops it."""

    def __init__(self, lock: TextIO, place: Place, sockets: Path) -> None:
        self._lock, self._place, self._sockets = lock, place, sockets
        self._server, self._child = _found_or_launched(place, sockets)
        self.dsn = self._server.dsn

    @property
    def pid(self) -> int:
        """Number of the server's process."""
        return self._server.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Shut the server down and set the folder free. Clients that are still there lose their connection."""
        if not self._lock.closed:
            with self._lock:
                _end(self.pid, self.gone)

    def revive(self) -> None:
        """Start a server that has died again, at the same address.

        Raises EmbeddedError.
        """
        self._server, self._child = _found_or_launched(self._place, self._sockets)

    def gone(self) -> bool:
        """Tell whether the server runs no longer."""
        return not self._server.alive() if self._child is None else self._child.poll() is not None


def start(folder: Path) -> EmbeddedPostgres:
    """Start the server of this folder, made at need, or take over one whose owner was killed.

    Raises EmbeddedError, and InUseError when another process answers for it. Never deletes data.
    """
    try:
        place = _place(folder)
        with contextlib.ExitStack() as stack:
            lock = stack.enter_context(_lock(place.folder))
            sockets = socket_folder(place)
            let_in(place, place.programs / "postgres", place.folder, sockets)
            if not _initialised(place):
                _initialise(place)
            server = EmbeddedPostgres(lock, place, sockets)
            stack.pop_all()
            return server
    except OSError as problem:
        raise _denied(folder, problem) from problem


@contextlib.contextmanager
def reach(folder: Path) -> Iterator[str]:
    """Give one command the address of this folder's server: of the running one, or of one that runs as long.

    Raises EmbeddedError.
    """
    try:
        own = start(folder)
    except InUseError:
        yield _running(folder).dsn
    else:
        with own:
            yield own.dsn


def _running(folder: Path) -> Postmaster:
    try:
        place = _place(folder)
        give_up = time.monotonic() + SETTLE
        while time.monotonic() < give_up:
            found = Postmaster.of(place)
            if found and found.answers(place):
                return found
            _breathe()
    except OSError as problem:
        raise _denied(folder, problem) from problem
    raise EmbeddedError(f"Another process has {folder}, and its database does not answer: see {place.log}")


def _place(folder: Path) -> Place:
    folder = folder.resolve()
    if folder.exists() and not folder.is_dir():
        raise EmbeddedError(f"{folder} is not a folder: move it away, or set TRECENTO_DATA to another")
    programs = find_programs()
    folder.mkdir(mode=0o700 if os.geteuid() else 0o711, parents=True, exist_ok=True)
    return Place(folder, programs, account_for(folder / "postgres"))


def _denied(folder: Path, problem: OSError) -> EmbeddedError:
    return EmbeddedError(
        f"{problem.filename or folder}: {problem.strerror}, for user {os.geteuid()}: mend that, "
        "or set TRECENTO_DATA to another folder"
    )


def _lock(folder: Path) -> TextIO:
    lock = private(folder / "lock").open("a+", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with lock:
            lock.seek(0)
            owner = lock.read().strip()
        raise InUseError(f"{folder} is in use by process {owner or '?'}: stop that one, or set TRECENTO_DATA") from None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def _initialised(place: Place) -> bool:
    if not place.data.exists() or (place.data.is_dir() and not any(place.data.iterdir())):
        return False
    try:
        major = (place.data / "PG_VERSION").read_text().strip()
    except (FileNotFoundError, NotADirectoryError):
        raise EmbeddedError(
            f"{place.data} is not a database, for it has no PG_VERSION: restore it from a backup, or move it away"
        ) from None
    if major != MAJOR:
        raise EmbeddedError(
            f"{place.data} was made by PostgreSQL {major} and this is {MAJOR}: move it over with pg_dump, "
            "or set DATABASE_URL to a server of that version"
        )
    return True


def _initialise(place: Place) -> None:
    fresh = place.folder / "postgres.new"
    if fresh.exists():
        shutil.rmtree(fresh)  # no data: what an interrupted start left
    fresh.mkdir(mode=0o700)
    place.own(fresh)
    code, said = place.run(
        *(place.programs / "initdb", "-D", fresh, f"--username={USER}", "--auth-local=trust", "--auth-host=reject"),
        *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        *("--set=timezone=UTC", "--set=log_timezone=UTC", "--set=max_connections=100", "--set=log_checkpoints=off"),
    )
    if code:
        with private(place.log).open("a") as log:
            log.write(said)
        raise EmbeddedError(f"No database can be made in {place.folder} ({_reason(said)}): see {place.log}")
    fresh.rename(place.data)


def _found_or_launched(place: Place, sockets: Path) -> tuple[Postmaster, subprocess.Popen[bytes] | None]:
    found = _survivor(place)
    return (found, None) if found else _launch(place, sockets)


def _survivor(place: Place) -> Postmaster | None:
    """Find the server whose owner was killed; wait while it starts or ends; None when there is none."""
    begun = time.monotonic()
    while (found := Postmaster.of(place)) and found.alive():
        if found.answers(place):
            return found
        if time.monotonic() - begun > (RECOVERY if found.status == "starting" else SETTLE):
            raise EmbeddedError(
                f"PostgreSQL, process {found.pid}, runs on {place.data} and does not answer: kill -INT {found.pid}"
            )
        _breathe()
    if found:
        # The number may be a stranger's by now, or a zombie's. Postgres takes the file for its own when it says its
        # parent's number, and still sees by the rest of it whether processes of the killed server use the data.
        path = place.data / "postmaster.pid"
        path.write_text(f"{os.getpid()}\n" + path.read_text().partition("\n")[2])
        found.socket_lock.unlink(missing_ok=True)
    return None


def _launch(place: Place, sockets: Path) -> tuple[Postmaster, subprocess.Popen[bytes]]:
    give_up = time.monotonic() + SETTLE
    if place.log.exists() and place.log.stat().st_size > LOG_SIZE:
        place.log.rename(place.log.with_suffix(".log.old"))
    while True:
        with private(place.log).open("a+b") as output:
            before = output.tell()
            child = place.popen(
                *(place.programs / "postgres", "-D", place.data, "-p", PORT),
                *("-c", "listen_addresses=", "-c", f"unix_socket_directories={sockets}"),
                output=output,
            )
            if server := _ready(place, child):
                return server, child
            output.seek(before)
            said = output.read().decode(errors="replace")
        if time.monotonic() > give_up or not any(words in said for words in PASSING):
            raise EmbeddedError(
                f"PostgreSQL does not start on {place.data} ({_reason(said)}): nothing was changed; see {place.log}, "
                "restore a backup, or set TRECENTO_DATA to a new folder"
            )
        _breathe()


def _ready(place: Place, child: subprocess.Popen[bytes]) -> Postmaster | None:
    give_up = time.monotonic() + RECOVERY
    server = None
    try:
        while child.poll() is None and time.monotonic() < give_up:
            found = Postmaster.of(place)
            if found and found.pid == child.pid and found.answers(place):
                server = found
                return server
            _breathe()
    finally:
        if not server:
            _end(child.pid, lambda: child.poll() is not None)
    return None


def _end(pid: int, gone: Callable[[], bool]) -> None:
    for manner, seconds in ((signal.SIGINT, ORDERLY), (signal.SIGQUIT, AT_ONCE)):
        if gone():
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, manner)
        give_up = time.monotonic() + seconds
        while not gone() and time.monotonic() < give_up:
            _breathe()


def _reason(output: str) -> str:
    """Find what a program of Postgres gives as the reason in what it wrote."""
    said = re.findall(r"(?:FATAL|PANIC|initdb: error): +(.+)", output) or output.split("\n")
    return next((line.strip() for line in reversed(said) if line.strip()), "without a word")


def _breathe() -> None:
    time.sleep(0.02)
