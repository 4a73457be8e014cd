"""Runs the service's commands as an operator does: as processes, with an environment of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conftest import SECRET

if TYPE_CHECKING:
    from collections.abc import Mapping

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
