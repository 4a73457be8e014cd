"""The image and the wheel in it, as far as they can be held to their word without a container engine."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import sysconfig
import threading
import zipfile
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from yarl import URL

from service.commands.usage import parser
from service.settings import read

ROOT = Path(__file__).parent.parent
NGINX = ROOT / "docs" / "nginx.conf"
FOR_OTHERS = {"PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PGPASSWORD"}
"""Variables that Python and asyncpg read."""


def instructions() -> list[tuple[str, str]]:
    """Give the Dockerfile's instructions in order, as name and what follows it."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in text.splitlines() if line.strip()]


def stages() -> list[list[tuple[str, str]]]:
    stages: list[list[tuple[str, str]]] = []
    for name, rest in instructions():
        if name == "FROM":
            stages.append([])
        stages[-1].append((name, rest))
    return stages


def final(name: str) -> str:
    (rest,) = [rest for kind, rest in stages()[-1] if kind == name]
    return rest


def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return document


def set_in_compose(service: str, **environ: str) -> dict[str, str]:
    """Give a service's environment as compose would, with these variables in its own."""

    def fill(found: re.Match[str]) -> str:
        name, kind, other = found["name"], found["kind"], found["other"]
        assert kind == ":-" or name in environ, f"{name}: {other}"
        return environ.get(name) or other

    given = compose()["services"][service]["environment"]
    pattern = re.compile(r"\$\{(?P<name>\w+)(?P<kind>:[-?])(?P<other>[^}]*)\}")
    return {name: pattern.sub(fill, value) for name, value in given.items()}


# The Dockerfile


def test_what_is_copied_exists_and_is_not_kept_from_the_engine() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    sources = [word for kind, rest in instructions() if kind == "COPY" for word in rest.split()[:-1]]
    here = [word for word in sources if not word.startswith(("--from", "/"))]
    assert set(here) == kept
    assert [name for name in here if not (ROOT / name).exists()] == []


def test_the_image_is_made_of_what_another_stage_built() -> None:
    build, image = stages()
    (stage,) = [rest.split()[-1] for kind, rest in build if kind == "FROM"]
    assert [rest.split()[0] for kind, rest in image if kind == "COPY"] == [f"--from={stage}"]
    assert not [rest for kind, rest in image if kind == "RUN"]


def test_the_image_does_not_run_as_root() -> None:
    users = [int(part) for part in final("USER").split(":")]
    assert users
    assert all(users)


def test_the_image_starts_a_command_that_exists() -> None:
    (program,) = json.loads(final("ENTRYPOINT"))
    assert program == "trecento"
    assert parser().parse_args(json.loads(final("CMD"))).command == "serve"


def test_the_images_variables_are_settings_of_ours_or_of_what_we_stand_on() -> None:
    environ = dict(word.split("=", 1) for word in shlex.split(final("ENV")))
    ours = {name: value for name, value in environ.items() if name not in FOR_OTHERS}
    settings = read(ours)
    assert settings.host == "0.0.0.0"  # noqa: S104 - in a container the ports that are published decide
    assert str(settings.port) == final("EXPOSE")


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (None, 1)])
def test_the_health_check_tells_a_living_service_from_another(status: int | None, code: int) -> None:
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status or 0)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    command = json.loads(final("HEALTHCHECK").partition("CMD ")[2])
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        port = str(server.server_port)
        if status is None:
            server.server_close()
        thread = threading.Thread(target=server.handle_request)
        if status:
            thread.start()
        environ = {**os.environ, "TRECENTO_PORT": port, "http_proxy": "http://127.0.0.1:1"}
        run = subprocess.run([sys.executable, *command[1:]], env=environ, capture_output=True, check=False, timeout=30)  # noqa: S603 - our own command
        if status:
            thread.join()
    assert run.returncode == code
    assert asked == (["/health/live"] if status else [])


# The compose file


