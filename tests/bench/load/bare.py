"""The least that aiohttp does: JSON in and out with nothing stored, and fixed bytes."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import uvloop
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

JSON = {"Content-Type": "application/json"}
REPLY = {"id": "01890a5d-ac96-774b-bcce-b302099a8057", "status": "approved", "count": 51, "reasons": []}


def build(answers: Mapping[str, str]) -> web.Application:
    """Return the application, which gives these answers by path and takes comments beside them."""
    application = web.Application()
    for path, text in answers.items():
        application.router.add_get(path, _giving(text.encode()))
    for path in ("/post/comments", "/mixed/comments"):
        application.router.add_post(path, _take)
    return application


def _giving(body: bytes) -> Callable[[web.Request], Coroutine[None, None, web.Response]]:
    async def give(_: web.Request) -> web.Response:
        return web.Response(body=body, headers=JSON)

    return give


async def _take(request: web.Request) -> web.Response:
    document = msgspec.json.decode(await request.read())
    return web.Response(body=msgspec.json.encode({**REPLY, **document}), status=201, headers=JSON)


async def _serve(answers: Mapping[str, str], port: int) -> None:
    runner = web.AppRunner(build(answers), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024, reuse_port=True).start()
    await asyncio.Event().wait()


def main() -> None:
    """Serve with so many processes until SIGTERM; the first line that is printed is the address."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("answers", type=Path, help="JSON: what to answer, by path")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    answers = json.loads(given.answers.read_text(encoding="utf-8"))
    held = socket.socket()  # keeps the port for those who listen at it
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind(("127.0.0.1", 0))
    port = held.getsockname()[1]
    workers = []
    for _ in range(given.workers):
        if worker := os.fork():
            workers.append(worker)
        else:
            uvloop.run(_serve(answers, port))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    print(f"http://127.0.0.1:{port}", flush=True)
    try:
        signal.pause()
    finally:
        for worker in workers:
            os.kill(worker, signal.SIGTERM)


if __name__ == "__main__":
    main()
