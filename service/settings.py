"""Everything that can be told from outside, read once from the environment."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct, ValidationError, convert, field

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "TRECENTO_"
SECRET_BYTES = 32
SECRET_LENGTH = 16
NOT_OURS = frozenset({"TRECENTO_SCREENSHOTS", "TRECENTO_WRITE_SCHEMA"})
"""Settings of the tests."""


class SettingsError(Exception):
    """A setting cannot be used as it stands; the message names it and says what it takes."""


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings by the name of their environment variable, in lower case and without `TRECENTO_`."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8080
    data: str = ".trecento"
    """Folder of the embedded database and of the secret, when they are not given."""
    secret: Annotated[str, Meta(min_length=SECRET_LENGTH)] | None = None
    """Key of the hashes that stand for addresses and authors; the same on every process of a service."""
    trusted_proxies: str = ""
    """Addresses or networks, by comma, whose `X-Forwarded-For` is believed."""
    rate_per_minute: Annotated[int, Meta(ge=0)] = 30
    """Comments that one address may send in a minute; 0 for any number."""
    metrics_from: str = "127.0.0.0/8,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7"
    """Addresses or networks, by comma, that may ask for `/metrics`: this machine and private networks."""
    workers: Annotated[int, Meta(ge=1, le=256)] = 1
    """Processes that answer; each has connections of its own to the database."""
    drain_seconds: Annotated[float, Meta(ge=0, le=3600)] = 10.0
    """Seconds in which what is under way may end when the service stops."""
    database_url: str | None = field(default=None)
    """`DATABASE_URL`; an embedded PostgreSQL is started when there is none."""
    database_pooler: Literal["transaction"] | None = None
    """What stands at `DATABASE_URL`: a PgBouncer that gives each transaction another server, or PostgreSQL itself."""
    direct_url: str | None = None
    """PostgreSQL itself, past the pooler: for migrations, commands and notifications."""
    replica_url: str | None = None
    """A standby itself, past any pooler, that answers some of what pages ask."""

    @property
    def folder(self) -> Path:
        """The data folder as an absolute path."""
        return Path(self.data).absolute()

    @property
    def proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks of trusted proxies."""
        return _networks(self.trusted_proxies)

    @property
    def metrics_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks that may ask for the numbers."""
        return _networks(self.metrics_from)

    def key(self) -> bytes:
        """Return the secret as bytes, making and keeping one in the data folder when none is given."""
        if self.secret is not None:
            return self.secret.encode()
        path = self.folder / "secret"
        try:
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                made = path.with_name(f"secret.{token_hex(4)}")
                made.touch(mode=0o600)
                made.write_text(token_hex(SECRET_BYTES), encoding="ascii")
                with suppress(FileExistsError):  # a process that starts beside this one was first
                    path.hardlink_to(made)
                made.unlink()
            kept = path.read_bytes()
        except OSError as error:
            raise SettingsError(
                f"The secret cannot be kept in {path} ({error.strerror}). Set TRECENTO_SECRET, or TRECENTO_DATA to a"
                " folder that can be written."
            ) from error
        if len(kept) < SECRET_LENGTH:
            raise SettingsError(f"The secret in {path} is cut short. Restore it, or remove it to have a new one made.")
        return kept


NAMES = tuple(name for name in Settings.__struct_fields__ if name != "database_url")


def read(environ: Mapping[str, str]) -> Settings:
    """Return the settings that an environment holds.

    An empty variable counts as none, so that a compose file may pass on what is not set.

    Raises SettingsError for an unknown `TRECENTO_` variable or a value of another form than the setting takes.
    """
    told = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environ.items()
        if name.startswith(PREFIX) and name not in NOT_OURS and value
    }
    if unknown := sorted(name for name in told if name not in NAMES):
        raise SettingsError(
            f"{PREFIX}{unknown[0].upper()} is no setting. There are DATABASE_URL, "
            + ", ".join(PREFIX + name.upper() for name in NAMES)
            + "."
        )
    if environ.get("DATABASE_URL"):
        told["database_url"] = environ["DATABASE_URL"]
    try:
        settings = convert(told, Settings, strict=False)
    except ValidationError as error:
        why, _, path = str(error).partition(" - at `$.")
        raise SettingsError(f"{PREFIX}{path.rstrip('`').upper()} cannot be used: {why}.") from error
    for name in ("trusted_proxies", "metrics_from"):
        try:
            _networks(getattr(settings, name))
        except ValueError as error:
            raise SettingsError(f"{PREFIX}{name.upper()} takes addresses or networks, by comma: {error}") from error
    _check(settings)
    return settings


def _check(settings: Settings) -> None:
    if settings.database_pooler and not settings.direct_url:
        raise SettingsError("TRECENTO_DATABASE_POOLER needs TRECENTO_DIRECT_URL, which leads past the pooler.")
    for name in ("direct_url", "replica_url"):
        if getattr(settings, name) and not settings.database_url:
            raise SettingsError(f"{PREFIX}{name.upper()} needs DATABASE_URL.")


def _networks(listed: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(part.strip()) for part in listed.split(",") if part.strip())
