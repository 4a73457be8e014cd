"""Settings from the environment, and the secret that is made when none is given."""

from __future__ import annotations

import multiprocessing
import re
import stat
from typing import TYPE_CHECKING

import pytest

from service.commands.usage import SETTINGS
from service.settings import NAMES, Settings, SettingsError, read

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "long enough to keep"


def test_every_setting_is_read_from_its_variable() -> None:
    settings = read(
        {
            "DATABASE_URL": "postgresql://db/trecento",
            "TRECENTO_HOST": "::1",
            "TRECENTO_PORT": "0",
            "TRECENTO_DATA": "/data",
            "TRECENTO_SECRET": SECRET,
            "TRECENTO_TRUSTED_PROXIES": "10.0.0.0/8, ::1,127.0.0.1",
            "TRECENTO_RATE_PER_MINUTE": "5",
            "TRECENTO_METRICS_FROM": "192.0.2.0/24",
            "TRECENTO_WORKERS": "2",
            "TRECENTO_DRAIN_SECONDS": "2.5",
            "PATH": "/bin",
        }
    )
    assert (settings.database_url, settings.host, settings.port) == ("postgresql://db/trecento", "::1", 0)
    assert (str(settings.folder), settings.key(), settings.rate_per_minute) == ("/data", SECRET.encode(), 5)
    assert (settings.workers, settings.drain_seconds) == (2, 2.5)
    assert [str(network) for network in settings.metrics_networks] == ["192.0.2.0/24"]
    assert [str(network) for network in settings.proxies] == ["10.0.0.0/8", "::1/128", "127.0.0.1/32"]


def test_everything_has_a_default_and_what_is_empty_is_not_set() -> None:
    assert read({}) == Settings()
    assert read({f"TRECENTO_{name.upper()}": "" for name in NAMES} | {"DATABASE_URL": ""}) == Settings()
    assert (Settings().host, Settings().port, Settings().proxies) == ("127.0.0.1", 8080, ())
    assert Settings().folder.is_absolute()


def test_settings_of_the_tests_are_left_to_them() -> None:
    assert read({"TRECENTO_SCREENSHOTS": "docs", "TRECENTO_WRITE_SCHEMA": "1"}) == Settings()


def test_the_help_names_every_setting() -> None:
    for name in NAMES:
        assert f"  TRECENTO_{name.upper()} " in SETTINGS
    assert "  DATABASE_URL " in SETTINGS


@pytest.mark.parametrize("name", ["TRECENTO_PROT", "TRECENTO_DATABASE_URL", "TRECENTO_"])
def test_an_unknown_setting_is_named_with_those_that_are_known(name: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{name} is no setting\. There are DATABASE_URL, TRECENTO_HOST, "):
        read({name: "1"})


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("PORT", "http", "Expected `int`, got `str`"),
        ("PORT", "65536", "Expected `int` <= 65535"),
        ("PORT", "-1", "Expected `int` >= 0"),
        ("RATE_PER_MINUTE", "-1", "Expected `int` >= 0"),
        ("RATE_PER_MINUTE", "1.5", "Expected `int`, got"),
        ("SECRET", "too short", "Expected `str` of length >= 16"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(name: str, value: str, why: str) -> None:
    with pytest.raises(SettingsError, match=rf"^TRECENTO_{name} cannot be used: {re.escape(why)}") as refused:
        read({f"TRECENTO_{name}": value})
    assert value not in str(refused.value) or value in why


@pytest.mark.parametrize("value", ["10.0.0.0/33", "proxy", "10.0.0.1/8"])
def test_a_proxy_that_is_no_network_is_named(value: str) -> None:
    with pytest.raises(SettingsError, match=r"^TRECENTO_TRUSTED_PROXIES takes addresses or networks, by comma: "):
        read({"TRECENTO_TRUSTED_PROXIES": value})


def test_a_secret_is_made_once_for_our_eyes_only_and_kept(tmp_path: Path) -> None:
    settings = Settings(data=str(tmp_path / "new" / "folder"))
    key = settings.key()
    assert re.fullmatch(b"[0-9a-f]{64}", key)
    [path] = settings.folder.iterdir()
    assert (path.name, stat.S_IMODE(path.stat().st_mode)) == ("secret", 0o600)
    assert Settings(data=settings.data).key() == key
    assert Settings(data=str(tmp_path / "other")).key() != key


def test_processes_that_start_at_once_agree_on_the_secret(tmp_path: Path) -> None:
    settings = Settings(data=str(tmp_path))
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        keys = pool.map(Settings.key, [settings] * 16, chunksize=1)
    assert set(keys) == {settings.key()}
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_a_secret_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").touch()
    with pytest.raises(SettingsError, match=r"The secret in .*secret is cut short\. Restore it, or remove it"):
        Settings(data=str(tmp_path)).key()


def test_a_secret_that_cannot_be_kept_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "secret").mkdir()
    for folder in (tmp_path / "file", tmp_path):
        with pytest.raises(SettingsError, match=r"cannot be kept in .*secret \(.*\)\. Set TRECENTO_SECRET, or"):
            Settings(data=str(folder)).key()
