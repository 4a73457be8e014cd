"""`trecento serve` as a process: its first start, its next ones, its end, and what keeps it from starting."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.error import HTTPError

import asyncpg
import pytest
from aiohttp import web

from service.server import set_up
from service.server.backoff import BackOff
from service.server.worker import GARBAGE, answer
from service.settings import Settings
from tests.conftest import SECRET
from tests.program import COMMAND, SECONDS, Program, Serving, environment, serving
from tests.test_embedded import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOBODY = 65534
AT_A_TERMINAL = """
import fcntl, os, signal, sys, termios
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def password(said: str) -> str | None:
    found = re.search(
        r"^The first moderator is 'editor' with the password '(\S+)', shown this once\.$", said, re.MULTILINE
    )
    return found[1] if found else None


def postgres_runs(folder: Path) -> bool:
    return (folder / "data" / "postgres" / "postmaster.pid").exists()


def test_the_first_start_sets_everything_up_and_the_next_one_finds_it(tmp_path: Path) -> None:
    with serving(tmp_path, "--setup") as service:
        shown = password(service.said)
        assert shown
        for path in ("/", "/desk", "/docs"):
            assert f"{service.address}{path}\n" in service.said
        assert service.ask("/v1/comments", page="p", body="The bridge is open.")["status"] == "approved"
        assert service.ask("/health/ready") == {"status": "ready"}
        assert postgres_runs(tmp_path)
        assert service.end(signal.SIGTERM) == (0, "")
    assert not postgres_runs(tmp_path)
    assert (tmp_path / "data" / "secret").stat().st_mode & 0o777 == 0o600
    with serving(tmp_path, "--setup") as service:
        assert password(service.said) is None
        assert service.ask("/v1/counts?page=p") == {"counts": {"p": 1}}
        signed_in = service.ask("/v1/desk/session", name="editor", password=shown)
        assert signed_in["moderator"]["name"] == "editor"
        assert service.end(signal.SIGINT) == (0, "")
    assert not postgres_runs(tmp_path)
    with serving(tmp_path) as service:
        assert service.ask("/v1/counts?page=p") == {"counts": {"p": 1}}


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_a_port_in_use_is_one_line_and_the_password_is_not_lost(tmp_path: Path, empty_url: str, taken: int) -> None:
    program = Program(tmp_path, empty_url)
    ran = program.run("serve", "--setup", settings={"TRECENTO_PORT": str(taken)})
    assert ran.returncode == 1
    [line] = ran.stderr.decode().splitlines()
    assert line.startswith(f"trecento: 127.0.0.1:{taken} cannot be listened on (")
    assert line.endswith("Choose another port with TRECENTO_PORT.")
    assert password(ran.stdout.decode())


def test_a_host_that_is_not_ours_is_one_line(tmp_path: Path, url: str) -> None:
    why = Program(tmp_path, url).fails("serve", settings={"TRECENTO_HOST": "203.0.113.1", "TRECENTO_PORT": "0"})
    assert why.startswith("203.0.113.1:0 cannot be listened on (")


def test_a_broken_data_folder_is_one_line(tmp_path: Path) -> None:
    data = tmp_path / "data" / "postgres"
    data.mkdir(parents=True)
    (data / "base").touch()
    if os.geteuid() == 0:
        os.chown(data, NOBODY, NOBODY)
    program = Program(tmp_path)
    ran = program.run("serve", "--setup", settings={"TRECENTO_DATA": "data"})
    *warned, why = ran.stderr.decode().splitlines()  # root is told which folders it opens to PostgreSQL's account
    assert (ran.returncode, [line for line in warned if "may pass through" not in line]) == (1, [])
    assert why.startswith("trecento: ")
    assert "is not a database, for it has no PG_VERSION" in why
    (tmp_path / "file").touch()
    assert "is not a folder" in program.fails("serve", "--setup", settings={"TRECENTO_DATA": "file"})


def test_without_set_up_the_database_must_have_been_migrated(tmp_path: Path, empty_url: str) -> None:
    why = Program(tmp_path, empty_url).fails("serve", settings={"TRECENTO_PORT": "0"})
    assert why.endswith("Run: trecento migrate")


def test_a_database_that_is_away_is_one_line(tmp_path: Path) -> None:
    why = Program(tmp_path, "postgresql://nobody@127.0.0.1:1/nothing").fails("serve", "--setup", "--wait", "0")
    assert why.startswith("The database does not answer (ConnectionRefusedError).")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("arguments", "code"), [(["serve", "--setup"], 0), (["migrate"], 130)])
