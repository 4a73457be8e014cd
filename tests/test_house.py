"""The house itself: who imports whom, how large a module is, and what its files must not say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
OURS = ("service", "sql", "tests", "docs", ".ci")
LINES = 300
TEXTS = {".py", ".sql", ".js", ".css", ".html", ".md", ".toml", ".txt", ".tsv", ".yaml", ".yml", ".json", ".conf", ""}
REGISTRIES = [name.replace("_", ".") for name in (
    "pypi_org", "pythonhosted_org", "npmjs_org", "npmjs_com", "registry_yarnpkg", "crates_io", "docker_io", "ghcr_io",
    "quay_io", "rubygems_org", "proxy_golang", "deb_debian",
)]  # fmt: skip  # spelled so that this file names none
MACHINES = re.compile(
    "|".join(f"(?<![\\w.~$}}])/{folder}/[a-z]" for folder in ("home", "root", "Users", "work", "mnt"))
)


def files() -> list[Path]:
    """Everything that is written by us, as a checkout or an archive of it holds it."""
    inside = [path for folder in OURS for path in sorted((ROOT / folder).rglob("*"))]
    outside = [path for path in sorted(ROOT.iterdir()) if path.suffix != ".lock"]
    return [
        path
        for path in (*inside, *outside)
        if path.is_file()
        and path.suffix in TEXTS
        and "__pycache__" not in path.parts
        and not path.name.startswith((".git", ".coverage", ".env"))  # not ours: the checkout's, a run's, an operator's
    ]


def test_nobody_imports_against_the_direction_of_the_house() -> None:
    contracts = subprocess.run(
        [sys.executable, "-c", "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert contracts.returncode == 0, contracts.stdout
    assert re.search(r"[1-9]\d* kept, 0 broken", contracts.stdout)


def test_no_module_is_longer_than_a_reader_is_patient() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / "service").rglob("*.py")
    }
    assert {path: length for path, length in lengths.items() if length > LINES} == {}


def test_every_module_says_its_duty_in_one_sentence() -> None:
    for path in sorted((ROOT / "service").rglob("*.py")):
        first = path.read_text(encoding="utf-8").partition("\n")[0]
        assert re.match(r'"""[^"]+[.:]("""|$)', first), (path, first)


def test_no_file_names_a_registry_or_a_place_on_a_machine() -> None:
    for path in files():
        text = path.read_text(encoding="utf-8")
        assert [name for name in REGISTRIES if name in text] == [], path
        assert MACHINES.findall(text) == [], path


def test_what_is_let_pass_says_why() -> None:
    for path in files():
        if path.suffix != ".py":
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if re.search(r"#\s*(noqa|type: ignore)", line):
                assert re.search(r"# (noqa: [A-Z0-9, ]+ - \w|type: ignore\[[a-z, -]+\] +# \w)", line), (path, number)