def test_the_services_variables_are_settings() -> None:
    environ = set_in_compose("service", TRECENTO_SECRET="s" * 32, POSTGRES_PASSWORD="p")
    settings = read({name: value for name, value in environ.items() if name not in FOR_OTHERS})
    assert settings.host == "0.0.0.0"  # noqa: S104 - as above
    assert settings.secret == "s" * 32
    assert settings.rate_per_minute == 30
    assert [str(network) for network in settings.proxies] == ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]
    assert re.findall(r"\n\s*server (\S+) fail_timeout", NGINX.read_text()) == [f"service:{settings.port}"]


def test_what_is_set_beside_the_compose_file_comes_through() -> None:
    told = {"TRECENTO_RATE_PER_MINUTE": "5", "TRECENTO_TRUSTED_PROXIES": "10.0.0.0/8", "TRECENTO_WORKERS": "2"}
    environ = set_in_compose("service", TRECENTO_SECRET="s" * 32, POSTGRES_PASSWORD="p", **told)
    settings = read({name: value for name, value in environ.items() if name not in FOR_OTHERS})
    assert (settings.rate_per_minute, settings.workers) == (5, 2)
    assert [str(network) for network in settings.proxies] == ["10.0.0.0/8"]


@pytest.mark.parametrize("secret", ["TRECENTO_SECRET", "POSTGRES_PASSWORD"])
def test_a_secret_has_no_default(secret: str) -> None:
    secrets = {"TRECENTO_SECRET": "s" * 32, "POSTGRES_PASSWORD": "p"}
    del secrets[secret]
    with pytest.raises(AssertionError, match=secret):
        set_in_compose("service", **secrets)


def test_the_service_reaches_the_database_that_is_made_for_it() -> None:
    service = set_in_compose("service", TRECENTO_SECRET="s" * 32, POSTGRES_PASSWORD="p")
    made = set_in_compose("postgres", POSTGRES_PASSWORD="p")
    assert service["DATABASE_URL"] == f"postgresql://{made['POSTGRES_USER']}@postgres:5432/{made['POSTGRES_DB']}"
    assert service["PGPASSWORD"] == made["POSTGRES_PASSWORD"]