def test_it_can_be_stopped_while_it_waits_for_the_database(
    tmp_path: Path, number: signal.Signals, arguments: list[str], code: int
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/nothing?sslmode=disable"
        with subprocess.Popen(  # noqa: S603 - our own program
            [*COMMAND, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            env=environment(DATABASE_URL=address, TRECENTO_SECRET=SECRET),
        ) as process:
            silent.settimeout(SECONDS)
            connection, _ = silent.accept()
            with connection:
                process.send_signal(number)
                assert process.communicate(timeout=SECONDS) == (b"", b"")
                assert process.returncode == code


async def test_of_two_first_starts_one_makes_the_moderator(empty_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(secret=SECRET)
    await asyncio.gather(*(set_up(empty_url, settings) for _ in range(3)))
    assert capsys.readouterr().out.count("The first moderator is 'editor'") == 1
    connection = await asyncpg.connect(empty_url)
    assert await connection.fetchval("select count(*) from moderators") == 1
    await connection.close()


def test_a_database_of_our_own_that_dies_is_started_again(tmp_path: Path) -> None:
    def database() -> int:
        return int((tmp_path / "data" / "postgres" / "postmaster.pid").read_text().partition("\n")[0])

    def takes_comments() -> bool:
        try:
            return bool(service.ask("/v1/comments", page="p", body="The bridge is closed.")["status"] == "approved")
        except HTTPError as refused:
            if refused.code != 503:
                raise
            return False

    with serving(tmp_path, "--setup", TRECENTO_RATE_PER_MINUTE="0") as service:
        before = database()
        assert service.ask("/v1/comments", page="p", body="The bridge is open.")["status"] == "approved"
        os.kill(before, signal.SIGKILL)  # what it was just asked may still be answered
        assert eventually(lambda: "database started again" in {line["event"] for line in service.logged()})
        assert database() != before
        assert eventually(takes_comments)
        assert service.ask("/v1/counts?page=p") == {"counts": {"p": 2}}
        assert {"database died", "database started again"} <= {line["event"] for line in service.logged()}
        assert service.end(signal.SIGTERM) == (0, "")
    assert not postgres_runs(tmp_path)


@pytest.mark.parametrize(
    ("ages", "pauses"),
    [
        ([3600.0], [0.0]),
        ([0.1] * 8, [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]),
        ([0.1, 59.9, 60.0, 0.1], [1.0, 2.0, 0.0, 1.0]),
    ],
)
def test_what_dies_young_again_and_again_is_waited_for_longer_each_time(ages: list[float], pauses: list[float]) -> None:
    back_off = BackOff()
    assert [back_off.after(age) for age in ages] == pauses


def test_a_terminal_that_is_closed_ends_it(tmp_path: Path, url: str) -> None:
    ours, theirs = os.openpty()
    log = tmp_path / "log"
    settings = environment(DATABASE_URL=url, TRECENTO_SECRET=SECRET, TRECENTO_PORT="0")
    command = [sys.executable, "-c", AT_A_TERMINAL, *COMMAND, "serve"]
    with (
        log.open("wb") as written,
        subprocess.Popen(  # noqa: S603 - our own program
            command, stdin=theirs, stdout=subprocess.PIPE, stderr=written, cwd=tmp_path, text=True, env=settings
        ) as process,
    ):
        try:
            os.close(theirs)
            service = Serving(process, log)
            os.close(ours)
            assert process.wait(SECONDS) == 0
            assert service.logged() == []
        finally:
            process.kill()


def test_one_process_lives_on_when_it_is_told_to_reload(tmp_path: Path, url: str) -> None:
    with serving(tmp_path, DATABASE_URL=url, TRECENTO_SECRET=SECRET) as service:
        service.process.send_signal(signal.SIGHUP)
        assert eventually(lambda: [line["event"] for line in service.logged()] == ["not reloaded"])
        assert service.ask("/health/live") == {"status": "live"}
        assert service.workers == []


async def test_what_is_there_when_it_serves_is_not_searched_for_garbage() -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    found: list[int] = []

    async def started(_: web.AppRunner) -> None:
        found.extend((gc.get_freeze_count() - frozen, gc.get_threshold()[0]))
        raise asyncio.CancelledError

    try:
        with pytest.raises(asyncio.CancelledError):
            await answer(web.Application(), [], 0, started)
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
    kept, threshold = found
    assert kept > 10_000
    assert threshold == GARBAGE
