"""`trecento serve --workers 2` as processes: who answers when one dies, when all are relieved, when all end."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import pytest
from structlog.testing import capture_logs

from service.server.doors import listen
from service.server.supervisor import Supervisor
from tests.conftest import SECRET, named, run
from tests.program import COMMAND, ROOT, SECONDS, Program, Serving, serving
from tests.test_telemetry import samples
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

WORKERS = 2
COUNTS = "trecento_requests_total", "GET", "/v1/counts", "200"


@pytest.fixture(scope="module")
def url(postgres: str, template: str) -> Iterator[str]:
    """A database for all tests of this module, as starting workers takes its time."""
    name = f"test_{secrets.token_hex(4)}"
    asyncio.run(run(postgres, f"create database {name} template {template}"))
    yield named(postgres, name)
    asyncio.run(run(postgres, f"drop database {name} with (force)"))


@contextmanager
def workers(folder: Path, url: str, **settings: str) -> Iterator[Serving]:
    told = {"DATABASE_URL": url, "TRECENTO_SECRET": SECRET, **settings}
    with serving(folder, "--setup", "--workers", str(WORKERS), **told) as service:
        yield service


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, url: str) -> Iterator[Serving]:
    with workers(tmp_path_factory.mktemp("service"), url) as service:
        yield service


class Asking:
    """A client that opens a connection for each request, so that any worker may answer."""

    def __init__(self, session: aiohttp.ClientSession, address: str) -> None:
        self._session, self._address = session, address

    async def get(self, path: str) -> bytes:
        async with self._session.get(self._address + path, raise_for_status=True) as answer:
            return await answer.read()

    async def post(self, body: str) -> int:
        document = {"page": "p", "body": body}
        async with self._session.post(f"{self._address}/v1/comments", json=document) as answer:
            return answer.status

    async def numbers(self) -> dict[tuple[str, ...], float]:
        return samples(await self.get("/metrics"))


@asynccontextmanager
async def asking(service: Serving) -> AsyncIterator[Asking]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        yield Asking(session, service.address)


@pytest.fixture
async def ask(service: Serving) -> AsyncIterator[Asking]:
    async with asking(service) as ask:
        yield ask


class Since:
    """What a service writes to its log from now on."""

    def __init__(self, service: Serving) -> None:
        self._service = service
        self._before = len(service.logged())

    @property
    def lines(self) -> list[dict[str, Any]]:
        return self._service.logged()[self._before :]

    async def says(self, event: str) -> bool:
        return any(line["event"] == event for line in self.lines)


async def test_who_waits_for_a_worker_that_died_is_answered_by_the_next_and_the_numbers_stay_whole(
    service: Serving, ask: Asking
) -> None:
    first, second = service.workers
    log = Since(service)
    answered = [await ask.get("/v1/counts?page=p") for _ in range(40)]

    async def counted() -> bool:
        return (await ask.numbers())[COUNTS] == len(answered)

    await until(counted)
    os.kill(first, signal.SIGKILL)
    answered += await asyncio.gather(*(ask.get("/v1/counts?page=p") for _ in range(40)))
    await until(counted)
    assert set(answered) == {b'{"counts":{"p":0}}'}

    async def whole() -> bool:
        return (await ask.numbers())["trecento_workers",] == WORKERS

    await until(whole, SECONDS)
    assert (await ask.numbers())["trecento_worker_deaths_total",] == 1
    assert second in service.workers
    assert first not in service.workers
    [died] = [line for line in log.lines if line["event"] == "worker died"]
    assert (died["worker"], died["code"]) == (first, -signal.SIGKILL)


async def test_a_reload_puts_new_workers_in_the_place_of_the_old_ones_and_no_request_is_lost(
    service: Serving, ask: Asking
) -> None:
    before = service.workers
    answered = (await ask.numbers()).get(COUNTS, 0)
    relieved = False

    async def go_on() -> None:
        nonlocal answered
        while not relieved:
            assert await ask.get("/v1/counts?page=p") == b'{"counts":{"p":0}}'
            answered += 1

    async def all_relieved() -> bool:
        return len(service.workers) == WORKERS and not set(before) & set(service.workers)

    async def all_counted() -> bool:
        return (await ask.numbers())[COUNTS] == answered

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(go_on())
        service.process.send_signal(signal.SIGHUP)
        await until(all_relieved, SECONDS)
        relieved = True
    await until(all_counted)


async def test_while_a_worker_is_waited_for_another_answers_those_who_would_wait(service: Serving, ask: Asking) -> None:
    async def whole() -> bool:
        return len(service.workers) == WORKERS and (await ask.numbers())["trecento_workers",] == WORKERS

    async def alone() -> bool:
        return service.workers == [second]

    await until(whole, SECONDS)
    first, second = service.workers
    os.kill(first, signal.SIGKILL)
    await until(alone)
    answered = await asyncio.gather(*(ask.get("/v1/counts?page=p") for _ in range(20)))
    assert await alone()
    assert set(answered) == {b'{"counts":{"p":0}}'}
    await until(whole, SECONDS)


async def test_workers_that_cannot_start_do_not_take_the_place_of_those_that_serve(
    service: Serving, ask: Asking, url: str
) -> None:
    before = service.workers
    log = Since(service)
    await run(url, "insert into migrations (version, name, checksum) values (9999, 'newer', 'x')")
    service.process.send_signal(signal.SIGHUP)
    await until(lambda: log.says("not reloaded"), SECONDS)
    await run(url, "delete from migrations where version = 9999")

    async def alone() -> bool:
        return service.workers == before

    await until(alone)
    assert await ask.get("/v1/counts?page=p") == b'{"counts":{"p":0}}'


async def test_the_port_is_not_shared_with_another_service(service: Serving, tmp_path: Path, url: str) -> None:
    settings = {"TRECENTO_PORT": str(urlsplit(service.address).port)}
    program = Program(tmp_path, url)
    why = await asyncio.to_thread(program.fails, "serve", "--workers", "2", settings=settings)
    assert "cannot be listened on (Address already in use)" in why


@asynccontextmanager
async def standstill(url: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """Keep every write of a comment waiting."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute("lock table comments in exclusive mode")
            yield connection
    finally:
        await connection.close()


