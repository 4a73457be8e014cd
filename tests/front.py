"""The reverse proxy that ships, in front of a service of the tests: a real nginx with that very file."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec
import pytest

from tests.conftest import Answer
from tests.waiting import GIVE_UP

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from yarl import URL

ROOT = Path(__file__).parent.parent
FILE = ROOT / "docs" / "nginx.conf"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
LISTEN, UPSTREAM, STATE = "listen 8080;", "server service:8080 ", "/var/cache/nginx/"
"""What is put in place of these: an address on loopback, the service under test, a folder of the test."""


def needs(program: str, found: str | None) -> str:
    """Return where a program is; without it a test fails in CI and is skipped elsewhere."""
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"{program} is not installed")
        pytest.skip(f"{program} is not installed")
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


@dataclass
class Front:
    """A running nginx and a client of it."""

    port: int
    folder: Path
    session: aiohttp.ClientSession

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def ask(self, method: str, path: str | URL, **more: Any) -> Answer:
        address = f"{self.origin}{path}" if isinstance(path, str) else path
        async with self.session.request(method, address, **more) as response:
            body = await response.read()
            parsed = msgspec.json.decode(body) if response.content_type.endswith("json") and body else None
            return Answer(response.status, response.headers, body, parsed)

    async def post(self, body: str, page: str = "page", **headers: str) -> Answer:
        return await self.ask("POST", "/v1/comments", json={"page": page, "body": body}, headers=headers)

    async def count(self, page: str = "page") -> Answer:
        return await self.ask("GET", f"/v1/counts?page={page}")

    async def spoken(self, said: bytes) -> bytes:
        """Say something over a socket of its own and return the answer; nothing when the other side hangs up."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(said)
            async with asyncio.timeout(GIVE_UP):
                head = await reader.readuntil(b"\r\n\r\n")
                [length] = re.findall(rb"(?i)content-length: (\d+)", head)
                return head + await reader.readexactly(int(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""
        finally:
            writer.close()

    def told(self) -> list[dict[str, Any]]:
        """Return the lines of the access log; that of an answer comes after it."""
        return [msgspec.json.decode(line) for line in (self.folder / "access").read_bytes().splitlines()]

    def errors(self) -> str:
        return (self.folder / "errors").read_text()


@contextmanager
def running(
    upstream: int, *, marks: tuple[str, ...] = (), replace: Mapping[str, str] | None = None, **directives: str
) -> Iterator[tuple[int, Path]]:
    """Run nginx in front of a port and give its own port and folder.

    Marked lines are read where a mark is named; what is to be replaced is, and directives get another value.
    """
    program = needs("nginx", NGINX)
    port = free_port()
    # Started by root, nginx works as nobody, who may not pass through pytest's folders.
    folder = Path(tempfile.mkdtemp(prefix="trecento-nginx-"))
    folder.chmod(0o755)
    text = FILE.read_text()
    for mark in marks:
        assert f"#{mark}# " in text
        text = text.replace(f"#{mark}# ", "")
    substitutes = {LISTEN: f"listen 127.0.0.1:{port};", UPSTREAM: f"server 127.0.0.1:{upstream} ", STATE: f"{folder}/"}
    for shipped, ours in {**substitutes, **(replace or {})}.items():
        assert shipped in text
        text = text.replace(shipped, ours)
    for directive, value in directives.items():
        text, times = re.subn(rf"(?m)^(\s*){directive} [^;]+;", rf"\g<1>{directive} {value};", text)
        assert times, directive
    (folder / "nginx.conf").write_text(text)
    with (folder / "access").open("wb") as access, (folder / "errors").open("wb") as errors:
        process = subprocess.Popen(  # noqa: S603 - nginx
            [program, "-c", folder / "nginx.conf", "-g", "daemon off;"], stdout=access, stderr=errors
        )
    try:
        give_up = time.monotonic() + GIVE_UP
        while not listening(port):
            assert process.poll() is None, (folder / "errors").read_text()
            assert time.monotonic() < give_up
            time.sleep(0.005)
        yield port, folder
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)


def listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@asynccontextmanager
async def front(
    upstream: int, *, marks: tuple[str, ...] = (), replace: Mapping[str, str] | None = None, **directives: str
) -> AsyncIterator[Front]:
    """Run nginx in front of a port, as above, and give a client of it."""
    with running(upstream, marks=marks, replace=replace, **directives) as (port, folder):
        async with client(port, folder) as nginx:
            yield nginx


@asynccontextmanager
async def client(port: int, folder: Path) -> AsyncIterator[Front]:
    # Each request is somebody else's: it comes over a connection of its own.
    crowd = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(connector=crowd) as session:
        yield Front(port, folder, session)
