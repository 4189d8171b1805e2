"""Names to addresses, asked of a real name server: all of them good, or none."""

import asyncio
import time
from ipaddress import ip_address

import pytest

from tasks.outbound.networks import Network
from tasks.outbound.resolver import AddressRefused, NameNotFound, Resolver
from tests.support.eventually import eventually
from tests.support.network.nameserver import REFUSED, A, NameServer
from tests.tasks.outbound.conftest import LOOPBACK

PUBLIC, PUBLIC_6, PRIVATE = "93.184.216.34", "2606:4700:4700::1111", "10.0.0.7"


async def look_up(
    names: NameServer, host: str, *, networks: tuple[Network, ...] = (), timeout_s: float = 2
) -> set[str]:
    resolver = Resolver(timeout_s=timeout_s, networks=networks, nameservers=(names.address,))
    try:
        return {str(address) for address in await resolver.addresses(host)}
    finally:
        await resolver.close()


async def test_every_address_of_both_families_is_found(names: NameServer) -> None:
    names.say("example.com", [PUBLIC, "1.1.1.1", PUBLIC_6])
    assert await look_up(names, "example.com") == {PUBLIC, "1.1.1.1", PUBLIC_6}


@pytest.mark.parametrize(
    "addresses",
    [
        [PRIVATE],
        ["127.0.0.1"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:10.0.0.7"],
        ["64:ff9b::a00:7"],
        ["fd00:ec2::254"],
        [PUBLIC, PRIVATE],
        [PRIVATE, PUBLIC],
        [PUBLIC, "::1"],
        [PUBLIC_6, PRIVATE],
        ["inner.example", PUBLIC, PRIVATE],
    ],
    ids=str,
)
async def test_one_address_that_is_not_public_spoils_the_answer(names: NameServer, addresses: list[str]) -> None:
    names.say("example.com", addresses)
    with pytest.raises(AddressRefused) as caught:
        await look_up(names, "example.com")
    assert str(caught.value) == ""


async def test_an_alias_is_followed_to_what_it_stands_for(names: NameServer) -> None:
    names.say("alias.example", ["inner.example", PUBLIC])
    assert await look_up(names, "alias.example") == {PUBLIC}


async def test_named_networks_are_given(names: NameServer) -> None:
    names.say("app.test", ["127.0.0.1"])
    assert await look_up(names, "app.test", networks=LOOPBACK) == {"127.0.0.1"}


async def test_localhost_is_this_host_and_nobody_is_asked(names: NameServer) -> None:
    assert await look_up(names, "localhost", networks=LOOPBACK) <= {"127.0.0.1", "::1"}
    with pytest.raises(AddressRefused):
        await look_up(names, "localhost")
    assert names.asked == []


async def test_a_name_is_whole_no_search_domain_is_added(names: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALDOMAIN", "svc.cluster.local")
    for host in ("redis", "redis.default"):
        names.fail(host)
        names.say(f"{host}.svc.cluster.local", [PUBLIC])
        with pytest.raises(NameNotFound):
            await look_up(names, host)
    assert {name for name, _ in names.asked} == {"redis", "redis.default"}


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "0x7f.1", "0", "017700000001", "0177.0.0.1"])
async def test_numbers_are_no_addresses(names: NameServer, host: str) -> None:
    """The system's own look-up would read each of them as 127.0.0.1 or 0.0.0.0."""
    names.fail(host)
    with pytest.raises(NameNotFound):
        await look_up(names, host, networks=LOOPBACK)


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".com", "exa mple.com", "-"])
async def test_what_is_no_name_is_not_found(names: NameServer, host: str) -> None:
    names.fail(host)
    with pytest.raises(NameNotFound):
        await look_up(names, host)


async def test_an_unknown_name_a_name_without_addresses_and_a_server_that_refuses(names: NameServer) -> None:
    names.fail("unknown.example")
    names.say("empty.example", [])
    names.fail("broken.example", REFUSED)
    for host in ("unknown.example", "empty.example", "broken.example"):
        with pytest.raises(NameNotFound):
            await look_up(names, host)


async def test_a_server_that_never_answers_costs_the_deadline_and_no_more(names: NameServer) -> None:
    began = time.monotonic()
    with pytest.raises(NameNotFound):
        await look_up(names, "silent.example", timeout_s=0.3)
    assert 0.2 < time.monotonic() - began < 2
    assert len([kind for _, kind in names.asked if kind == A]) == 2  # it was asked twice


async def test_a_slow_server_is_waited_for(names: NameServer) -> None:
    names.say("slow.example", [PUBLIC])
    names.delay_s = 0.2
    assert await look_up(names, "slow.example", timeout_s=3) == {PUBLIC}


async def test_an_answer_is_kept_no_longer_than_its_zone_says(names: NameServer) -> None:
    names.say("changing.example", [PUBLIC], ["1.1.1.1"], ["127.0.0.1"])
    resolver = Resolver(timeout_s=2, nameservers=(names.address,))
    assert await resolver.addresses("changing.example") == (ip_address(PUBLIC),)
    assert await resolver.addresses("changing.example") == (ip_address("1.1.1.1"),)
    with pytest.raises(AddressRefused):
        await resolver.addresses("changing.example")
    await resolver.close()


async def test_a_name_that_had_no_address_is_found_once_it_has_one(
    names: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """c-ares alone would say for an hour that it has none."""
    names.say("new.example", [], [PUBLIC])
    resolver = Resolver(timeout_s=2, nameservers=(names.address,))
    for _ in range(2):
        with pytest.raises(NameNotFound):
            await resolver.addresses("new.example")
    monkeypatch.setattr("tasks.outbound.resolver.RENEW_S", 0.0)
    assert await resolver.addresses("new.example") == (ip_address(PUBLIC),)
    await resolver.close()


async def test_a_look_up_outlives_the_renewal_of_its_resolver(
    names: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.outbound.resolver.RENEW_S", 0.0)
    names.delay_s = 0.1
    names.say("slow.example", [PUBLIC])
    resolver = Resolver(timeout_s=2, nameservers=(names.address,))
    found = await asyncio.gather(*(resolver.addresses("slow.example") for _ in range(10)))
    assert found == [(ip_address(PUBLIC),)] * 10
    await resolver.close()


async def test_closing_ends_what_is_under_way_and_leaves_no_task(names: NameServer) -> None:
    before = asyncio.all_tasks()
    resolver = Resolver(timeout_s=30, nameservers=(names.address,))
    waiting = asyncio.create_task(resolver.addresses("silent.example"))
    await eventually(lambda: names.asked)
    await resolver.close()
    with pytest.raises(NameNotFound):
        await waiting
    assert asyncio.all_tasks() == before
    await resolver.close()


async def test_a_resolver_that_was_never_used_closes() -> None:
    await Resolver(timeout_s=1).close()
