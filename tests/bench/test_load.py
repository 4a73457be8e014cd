"""The measuring program, in runs too short to tell anything: it must be there when somebody needs it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from array import array
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from service.model import Policy
from service.moderation.judge import Judge
from tests.bench.load import work, wrk
from tests.bench.load.generator import Crowd, arrivals, percentile
from tests.crashes.cluster import needed
from tests.program import ROOT, environment

if TYPE_CHECKING:
    from pathlib import Path

    from service.moderation.lexicon import Lexicon

SECONDS = 60.0


def measured(*arguments: str) -> Any:
    """Run the program to its end; return what it found."""
    ran = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "tests.bench.load", "--json", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=environment(),
        timeout=SECONDS,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_everything_is_measured_and_drawn(postgres: str, tmp_path: Path) -> None:
    picture = tmp_path / "performance.svg"
    shortest = ["--seconds", "0.1", "--rounds", "1", "--comments", "200", "--generator", "own", "--rates", "50,100"]
    parts = ["--throughput", "--latency", "--size", "300", "--few", "200"]
    found = measured(*parts, "--database", postgres, *shortest, "--plot", str(picture))
    rows = {(row["work"], row["server"]): row for row in found["throughput"]}
    for name in work.TITLES:
        ours, bare = rows[name, "trecento"], rows[name, "bare aiohttp"]
        assert (ours["not_2xx"], bare["not_2xx"]) == (0, 0)
        assert ours["of_bare"] == pytest.approx(ours["rounds"][0] / bare["rounds"][0], rel=0.01)
        assert ours["rss_bytes"] > 0
    inserted = [row for row in found["throughput"] if row["work"] == "insert"]
    assert len(inserted) == 2
    assert all(row["per_second"] > 0 or row["skipped"] == "pgbench is not installed" for row in inserted)
    assert [(waited["work"], waited["rate"]) for waited in found["latency"]] == [
        (name, rate) for name in ("post", "one") for rate in (50, 100)
    ]
    assert all(0 < waited["p50"] <= waited["p99"] <= waited["most"] for waited in found["latency"])
    assert found["bytes_for_a_comment"]["comments"] > work.LENGTH
    drawn = "".join(ET.parse(picture).getroot().itertext())  # noqa: S314 - our own picture
    assert all(title in drawn for title in work.TITLES.values())
    assert [row["work"] for row in found["size"]] == ["one", "list", "older", "post", "mixed"]
    assert all(row["p50_ratio"] > 0 and row["not_2xx"] == 0 for row in found["size"])


@pytest.fixture
async def refusing() -> Any:
    """A server that refuses every second comment."""
    asked = 0
    bodies: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        bodies.append((await request.json())["body"])
        return web.Response(status=201 if asked % 2 else 422)

    application = web.Application()
    application.router.add_post("/v1/comments", answer)
    server = TestServer(application)
    await server.start_server()
    yield server, bodies
    await server.close()


def load(server: TestServer) -> work.Load:
    return work.trecento(f"127.0.0.1:{server.port}", "post", work.pages(2))


async def test_wrk_sends_each_text_once_and_tells_what_was_refused(refusing: Any, tmp_path: Path) -> None:
    needed(wrk.WRK, "wrk")
    server, bodies = refusing
    address = str(server.make_url("/"))
    ran = await asyncio.to_thread(wrk.run, tmp_path, address, load(server), connections=2, seconds=1, start=10**8)
    assert abs(ran.bad - ran.requests / 2) <= 2
    assert len(set(bodies)) == len(bodies) >= ran.requests > 0
    assert {len(body) for body in bodies} == {work.LENGTH}


async def test_our_generator_sends_each_text_once_and_tells_what_was_refused(refusing: Any) -> None:
    server, bodies = refusing
    crowd = Crowd(str(server.make_url("/")), load(server).requests(10**8), 2)
    ran = await asyncio.to_thread(crowd.run, total=100)
    assert (len(ran.latencies), ran.bad) == (100, 50)
    assert len(set(bodies)) == len(bodies) == 100
    assert {len(body) for body in bodies} == {work.LENGTH}


async def test_a_pause_is_felt_by_everybody_who_came_meanwhile() -> None:
    """Forty readers come in 0.2 s; the first one's answer takes as long, over the only connection."""
    pause = 0.2

    async def answer(_: web.Request) -> web.Response:
        nonlocal pause
        await asyncio.sleep(pause)
        pause = 0.0
        return web.Response()

    application = web.Application()
    application.router.add_get("/", answer)
    server = TestServer(application)
    await server.start_server()
    request = work.get("127.0.0.1", "/")
    crowd = Crowd(str(server.make_url("/")), iter(lambda: request, None), 1)
    ran = await asyncio.to_thread(crowd.run, seconds=0.2, due=iter([place * 0.005 for place in range(40)] + [1.0]))
    await server.close()
    assert len(ran.latencies) == 40
    assert ran.percentile(0.5) > 80  # a client that waits for its turn would have said almost nothing


def test_every_comment_that_is_sent_is_another_and_is_let_pass(lexicon: Lexicon) -> None:
    judge = Judge(Policy(), lexicon)
    marks = [work.mark(piece * (work.PIECE**2 + work.PIECE + 1)) for piece in range(work.PIECE)]
    assert len(set(marks)) == work.PIECE
    assert [mark for mark in marks if judge.judge(mark).status != "approved"] == []


def test_readers_come_as_often_as_they_are_to() -> None:
    coming = arrivals(1000)
    assert 9 < [next(coming) for _ in range(10_000)][-1] < 11


def test_a_percentile_is_what_so_many_do_not_exceed() -> None:
    seconds = array("d", [number / 1000 for number in range(100, 0, -1)])
    assert [percentile(seconds, share) for share in (0.5, 0.99, 1)] == [51, 100, 100]
    assert percentile(array("d"), 0.5) == 0