def test_each_waits_for_the_one_behind_it_and_runs_a_command_that_exists() -> None:
    services = compose()["services"]
    assert services["service"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert services["proxy"]["depends_on"] == {"service": {"condition": "service_healthy", "restart": True}}
    assert services["postgres"]["healthcheck"]["test"][1] == "pg_isready"
    assert parser().parse_args(services["service"]["command"]).setup


def test_the_world_reaches_the_proxy_and_nothing_else() -> None:
    document = compose()
    services = document["services"]
    assert {name for name, service in services.items() if "ports" in service} == {"proxy"}
    assert {name: set(service["networks"]) for name, service in services.items()} == {
        "proxy": {"outside", "inside"},
        "service": {"inside", "storage"},
        "postgres": {"storage"},
    }
    assert {name for name, network in document["networks"].items() if not network} == {"outside"}
    assert document["networks"]["inside"] == document["networks"]["storage"] == {"internal": True}


def test_each_may_do_no_more_than_it_must() -> None:
    for name, service in compose()["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"]
        assert "cap_add" not in service
        assert "privileged" not in service
        assert service["security_opt"] == ["no-new-privileges:true"]
        user = service.get("user") or final("USER")
        assert all(int(part) for part in user.split(":")), name
        for place in service.get("tmpfs", []):
            if "uid=" in place:
                assert re.search(r"uid=(\d+),gid=(\d+),", place).groups() == tuple(user.split(":"))  # type: ignore[union-attr]  # it says so


def test_the_proxy_is_given_the_file_that_is_tested_and_writes_only_where_it_may() -> None:
    proxy = compose()["services"]["proxy"]
    (mount,) = proxy["volumes"]
    assert mount == f"./{NGINX.relative_to(ROOT)}:/etc/nginx/nginx.conf:ro"
    text = NGINX.read_text()
    (writable,) = [place.partition(":")[0] for place in proxy["tmpfs"]]
    written = re.findall(r"(?m)^\s*(?:pid|\w+_temp_path|proxy_cache_path) ([^;\s]+)", text)
    assert len(written) == 7
    assert all(path.startswith(f"{writable}/") for path in written)
    (listened,) = re.findall(r"\n\s*listen (\d+);", text)
    assert proxy["ports"] == [f"8080:{listened}"]
    asked = URL(proxy["healthcheck"]["test"][-1])
    assert str(asked.port) == listened
    assert f"location = {asked.path} {{" in text


def test_every_network_volume_and_file_that_is_named_exists() -> None:
    document = compose()
    for service in document["services"].values():
        assert set(service["networks"]) <= set(document["networks"])
        assert set(service.get("depends_on", {})) <= set(document["services"])
        assert ("image" in service) is not ("build" in service)
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert (ROOT / source).is_file() if source.startswith(".") else source in document["volumes"], volume


def test_the_data_outlives_its_container() -> None:
    (volume,) = compose()["services"]["postgres"]["volumes"]
    name, _, path = volume.partition(":")
    assert name in compose()["volumes"]
    assert path == "/var/lib/postgresql", "where the image of version 18 keeps it"


# The wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    isolation = ["--no-build-isolation"] if find_spec("hatchling") else []
    _pip("wheel", "--no-deps", *isolation, "--wheel-dir", str(folder), str(ROOT))
    (made,) = folder.glob("trecento-*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the programs of a fresh environment: the wheel in it, what it depends on lent by ours."""
    folder = tmp_path_factory.mktemp("fresh")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)  # noqa: S603 - constants
    _pip("--python", str(folder / "bin" / "python"), "install", "--no-deps", "--no-index", str(wheel))
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "lent.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    return folder / "bin"


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - constants of this file
    assert run.returncode == 0, run.stderr


def _told(program: Path, *arguments: str, told: str = "", **environ: str) -> str:
    run = subprocess.run(  # noqa: S603 - the program under test
        [program, *arguments], input=told, env=environ, cwd="/", capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_the_wheel_has_every_file_of_the_service_and_nothing_else(wheel: Path) -> None:
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    files = (file for top in ("service", "sql") for file in (ROOT / top).rglob("*") if file.is_file())
    assert inside == {str(file.relative_to(ROOT)) for file in files if "__pycache__" not in file.parts}
    assert {Path(name).parts[:2] for name in inside} >= {
        ("service", "static"),
        ("sql", "queries"),
        ("sql", "migrations"),
    }


def test_the_installed_program_shows_its_commands(installed: Path) -> None:
    shown = _told(installed / "trecento", "--help")
    assert all(command in shown for command in ("serve", "migrate", "judge", "counts", "site", "moderator", "token"))


def test_the_installed_program_judges(installed: Path) -> None:
    judged = json.loads(_told(installed / "trecento", "judge", told="A fair point.\n"))
    assert judged["text"] == "A fair point."


def test_the_installed_program_migrates_a_database(installed: Path, empty_url: str) -> None:
    applied = json.loads(_told(installed / "trecento", "migrate", "--json", DATABASE_URL=empty_url))["applied"]
    assert len(applied) == len(list((ROOT / "sql" / "migrations").glob("*.sql")))


def test_the_installed_program_is_the_wheels(installed: Path) -> None:
    where = _told(installed / "python", "-c", "import service; print(service.__file__)")
    assert Path(where).is_relative_to(installed.parent)


def test_the_installed_program_serves_and_stops_without_writing_a_file(installed: Path, url: str) -> None:
    environ = {
        "DATABASE_URL": url,
        "TRECENTO_SECRET": "s" * 32,
        "TRECENTO_PORT": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
    }
    command = ["/bin/sh", "-c", 'ulimit -f 0 && exec "$0" serve --setup', str(installed / "trecento")]
    with subprocess.Popen(  # noqa: S603 - the program under test
        command, env=environ, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as serving:
        assert serving.stdout
        said: list[str] = []
        for line in serving.stdout:
            said.append(line)
            if "Ctrl-C" in line:
                break
        found = re.search(r"serves on http://([\d.]+):(\d+)", "".join(said))
        assert found, "".join(said)
        asking = HTTPConnection(found[1], int(found[2]), timeout=10)
        asking.request("GET", "/health/ready")
        assert asking.getresponse().status == 200
        asking.close()
        serving.terminate()
        assert serving.wait(timeout=30) == 0, serving.stdout.read()
