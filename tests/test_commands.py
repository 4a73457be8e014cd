"""The commands as an operator runs them."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from service.__main__ import main
from service.commands import CommandError, add_moderator, add_site, reachable, read_policy
from service.commands.judging import read_line
from service.commands.sites import origin
from service.migrations import load as load_migrations
from service.model import Policy
from service.settings import Settings
from service.store.sites import SiteStore
from tests.conftest import SECRET
from tests.program import COMMAND, Program, environment
from tests.store.conftest import open_newsroom

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from service.model import Status
    from service.postgres import Database
    from tests.conftest import Clock, Service

COMMANDS = [
    "serve",
    "migrate",
    "judge",
    "counts verify",
    "counts repair",
    "retention",
    "site add",
    "moderator add",
    "token create",
    "policy show",
    "policy set",
    "policy history",
    "page close",
    "page open",
]
NOBODY = "postgresql://nobody@127.0.0.1:1/nothing"


@pytest.fixture
def alone(tmp_path: Path) -> Program:
    """The commands, with a database that is not there."""
    return Program(tmp_path, NOBODY)


@pytest.fixture
async def program(tmp_path: Path, url: str, database: Database, clock: Clock) -> Program:
    """The commands, with a database that has the site `default`."""
    await SiteStore(database).add("default", (), clock.now())
    return Program(tmp_path, url)


def judged(text: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_by_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    examples = said.partition("examples:\n")[2]
    assert f"trecento {command}" in examples
    assert said.partition("\n\n")[2][0].isupper()


def test_help_names_every_command_and_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    for word in {command.split()[0] for command in COMMANDS}:
        assert re.search(rf"^    {word}\s", said, re.MULTILINE)
    for name in ("DATABASE_URL", "TRECENTO_HOST", "TRECENTO_PORT", "TRECENTO_DATA", "TRECENTO_SECRET"):
        assert f"  {name} " in said


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["counts"],
        ["site", "add"],
        ["judge", "--nonsense"],
        ["token", "create", "x", "--moderator", "Ada", "--days", "0"],
        ["token", "create", "x", "--moderator", "Ada", "--days", "99999999999"],
        ["migrate", "--wait", "soon"],
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: trecento")


def test_judge_answers_each_line_without_a_database(alone: Program) -> None:
    lines = [
        b"What a fucking mess",
        b'{"text": "Fine words", "author": "Fuck"}',
        b"",
        b"broken \xff bytes",
        b'{"text": 7}',
        b'{"no": "text"}',
        b"{ not json",
        b'{"text": "lone \\ud800 surrogate"}',
        b'{"text": ' + b"[" * 100_000,
        b"the last line has no end",
    ]
    ran = alone.run("judge", given=b"\n".join(lines))
    assert (ran.returncode, ran.stderr) == (0, b"")
    answers = judged(ran.stdout)
    assert len(answers) == len(lines)
    assert answers[0]["status"] == "held"
    assert answers[0]["findings"][0]["spans"] == [[7, 14]]
    assert (answers[1]["text"], answers[1]["status"]) == ("Fine words", "held")
    assert (answers[2]["text"], answers[2]["status"]) == ("", "refused")
    assert answers[3]["text"] == "broken � bytes"
    assert [answer["text"] for answer in answers[4:7]] == ['{"text": 7}', '{"no": "text"}', "{ not json"]
    assert answers[7]["text"] == "lone  surrogate"
    assert answers[9]["text"] == "the last line has no end"


def test_judge_refuses_what_the_service_would_and_goes_on(alone: Program) -> None:
    long, endless = "x" * 301, "y" * 20_000
    lines = ["", " \u200b ", json.dumps({"text": " "}), long, f" {long[1:]} ", endless, "\U0001f600" * 300]
    answers = judged(alone.run("judge", given="\n".join(lines).encode()).stdout)
    assert [answer["status"] for answer in answers] == ["refused"] * 4 + ["approved", "refused", "approved"]
    assert all(answer.keys() == {"text", "status", "findings", "problem"} for answer in answers[:4])
    for answer in answers[:3]:
        assert (answer["text"], answer["findings"]) == ("", [])
        assert answer["problem"] == {
            "type": "/problems/comment-empty",
            "title": "The comment is empty",
            "status": 422,
            "detail": "A comment needs at least one character that can be seen.",
        }
    assert (answers[3]["text"], answers[3]["problem"]["type"]) == (long, "/problems/comment-too-long")
    lengths = [(answers[at]["problem"]["limit"], answers[at]["problem"]["length"]) for at in (3, 5)]
    assert lengths == [(300, 301), (300, 20_000)]


def test_judge_says_in_its_help_what_it_refuses(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["judge", "--help"])
    said = capsys.readouterr().out
    assert all(word in said for word in ("refused", "problem", "limit", "length"))


def test_judge_writes_utf_8_wherever_it_runs(alone: Program) -> None:
    ran = alone.run("judge", given="文 Straße".encode(), settings={"PYTHONIOENCODING": "ascii"})
    assert judged(ran.stdout)[0]["text"] == "文 Straße"


def test_judge_takes_the_policy_of_a_file(alone: Program) -> None:
    policy = {"rules": {"reject_words": {"action": "reject", "words": ["pumpkin"]}}}
    (alone.folder / "policy.json").write_text(json.dumps(policy))
    [answer] = judged(alone.run("judge", "--policy", "policy.json", given=b"You pumpkin").stdout)
    assert (answer["status"], answer["findings"][0]["spans"]) == ("rejected", [[4, 11]])


def test_judge_answers_before_the_next_line_comes_and_ends_when_nobody_reads(alone: Program) -> None:
    with subprocess.Popen(  # noqa: S603 - our own program
        [*COMMAND, "judge"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=alone.folder,
        env=environment(),
    ) as running:
        assert running.stdin
        assert running.stdout
        assert running.stderr
        for text in (b"one", b"two"):
            running.stdin.write(text + b"\n")
            running.stdin.flush()
            assert json.loads(running.stdout.readline())["text"] == text.decode()
        running.stdout.close()
        running.stdin.write(b"three\n")
        running.stdin.close()
        assert running.wait(30) == 1
        assert running.stderr.read() == b""


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, r"cannot be read \(No such file or directory\)\."),
        (b"{", "is not a policy: Input data was truncated"),
        (b"\xff", "is not a policy: JSON is malformed"),
        (b'{"rules": {"hold_words": {"words": ["\xff"]}}}', "is not a policy: 'utf-8' codec"),
        (b'{"rules": {"hold_words": {"words": [""]}}}', r"`\$\.rules\.hold_words\.words\[0\]`"),
        (b'{"moode": "hold"}', "unknown field `moode`"),
        (b'{"rules": {"links": {"limit": -1}}}', r">= 0 - at `\$\.rules\.links\.limit`"),
        (b'{"mode": "hold", "mode": "publish"}', "'mode' stands twice"),
        (b'{"rules": {"links": {"limit": 1}, "links": {"limit": 2}}}', "'links' stands twice"),
        (b'{"rules": {"links": {"limit": 1, "limit": 2}}}', "'limit' stands twice"),
        (
            b'{"rules": {"hold_words": {"words": ["acme", "*"]}}}',
            r"'\*' has an asterisk .*\(rules\.hold_words\.words\)",
        ),
        (b'{"rules": {"reject_words": {"words": ["...", "acme"]}}}', r"'\.\.\.' finds nothing.*reject_words"),
    ],
)
def test_what_is_no_policy_is_said_with_its_place(tmp_path: Path, content: bytes | None, why: str) -> None:
    path = tmp_path / "policy.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CommandError, match=why):
        read_policy(str(path))


def test_a_wrong_policy_is_one_line(alone: Program) -> None:
    assert "policy.json cannot be read" in alone.fails("judge", "--policy", "policy.json")


@pytest.mark.parametrize(
    ("line", "read"),
    [
        (b"text\r\n", ("text", None)),
        (b'  {"text": "a", "author": "Ada"}\n', ("a", "Ada")),
        (b'{"text": "a", "author": 7}', ("a", None)),
        (b'{"text": "a", "author": "\xe2\x80\x8b"}', ("a", None)),
        (b'["text"]', ('["text"]', None)),
    ],
)
def test_a_line_is_text_or_json_that_holds_text(line: bytes, read: tuple[str, str | None]) -> None:
    assert read_line(line) == read


def test_migrate_brings_an_empty_database_here_once(tmp_path: Path, empty_url: str) -> None:
    program = Program(tmp_path, empty_url)
    why = program.fails("counts", "verify")
    names = [migration.name for migration in load_migrations()]
    assert why == f"The database lacks migrations ({', '.join(names)}). Run: trecento migrate"
    assert program.says("migrate") == "\n".join(f"applied {name}" for name in names)
    assert program.says("migrate") == "applied nothing: all is there"
    assert program.says("migrate", "--json") == '{"applied":[]}'
    assert program.says("counts", "verify") == "Every count is right."


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (NOBODY, "The database does not answer (ConnectionRefusedError). Is DATABASE_URL right"),
        ("postgresql:///x?host=/nowhere", "The database does not answer (FileNotFoundError)."),
        ("nonsense", "DATABASE_URL is no address of the form postgresql://"),
        ("postgresql://ada:pass/word@host/x", "DATABASE_URL is no address of the form postgresql://"),
        ("postgresql://h/x?sslmode=perhaps", "`sslmode` parameter must be one of"),
    ],
)
async def test_a_database_that_cannot_be_reached_is_one_clear_line(url: str, why: str) -> None:
    with pytest.raises(CommandError) as failed:
        await reachable(url, 0)
    assert why in str(failed.value)
    assert "word" not in str(failed.value).replace("password", "")


def test_no_database_is_one_line_and_no_traceback(alone: Program, program: Program) -> None:
    assert "does not answer" in alone.fails("migrate", "--wait", "0")
    why = alone.fails("migrate", settings={"DATABASE_URL": program.settings["DATABASE_URL"].replace("/test_", "/no_")})
    assert why.startswith('PostgreSQL refuses: database "no_')


async def test_a_command_waits_for_a_database_that_is_starting(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = 0

    async def late(address: str) -> Any:
        nonlocal tries
        tries += 1
        return await connect(address if tries > 1 else NOBODY)

    connect = reachable.__globals__["connect"]
    monkeypatch.setitem(reachable.__globals__, "connect", late)
    await reachable(url, 5)
    assert tries == 2


def test_counts_are_verified_and_repaired(program: Program, sql_now: Callable[[str], None]) -> None:
    assert program.says("counts", "verify", "--json") == '{"wrong":[]}'
    sql_now("insert into pages select 1, gen_random_uuid(), 'a page', null, 7, null, now()")
    ran = program.run("counts", "verify")
    assert (ran.returncode, ran.stderr) == (1, b"")
    assert ran.stdout == b"a page: 7 is kept, 0 is true\nMend them: trecento counts repair\n"
    ran = program.run("counts", "verify", "--json")
    assert ran.returncode == 1
    [wrong] = json.loads(ran.stdout)["wrong"]
    assert (wrong["key"], wrong["kept"], wrong["true_count"]) == ("a page", 7, 0)
    assert program.says("counts", "repair") == "a page: 7 is kept, 0 is true\n1 mended"
    assert program.says("counts", "repair", "--json") == '{"wrong":[]}'


@pytest.fixture
def sql_now(url: str) -> Callable[[str], None]:
    async def run(statement: str) -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(statement)
        await connection.close()

    return lambda statement: asyncio.run(run(statement))


def test_a_site_is_made_and_given_more_origins(program: Program) -> None:
    said = program.says("site", "add", "gazette", "--origin", "HTTPS://Gazette.Example/", "--json")
    assert json.loads(said) == {"site": "gazette", "origins": ["https://gazette.example"]}
    said = program.says("site", "add", "gazette", "--origin", "https://b.example:443", "--origin", "http://b:81")
    assert said == (
        "The site gazette takes comments from its own pages and http://b:81 and https://b.example and"
        " https://gazette.example"
    )
    assert program.fails("site", "add", "Gazette") == (
        "'Gazette' is no name of a site: 1 to 63 lower-case letters, digits and hyphens, no hyphen at an end."
    )
    assert "is no origin" in program.fails("site", "add", "gazette", "--origin", "gazette.example")
    assert "is not UTF-8" in program.fails("site", "add", b"gaz\xff")


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("https://a.example", "https://a.example"),
        (" HTTPS://A.Example:443/ ", "https://a.example"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("https://a.example:8443/", "https://a.example:8443"),
        ("https://münchen.example", "https://xn--mnchen-3ya.example"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("*", "*"),
    ],
)
def test_an_origin_is_kept_as_browsers_send_it(given: str, sent: str) -> None:
    assert origin(given) == sent


@pytest.mark.parametrize(
    "given",
    [
        "", "a.example", "ftp://a.example", "https://", "https://a.example/news", "https://a.example/?q",
        "https://a.example/#x", "https://ada@a.example", "https://a.example:port", "https://a.example:99999",
        "https://a b.example", "https://*.example", "null", "https://a\x00.example",
    ],
)  # fmt: skip
def test_what_is_no_origin_is_refused(given: str) -> None:
    with pytest.raises(CommandError, match="is no origin"):
        origin(given)


@pytest.mark.parametrize("name", ["", "A", "-a", "a-", "a" * 64, "a\n", "a_b"])
async def test_what_is_no_name_of_a_site_is_refused(url: str, name: str) -> None:
    with pytest.raises(CommandError, match="is no name of a site"):
        await add_site(url, name, ())


def test_a_moderator_is_made_once_with_a_password_shown_or_asked(program: Program) -> None:
    said = json.loads(program.says("moderator", "add", " Ada  Lovelace ", "--json"))
    assert (said["site"], len(said["password"]) >= 16) == ("default", True)
    said = program.says("moderator", "add", "Bob", "--ask", given="pässword\r\n".encode())
    assert said == "The moderator Bob may sign in at /desk"
    assert program.fails("moderator", "add", "Ada Lovelace") == (
        "The site default has a moderator Ada Lovelace already. Choose another name."
    )
    assert (
        program.fails("moderator", "add", "Cy", "--site", "no") == "There is no site no. Make it: trecento site add no"
    )
    assert program.fails("moderator", "add", "Cy", "--ask") == "A password has at least one character."
    assert program.fails("moderator", "add", "Cy", "--ask", given=b"\xff\n") == "The password is not UTF-8."
    assert program.fails("moderator", "add", "") == "The name of a moderator has 1 to 60 characters."


@pytest.mark.parametrize("name", ["", " \n", "\u200b", "x" * 61])
async def test_what_is_no_name_of_a_moderator_is_refused(name: str) -> None:
    with pytest.raises(CommandError, match="has 1 to 60 characters"):
        await add_moderator(NOBODY, Settings(secret=SECRET), "default", name, None)


async def test_a_token_opens_the_desk(program: Program, serve: Callable[..., Any]) -> None:
    async def says(*arguments: str) -> str:
        return await asyncio.to_thread(program.says, *arguments)

    password = json.loads(await says("moderator", "add", "Ada", "--json"))["password"]
    token = await says("token", "create", "report", "--moderator", "Ada", "--days", "1")
    again = json.loads(await says("token", "create", "report", "--moderator", "Ada", "--json"))["token"]
    async with serve() as service:
        service.clock.at = service.clock.at.now(service.clock.at.tzinfo)
        for secret in (token, again):
            answer = await service.ask("GET", "/v1/desk/session", headers={"Authorization": f"Bearer {secret}"})
            assert (answer.status, answer.json["moderator"]["name"]) == (200, "Ada")
        service.clock.advance(86_400)
        answer = await service.ask("GET", "/v1/desk/session", headers={"Authorization": f"Bearer {token}"})
        assert answer.status == 401
        answer = await service.ask("POST", "/v1/desk/session", json={"name": "Ada", "password": password})
        assert answer.status == 201
    why = await asyncio.to_thread(program.fails, "token", "create", "x", "--moderator", "Bob")
    assert why == "The site default has no moderator Bob. Make one: trecento moderator add Bob"


def test_a_policy_is_shown_set_and_listed(program: Program) -> None:
    shown = program.says("policy", "show", "default")
    assert json.loads(shown)["mode"] == "publish"
    path = program.folder / "policy.json"
    path.write_text(shown.replace('"publish"', '"hold"'))
    assert program.says("policy", "set", "default", "policy.json") == "Version 2 judges from now on"
    assert json.loads(program.says("policy", "show", "default"))["mode"] == "hold"
    history = json.loads(program.says("policy", "history", "default", "--json"))["versions"]
    assert [(entry["version"], entry["policy"]["mode"]) for entry in history] == [(2, "hold"), (1, "publish")]
    assert [line.split()[0] for line in program.says("policy", "history", "default").splitlines()] == ["2", "1"]
    path.write_text('{"rules": {"hold_words": {"words": ["a\\u0000"]}}}')
    assert program.fails("policy", "set", "default", "policy.json").startswith("PostgreSQL refuses: ")
    assert read_policy(None) == Policy()


def test_a_page_is_closed_and_opened(program: Program) -> None:
    address = "HTTPS://gazette.example:443/news?utm_source=x#top"
    assert program.says("page", "close", address) == "https://gazette.example/news takes no more comments"
    assert json.loads(program.says("page", "open", address, "--json")) == {
        "page": "https://gazette.example/news",
        "closed": False,
    }
    assert program.fails("page", "close", " ") == "A page key is not empty."
    assert "There is no site no." in program.fails("page", "close", "x", "--site", "no")


def test_an_unknown_setting_is_one_line(alone: Program) -> None:
    assert alone.fails("judge", settings={"TRECENTO_PROT": "1"}).startswith("TRECENTO_PROT is no setting.")


async def test_another_password_ends_what_the_old_one_opened(program: Program, service: Service) -> None:
    async def says(*arguments: str, given: bytes = b"") -> str:
        return await asyncio.to_thread(program.says, *arguments, given=given)

    await says("moderator", "add", "Ada", "--ask", given=b"old\n")
    token = json.loads(await says("token", "create", "report", "--moderator", "Ada", "--json"))["token"]
    assert "password" in await says("moderator", "password", "Ada")
    await says("moderator", "password", "Ada", "--ask", given=b"new\n")
    bearer = {"Authorization": f"Bearer {token}"}
    assert (await service.ask("GET", "/v1/desk/session", headers=bearer)).status == 401
    for password, status in (("old", 401), ("new", 201)):
        given = {"name": "Ada", "password": password}
        assert (await service.ask("POST", "/v1/desk/session", json=given)).status == status
    missing = await asyncio.to_thread(program.fails, "moderator", "password", "Bob")
    assert missing == "The site default has no moderator Bob. Make one: trecento moderator add Bob"


def test_a_folder_without_a_database_is_told_and_left_alone(tmp_path: Path) -> None:
    alone = Program(tmp_path)
    alone.settings["TRECENTO_DATA"] = str(tmp_path / "mistyped")
    assert alone.fails("counts", "verify").startswith(f"There is no database in {tmp_path / 'mistyped'}.")
    assert not (tmp_path / "mistyped").exists()


async def test_old_comments_are_counted_and_then_deleted(
    program: Program, database: Database, sql: asyncpg.Connection[Any]
) -> None:
    newsroom = await open_newsroom(database, "default")
    today = datetime.now(UTC)
    made: list[tuple[int, Status]] = [(400, "approved"), (400, "rejected"), (300, "approved")]
    for days, status in made:
        await newsroom.posted(status=status, at=today - timedelta(days=days))

    async def says(*arguments: str) -> str:
        return await asyncio.to_thread(program.says, "retention", "--days", *arguments)

    assert json.loads(await says("365", "--dry-run", "--json"))["comments"] == {
        "approved": 1, "held": 0, "rejected": 1, "removed": 0,
    }  # fmt: skip
    assert await says("365", "--status", "rejected,held", "--dry-run") == (
        "0 held comments would be deleted\n1 rejected comments would be deleted"
    )
    assert (await says("365")).splitlines()[0] == "1 approved comments deleted"
    done = json.loads(await says("365", "--json"))
    assert (done["dry_run"], set(done["comments"].values()), done["bans"]) == (False, {0}, 0)
    assert await sql.fetchval("select count(*) from comments") == 1
    assert await newsroom.wrong() == {}
    for wrong in (("0",), ("1", "--status", "deleted")):
        ran = await asyncio.to_thread(program.run, "retention", "--days", *wrong)
        assert (ran.returncode, ran.stdout) == (2, b"")
    missing = await asyncio.to_thread(program.fails, "retention", "--days", "1", "--site", "no")
    assert missing.startswith("There is no site no.")
