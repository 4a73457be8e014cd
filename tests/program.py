"""Runs the service's commands as an operator does: as processes, with an environment of their own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.conftest import SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-m", "service"]
SECONDS = 60.0


def environment(**settings: str) -> dict[str, str]:
    """Return our environment without settings of the service but these."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith("TRECENTO_") and name != "DATABASE_URL"
    }
    return {**kept, "PYTHONPATH": str(ROOT), **settings}


class Program:
    """The commands in one folder, on one database."""

    def __init__(self, folder: Path, url: str = "") -> None:
        self.folder = folder
        self.settings = {"DATABASE_URL": url, "TRECENTO_SECRET": SECRET}

    def run(
        self, *arguments: str | bytes, given: bytes = b"", settings: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run one command to its end."""
        return subprocess.run(  # noqa: S603 - no shell; arguments of the tests
            [*COMMAND, *arguments],
            input=given,
            capture_output=True,
            check=False,
            cwd=self.folder,
            timeout=SECONDS,
            env=environment(**{**self.settings, **(settings or {})}),
        )

    def says(self, *arguments: str | bytes, given: bytes = b"") -> str:
        """Run a command that succeeds, and return what it prints."""
        ran = self.run(*arguments, given=given)
        assert (ran.returncode, ran.stderr) == (0, b""), ran
        return ran.stdout.decode().strip()

    def fails(self, *arguments: str | bytes, given: bytes = b"", settings: Mapping[str, str] | None = None) -> str:
        """Run a command that cannot go on, and return the one line that says why."""
        ran = self.run(*arguments, given=given, settings=settings)
        assert ran.returncode == 1, ran
        [line] = ran.stderr.decode().splitlines()
        assert line.startswith("trecento: ")
        assert ran.stdout == b""
        return line.removeprefix("trecento: ")


class Serving:
    """A running `serve`."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self._log = log
        self.said = ""
        assert process.stdout
        for line in process.stdout:
            self.said += line
            if line.startswith("Ctrl-C"):
                break
        found = re.search(r"^Trecento serves on (http://\S+)$", self.said, re.MULTILINE)
        assert found, (self.said, process.wait(), log.read_text())
        self.address = found[1]

    def ask(self, path: str, **document: Any) -> Any:
        request = urllib.request.Request(  # noqa: S310 - our own address
            self.address + path,
            data=json.dumps(document).encode() if document else None,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - same
            return json.load(answer)

    @property
    def workers(self) -> list[int]:
        """The processes that answer for a supervisor, in the order of their start."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(number) for number in path.read_text().split()]

    def logged(self) -> list[dict[str, Any]]:
        """Everything that was written to the log so far."""
        lines = self._log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """Send a signal; return the exit code and what was still printed."""
        self.process.send_signal(number)
        printed, _ = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, printed


@contextmanager
def serving(folder: Path, *arguments: str, **settings: str) -> Iterator[Serving]:
    """Serve on a free port, with the data in a folder, until the block ends."""
    log = folder / "log"
    with (
        log.open("wb") as written,
        subprocess.Popen(  # noqa: S603 - our own program
            [*COMMAND, "serve", *arguments],
            stdout=subprocess.PIPE,
            stderr=written,
            cwd=folder,
            text=True,
            env=environment(TRECENTO_PORT="0", TRECENTO_DATA=str(folder / "data"), **settings),
        ) as process,
    ):
        try:
            yield Serving(process, log)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=SECONDS)
