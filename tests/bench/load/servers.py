"""Who is measured: our service, bare aiohttp and Isso, each a family of processes at an address."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from service import commands
from service.model import NewAuthorRule, Policy, RepeatRule, WindowRule
from tests.bench.load import work
from tests.program import ROOT, environment, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.bench.load.work import Load

START = 60.0
PROCESSES = 4
"""Of uWSGI for each worker of ours, as in Isso's documentation: they wait for the disk."""
POSTED_BY_ONE = Policy(
    rules=msgspec.structs.replace(
        Policy().rules,
        duplicate=RepeatRule(action="off"),
        copied=RepeatRule(action="off"),
        flood=WindowRule(action="off"),
        new_author=NewAuthorRule(action="off"),
    )
)
"""Every rule of text, and none that speaks against a machine that writes much."""
ISSO = """
[general]
dbpath = {folder}/comments.db
host = {address}
log-file = {folder}/isso.log
[moderation]
enabled = false
[server]
listen = {address}
[guard]
enabled = false
"""


@dataclass(frozen=True)
class Server:
    """Somebody who answers."""

    name: str
    address: str
    pid: int
    loads: dict[str, Load]
    """What to send for each work."""


def prepare(url: str) -> None:
    """Do what `trecento migrate`, `trecento site add` and `trecento policy set` do to a new database."""

    async def prepared() -> None:
        await commands.migrate(url)
        await commands.add_site(url, "default", ())
        await commands.set_policy(url, "default", POSTED_BY_ONE)

    asyncio.run(prepared())


@contextmanager
def trecento(url: str, folder: Path, keys: list[str], workers: int, names: Sequence[str]) -> Iterator[Server]:
    """Serve from a prepared database, believing the loopback network on whose comments it passes on."""
    settings = {
        "DATABASE_URL": url,
        "TRECENTO_SECRET": secrets.token_hex(16),
        "TRECENTO_RATE_PER_MINUTE": "0",
        "TRECENTO_TRUSTED_PROXIES": "127.0.0.1",
    }
    with serving(folder, "--workers", str(workers), **settings) as service:
        host = urlsplit(service.address).netloc
        loads = {name: work.trecento(host, name, keys) for name in names}
        yield Server("trecento", service.address, service.process.pid, loads)


@contextmanager
def bare(ours: Server, folder: Path, keys: list[str], workers: int, names: Sequence[str]) -> Iterator[Server]:
    """Serve what our service answers to the first request of each work, as fixed bytes."""
    answers = {}
    for name in ("one", "thirty", "list", "mixed"):
        path = "counts" if name in {"one", "thirty"} else "comments"
        [first, *_] = work.trecento("", name, keys).reads
        with urllib.request.urlopen(ours.address + first.split()[1].decode(), timeout=START) as answer:  # noqa: S310 - our own address
            answers[f"/{name}/{path}"] = answer.read().decode()
    told = folder / "answers.json"
    told.write_text(json.dumps(answers), encoding="utf-8")
    command = [sys.executable, "-m", "tests.bench.load.bare", str(told), "--workers", str(workers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment()) as process:  # noqa: S603 - our own program
        try:
            address = process.stdout.readline().strip() if process.stdout else ""
            host = urlsplit(address).netloc
            _until(lambda: _answers(f"{address}/one/counts"), "bare aiohttp")
            loads = {name: work.trecento(host, name, keys, f"/{name}") for name in names}
            yield Server("bare aiohttp", address, process.pid, loads)
        finally:
            process.send_signal(signal.SIGTERM)


def isso_programs(folder: Path) -> Path:
    """Install Isso, and uWSGI to serve it, into a folder, unless they are there; return their programs.

    Raises RuntimeError with the reason when they cannot be had.
    """
    programs = folder / "bin"
    if not (programs / "isso").exists() or not (programs / "uwsgi").exists():
        for command in (
            [sys.executable, "-m", "venv", str(folder)],
            [str(programs / "pip"), "install", "--quiet", "--disable-pip-version-check", "isso", "pyuwsgi"],
        ):
            ran = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - no shell; pip and venv
            if ran.returncode:
                why = [line for line in ran.stderr.splitlines() if line.strip()] or ["without a word"]
                raise RuntimeError(why[-1])
    return programs


@contextmanager
def isso(programs: Path, folder: Path, pages: int, workers: int, names: Sequence[str]) -> Iterator[Server]:
    """Serve Isso by uWSGI as its documentation does, with its guard off and its SQLite file in a folder."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    host = urlsplit(address).netloc
    settings = folder / "isso.cfg"
    settings.write_text(ISSO.format(folder=folder, address=address), encoding="utf-8")
    command = [
        str(programs / "uwsgi"),
        *("--http", host, "--http-keepalive=75", "--master", "--die-on-term", "--disable-logging"),
        *("--processes", str(PROCESSES * workers)),
        *(
            "--cache2",
            "name=hash,items=1024,blocksize=32",
            "--module",
            "isso.run",
            "--virtualenv",
            str(programs.parent),
        ),
    ]
    with (
        (folder / "uwsgi.log").open("wb") as log,
        subprocess.Popen(  # noqa: S603 - the program that was installed for this
            command, stdout=log, stderr=log, cwd=folder, env={**os.environ, "ISSO_SETTINGS": str(settings)}
        ) as process,
    ):
        try:
            _until(lambda: _answers(f"{address}/?uri=%2Fnothing"), "Isso")
            loads = {name: work.isso(host, name, [""] * pages) for name in names}
            yield Server("Isso", address, process.pid, loads)
        finally:
            process.send_signal(signal.SIGTERM)


def isso_version(programs: Path) -> str:
    """Return which Isso was installed."""
    ran = subprocess.run([programs / "pip", "show", "isso"], capture_output=True, text=True, check=True)  # noqa: S603 - same
    found = re.search(r"^Version: (\S+)", ran.stdout, re.MULTILINE)
    return found[1] if found else "?"


def _answers(address: str) -> bool:
    with suppress(OSError):
        try:
            urllib.request.urlopen(address, timeout=START).close()  # noqa: S310 - our own address
        except urllib.error.HTTPError as error:
            error.close()  # whatever it says, somebody answers
        return True
    return False


def _until(holds: Callable[[], bool], name: str) -> None:
    deadline = time.monotonic() + START
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{name} does not answer")
        time.sleep(0.02)
