"""`trecento serve` as a process on one port, killed and started again."""

from __future__ import annotations

import signal
import subprocess
from typing import TYPE_CHECKING

from tests.conftest import SECRET
from tests.crashes.cluster import descendants, free_port, gone, kill, wait
from tests.program import COMMAND, environment

if TYPE_CHECKING:
    from pathlib import Path

GIVE_UP = 60.0


class Serving:
    """The service, with as many addresses of readers as a test likes."""

    def __init__(self, folder: Path, *arguments: str, **settings: str) -> None:
        self._folder = folder
        self._arguments = arguments
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.settings = {
            "TRECENTO_PORT": str(self.port),
            "TRECENTO_SECRET": SECRET,
            "TRECENTO_RATE_PER_MINUTE": "0",
            "TRECENTO_TRUSTED_PROXIES": "127.0.0.1",
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process that was started."""
        assert self._process
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it serves."""
        said = self._folder / "serve.log"
        with said.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [*COMMAND, "serve", "--setup", *self._arguments],
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env=environment(**self.settings),
            )

        def ready() -> bool:
            assert self._process
            assert self._process.poll() is None, said.read_text(encoding="utf-8")
            return "Ctrl-C stops it." in said.read_text(encoding="utf-8")

        wait(ready)

    def kill(self) -> None:
        """Kill it and every process that it started, at once."""
        assert self._process
        pids = [self._process.pid, *descendants(self._process.pid)]
        kill(pids)
        self._process.wait()
        wait(lambda: gone(pids))

    def kill_a_worker(self) -> None:
        """Kill the oldest of its workers, and leave it to the service to start another."""
        kill([min(descendants(self.pid))])

    def stop(self) -> None:
        """Stop it in order if it runs."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(GIVE_UP)
