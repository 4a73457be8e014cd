"""Who is calling: a reader by keyed hashes, a moderator by a session or a token."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from datetime import timedelta
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from socket import AF_INET, inet_pton
from typing import TYPE_CHECKING, NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from service.errors import Overloaded, SignInFailed, SignInRequired

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from ipaddress import IPv4Address, IPv4Network, IPv6Network
    from uuid import UUID

    from service.store.identity import Holder, IdentityStore, Kind

SESSION = timedelta(hours=12)
WAITING = 20
"""Sign-ins that may wait for their password to be verified, about a second's worth."""
KEY_BYTES = 16
SUBSCRIBER_BITS = 64
"""An IPv6 subscriber holds a /64 at least (RFC 6177), so addresses inside it are one reader."""
REMEMBERED = 4096
"""Addresses that need not be read again, and subscribers of IPv6 whose network need not be written again."""
REMEMBERED_LENGTH = 64
"""Characters of the longest of them: all but addresses whose zone has a long name."""


class ReaderKeys(NamedTuple):
    """What stands for a reader in storage."""

    author: bytes
    address: bytes


def client_address(peer: str | None, forwarded_for: Sequence[str], trusted: Sequence[IPv4Network | IPv6Network]) -> str:
    """Return the address of a client: the last one in `X-Forwarded-For` that no trusted proxy vouches for.

    A peer that is no trusted proxy is the client itself, whatever it says.
    """
    address = peer or ""
    chain = [part.strip() for line in forwarded_for for part in line.split(",")]
    while chain and among(address, trusted):
        candidate = _written(chain.pop())
        if candidate is None:
            break
        address = candidate
    return address


def among(address: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    """Say whether an address is in one of some networks."""
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in networks)


def subscriber(address: str) -> str:
    """Return what an address is limited by: itself, or its /64 in IPv6."""
    if _is_ipv4(address):
        return address
    parsed = _parsed(address)
    if isinstance(parsed, IPv6Address):
        return _network(int(parsed) >> SUBSCRIBER_BITS)
    return str(parsed) if parsed else address


@lru_cache(REMEMBERED)
def _network(prefix: int) -> str:
    return str(IPv6Address(prefix << SUBSCRIBER_BITS))


def _written(address: str) -> str | None:
    """Return an address in the one form that we write, None when it is none."""
    if _is_ipv4(address):
        return address
    parsed = _parsed(address)
    return str(parsed) if parsed else None


def _is_ipv4(address: str) -> bool:
    """Say whether an address is one of IPv4, which has one form only, much faster than `ip_address` does."""
    try:
        inet_pton(AF_INET, address)
    except (OSError, ValueError):
        return False
    return True


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    return _remembered(address) if len(address) <= REMEMBERED_LENGTH else _read(address)


def _read(address: str) -> IPv4Address | IPv6Address | None:
    """Read an address; one of IPv4 that a socket of IPv6 shows (RFC 4291, section 2.5.5.2) as the IPv4 that it is."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    return (parsed.ipv4_mapped or parsed) if isinstance(parsed, IPv6Address) else parsed


_remembered = lru_cache(REMEMBERED)(_read)


class Identity:
    """Keys of readers, and sessions and tokens of moderators."""

    def __init__(self, store: IdentityStore, key: bytes, now: Callable[[], datetime]) -> None:
        self._store = store
        readers = hashlib.blake2b(key, digest_size=32, person=b"trecento-readers").digest()
        self._keyed = hashlib.blake2b(key=readers, digest_size=KEY_BYTES)
        self._now = now
        self._hasher = PasswordHasher()
        self._nobody = self._hasher.hash(secrets.token_urlsafe())
        # Each verification takes 64 MiB and a core (RFC 9106): a crowd at the door waits outside.
        self._door = asyncio.Semaphore(2)
        self._waiting = 0

    def reader(self, site: int, address: str, name: str | None, at: datetime) -> ReaderKeys:
        """Return the keys of a reader; they change with the month, so nothing leads back to an address for long."""
        place = f"{at.year}-{at.month:02}/{site}/{subscriber(address)}"
        return ReaderKeys(self._digest(f"author/{place}/{(name or '').casefold()}"), self._digest(f"address/{place}"))

    def _digest(self, text: str) -> bytes:
        keyed = self._keyed.copy()
        keyed.update(text.encode())
        return keyed.digest()

    async def hash_password(self, password: str) -> str:
        """Return the hash of a password."""
        return await asyncio.to_thread(self._hasher.hash, password)

    async def sign_in(self, site: int, name: str, password: str) -> tuple[str, Holder]:
        """Return the secret of a new session and its holder.

        Raises SignInFailed after the same time whether or not the name exists, Overloaded at once when many wait.
        """
        account = await self._store.moderator(site, name)
        if self._waiting >= WAITING:
            raise Overloaded(headers={"Retry-After": "5"})
        self._waiting += 1
        try:
            await self._verify(account.password_hash if account else self._nobody, password)
        finally:
            self._waiting -= 1
        if account is None:
            raise SignInFailed
        await self._store.drop_expired(site, self._now())
        secret = await self.issue(site, account.id, "session", "", SESSION)
        return secret, await self.holder(secret)

    async def _verify(self, password_hash: str, password: str) -> None:
        async with self._door:
            try:
                await asyncio.to_thread(self._hasher.verify, password_hash, password)
            except VerificationError as error:
                raise SignInFailed from error

    async def issue(self, site: int, moderator: UUID, kind: Kind, label: str, life: timedelta) -> str:
        """Return a new secret that stands for a moderator; storage keeps its hash only."""
        secret = f"{site}.{secrets.token_urlsafe(32)}"
        at = self._now()
        await self._store.add_credential(site, _hash(secret), moderator, kind, label, at, at + life)
        return secret

    async def holder(self, secret: str) -> Holder:
        """Return who holds a secret.

        Raises SignInRequired when it is unknown or has expired.
        """
        holder = await self._store.holder(_site(secret), _hash(secret), self._now())
        if holder is None:
            raise SignInRequired
        return holder

    async def sign_out(self, secret: str) -> None:
        """End a session."""
        await self._store.drop_credential(_site(secret), _hash(secret))


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="surrogateescape")).digest()


def _site(secret: str) -> int:
    """Read the site that a secret claims: it only leads to the row, whose hash covers it."""
    claim = secret.partition(".")[0]
    if not (claim.isascii() and claim.isdigit() and len(claim) <= 18):  # noqa: PLR2004 - digits that fit a bigint
        raise SignInRequired
    return int(claim)