async def blocked(sql: asyncpg.Connection[Any]) -> bool:
    """Say whether a statement waits for a lock."""
    query = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    return bool(await sql.fetchval(query))


async def closed(service: Serving) -> bool:
    """Say whether nobody listens at the port any more."""
    parts = urlsplit(service.address)
    with socket.socket() as client:
        return client.connect_ex((parts.hostname, parts.port)) != 0


async def test_the_end_lets_what_is_under_way_end(tmp_path: Path, url: str) -> None:
    with workers(tmp_path, url) as service:
        async with asking(service) as ask:
            async with standstill(url) as sql:
                posting = asyncio.ensure_future(ask.post("Begun before the end"))
                await until(lambda: blocked(sql))
                service.process.send_signal(signal.SIGTERM)
                await until(lambda: closed(service))
            assert await posting == 201
        assert await asyncio.to_thread(service.process.wait, SECONDS) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_what_does_not_end_in_time_is_ended_and_nobody_keeps_the_port(
    tmp_path: Path, url: str, number: signal.Signals
) -> None:
    with workers(tmp_path, url, TRECENTO_DRAIN_SECONDS="0") as service:
        started = [Path(f"/proc/{worker}") for worker in service.workers]

        async def ended() -> bool:
            return not any(process.exists() for process in started)

        async with asking(service) as ask, standstill(url) as sql:
            posting = asyncio.ensure_future(ask.post("Begun too late"))
            await until(lambda: blocked(sql))
            service.process.send_signal(number)
            await until(ended)
            with pytest.raises(aiohttp.ClientError):
                await posting
        assert await closed(service)
        assert await asyncio.to_thread(service.process.wait, SECONDS) == (0 if number == signal.SIGTERM else -number)


async def test_a_worker_that_hangs_is_ended_and_another_started(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRECENTO_SECRET", SECRET)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    supervisor = Supervisor(url, 1.0, silence=2.5, command=[*COMMAND, "serve"])
    greeted = asyncio.Event()
    running = asyncio.create_task(supervisor.run(listen("127.0.0.1", 0, WORKERS), greeted.set))
    async with asyncio.timeout(SECONDS):
        await greeted.wait()
    hanging = supervisor._places[0]
    os.kill(hanging.process.pid, signal.SIGSTOP)

    async def replaced() -> bool:
        return supervisor._places[0] is not hanging and supervisor._places[0].answers

    with capture_logs() as lines:
        await until(replaced, SECONDS)
    assert {"event": "worker hangs", "log_level": "error", "worker": hanging.process.pid} in lines
    assert hanging.process.returncode == -signal.SIGKILL
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


def test_workers_that_cannot_start_at_all_are_an_error(tmp_path: Path, url: str) -> None:
    (tmp_path / "file").touch()
    settings = {"TRECENTO_PORT": "0", "TRECENTO_SECRET": "", "TRECENTO_DATA": "file"}
    ran = Program(tmp_path, url).run("serve", "--workers", str(WORKERS), settings=settings)
    *why, last = [line for line in ran.stderr.decode().splitlines() if line.startswith("trecento: ")]
    assert (ran.returncode, ran.stdout) == (1, b"")
    assert len(why) == WORKERS
    assert all("The secret cannot be kept in" in line for line in why)
    assert last == "trecento: The workers cannot start; what they wrote says why."
