"""Who is calling."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.errors import Overloaded, SignInFailed, SignInRequired
from service.identity import REMEMBERED_LENGTH, SESSION, WAITING, Identity, _remembered, client_address, subscriber
from tests.conftest import SECRET
from tests.newsroom import PASSWORD, hire, identities

if TYPE_CHECKING:
    import asyncpg

    from tests.conftest import Clock

PROXIES = [ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"), ip_network("127.0.0.1")]
AT = datetime(2026, 5, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.1", [], "203.0.113.1"),
        ("203.0.113.1", ["198.51.100.1"], "203.0.113.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1", "10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["192.0.2.9, 198.51.100.1", "10.0.0.2,10.0.0.3"], "198.51.100.1"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["198.51.100.1, garbage"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1, garbage, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["garbage, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["", " , ,"], "10.0.0.1"),
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1 ' or 1=1"], "10.0.0.1"),
        ("10.0.0.1", ["1" * 10_000], "10.0.0.1"),
        ("10.0.0.1", ["2001:DB8:0::1, 2001:0DB9:0:0::5"], "2001:db9::5"),
        ("2001:db8::7", ["198.51.100.1"], "198.51.100.1"),
        ("2001:db9::7", ["198.51.100.1"], "2001:db9::7"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["::ffff:198.51.100.1, ::ffff:10.0.0.2"], "198.51.100.1"),
        ("::ffff:203.0.113.1", ["198.51.100.1"], "::ffff:203.0.113.1"),
        ("", ["198.51.100.1"], ""),
        (None, ["198.51.100.1"], ""),
    ],
)
def test_only_trusted_proxies_say_who_asked_them(peer: str | None, forwarded: list[str], client: str) -> None:
    assert client_address(peer, forwarded, PROXIES) == client


@pytest.mark.parametrize(
    ("address", "limited"),
    [
        ("203.0.113.1", "203.0.113.1"),
        ("::ffff:203.0.113.1", "203.0.113.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::", "2001:db8:1:2::"),
        ("2001:db8:1:3::", "2001:db8:1:3::"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
        ("@socket", "@socket"),
    ],
)
def test_addresses_of_one_subscriber_are_one(address: str, limited: str) -> None:
    assert subscriber(address) == limited


@given(
    st.ip_addresses().map(str)
    | st.text("0123456789.:abf% \n\0\u0661", max_size=20)
    | st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){2,4}", fullmatch=True)
)
@example("198.51.100.010")
@example("1.2.3.4\0")
@example("1.2.3.4\n")
@example("1.2.3")
@example("\u0661.2.3.4")
def test_what_is_read_fast_is_what_ipaddress_reads(text: str) -> None:
    stripped = text.strip()
    try:
        expected = ip_address(stripped)
    except ValueError:
        assert client_address("127.0.0.1", [stripped], PROXIES) == "127.0.0.1"
        assert subscriber(stripped) == stripped
    else:
        mapped = getattr(expected, "ipv4_mapped", None) or expected
        assert client_address("127.0.0.1", [stripped], PROXIES) == str(mapped)
        network = IPv6Network((int(mapped), 64), strict=False).network_address if mapped.version == 6 else mapped
        assert subscriber(stripped) == str(network)


def test_no_address_that_is_remembered_is_long() -> None:
    zone = "fe80::1%" + "e" * REMEMBERED_LENGTH
    _remembered.cache_clear()
    assert client_address("127.0.0.1", [zone], PROXIES) == zone
    assert subscriber(zone) == "fe80::"
    assert _remembered.cache_info().currsize == 1  # the proxy


async def test_a_readers_keys_tell_readers_apart_and_lead_nowhere(url: str, clock: Clock) -> None:
    async with identities(url, clock) as (identity, store, _):
        keys = identity.reader(1, "203.0.113.1", "Ada", AT)
        assert identity.reader(1, "::ffff:203.0.113.1", "ADA", AT + timedelta(days=20)) == keys
        assert identity.reader(1, "203.0.113.1", "Bob", AT).address == keys.address
        anonymous = identity.reader(1, "203.0.113.1", None, AT)
        others = [
            identity.reader(2, "203.0.113.1", "Ada", AT),
            identity.reader(1, "203.0.113.2", "Ada", AT),
            identity.reader(1, "203.0.113.1", "Ada", AT + timedelta(days=31)),
            Identity(store, b"another secret of a service", clock.now).reader(1, "203.0.113.1", "Ada", AT),
        ]
        seen = [*keys, anonymous.author, *(key for other in others for key in other)]
        assert len(set(seen)) == len(seen)
        assert {len(key) for key in seen} == {16}
        again = Identity(store, SECRET.encode(), clock.now).reader(1, "203.0.113.1", "Ada", AT)
        assert again == keys


@pytest.mark.parametrize(
    ("address", "author", "limited"),
    [
        ("203.0.113.1", "3eb8f1039d1ca5a96dc5ef516c1fc480", "79a47b86896cc1fc16c32ef9a3b4684c"),
        ("2001:db8:1:2:3:4:5:6", "79144bbe0ad4086ff2beb5707ce05a2b", "12b1533dc10f215c4caf59a7e0b4c308"),
    ],
)
async def test_a_readers_keys_are_those_that_storage_holds(
    url: str, clock: Clock, address: str, author: str, limited: str
) -> None:
    async with identities(url, clock) as (_, store, _):
        keys = Identity(store, SECRET.encode(), clock.now).reader(1, address, "Ada", AT)
        assert (keys.author.hex(), keys.address.hex()) == (author, limited)


async def test_an_unknown_name_costs_the_same_verification(
    url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hire(url, clock)
    async with identities(url, clock) as (identity, _, sites):
        site = await sites.site("default")
        assert site
        verified: list[tuple[str, str]] = []
        verify = identity._hasher.verify

        def watched(hashed: str, password: str) -> bool:
            verified.append((hashed.split("$")[3], password))
            return bool(verify(hashed, password))

        monkeypatch.setattr(identity, "_hasher", type("Watched", (), {"verify": staticmethod(watched)}))
        for name in ("Ada", "Eve"):
            with pytest.raises(SignInFailed):
                await identity.sign_in(site.id, name, "wrong")
        assert len(verified) == 2
        assert verified[0] == verified[1]  # the same cost parameters, the same password


async def test_two_sessions_are_two_secrets_and_end_apart(url: str, clock: Clock, sql: asyncpg.Connection[Any]) -> None:
    await hire(url, clock)
    async with identities(url, clock) as (identity, _, sites):
        site = await sites.site("default")
        assert site
        first, holder = await identity.sign_in(site.id, "Ada", PASSWORD)
        second, _ = await identity.sign_in(site.id, "Ada", PASSWORD)
        assert first != second
        assert (holder.name, holder.site, holder.kind) == ("Ada", "default", "session")
        await identity.sign_out(first)
        with pytest.raises(SignInRequired):
            await identity.holder(first)
        assert (await identity.holder(second)).name == "Ada"
        expires = await sql.fetchval("select max(expires_at) from credentials where kind = 'session'")
        assert expires == clock.now() + SESSION


async def test_a_crowd_at_the_door_is_told_to_come_again(url: str, clock: Clock) -> None:
    await hire(url, clock)
    async with identities(url, clock) as (identity, _, sites):
        site = await sites.site("default")
        assert site is not None
        crowd = [identity.sign_in(site.id, "Ada", "wrong") for _ in range(WAITING * 2)]
        told = [type(answer) for answer in await asyncio.gather(*crowd, return_exceptions=True)]
        assert set(told) == {SignInFailed, Overloaded}
        assert told.count(SignInFailed) >= WAITING
        assert (await identity.sign_in(site.id, "Ada", PASSWORD))[1].name == "Ada"
