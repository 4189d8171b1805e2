"""The table of addresses: every range at its edges, every way of wrapping one; and what is public goes through."""

import random
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import pytest

from tasks.outbound.networks import METADATA, Address, Network, blocked_reason
from tests.tasks.outbound.conftest import words

REFUSED = words("""
    0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24
    192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4
    ::/96 ::ffff:0:0:0/96 64:ff9b:1::/48 100::/64 2001::/32 2001:2::/48 2001:10::/28 2001:20::/28 2001:db8::/32
    2002::/16 3fff::/20 5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8
""")
SINGLE = words("""
    0.0.0.0 127.0.0.1 255.255.255.255 169.254.169.254 169.254.170.2 169.254.170.23 100.100.100.200 192.0.0.192
    168.63.129.16 :: ::1 ::7f00:1 ::ffff:0:7f00:1 fd00:ec2::254 fd20:ce::254 fe80::a9fe:a9fe
""")
# At the edges of what is refused, and some that everybody knows.
PUBLIC = words("""
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 93.184.216.34 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0
    169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0 192.88.98.255 192.88.100.0
    192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0
    223.255.255.255 168.63.129.15 168.63.129.17
    2000:: 2001:200:: 2001:4860:4860::8888 2606:4700:4700::1111 2a00:1450:4001::1 2001:db7:ffff::1 2001:db9::1
    2a00:1450::5efe:808:808 2a00:1450::200:5efe:808:808
    2001:ffff::1 2003::1 3ffe:ffff::1 3fff:1000::1 64:ff9b::808:808 ::ffff:8.8.8.8
""")
EVERYTHING: tuple[Network, ...] = (ip_network("0.0.0.0/0"), ip_network("::/0"))


def wrapped(address: IPv4Address) -> list[IPv6Address]:
    """Every IPv6 address by which an IPv4 address is reached, where the network does such things."""
    bits = int(address)
    endings = ("::", "::ffff:0:0", "::ffff:0:0:0", "64:ff9b::", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff::")
    return [
        *(IPv6Address(int(IPv6Address(network)) | bits) for network in endings),
        IPv6Address(int(IPv6Address("2002::")) | bits << 80),  # 6to4
        IPv6Address(int(IPv6Address("2001::")) | bits << 64),  # a Teredo server
        IPv6Address(int(IPv6Address("2001::")) | (bits ^ 0xFFFFFFFF)),  # a Teredo client
        IPv6Address(int(IPv6Address("2a00:1450::5efe:0:0")) | bits),  # ISATAP
        IPv6Address(int(IPv6Address("2a00:1450::200:5efe:0:0")) | bits),
    ]


def some_of(network: Network, chance: random.Random, number: int = 50) -> list[Address]:
    first, last = int(network.network_address), int(network.broadcast_address)
    kind = IPv4Address if isinstance(network, IPv4Network) else IPv6Address
    return [kind(bits) for bits in (first, last, *(chance.randint(first, last) for _ in range(number)))]


@pytest.fixture
def chance() -> random.Random:
    return random.Random(4)  # noqa: S311 - no secret


@pytest.mark.parametrize("network", REFUSED)
def test_every_address_of_a_refused_network_is_refused(network: str, chance: random.Random) -> None:
    for address in some_of(ip_network(network), chance):
        assert blocked_reason(address) is not None, address


@pytest.mark.parametrize("address", SINGLE)
def test_an_address_that_everybody_tries_is_refused(address: str) -> None:
    assert blocked_reason(ip_address(address)) is not None


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_spoken_to(address: str) -> None:
    assert blocked_reason(ip_address(address)) is None


@pytest.mark.parametrize("network", [one for one in REFUSED if ":" not in one])
def test_a_refused_address_is_refused_in_every_wrapping(network: str, chance: random.Random) -> None:
    for address in some_of(ip_network(network), chance, 5):
        assert isinstance(address, IPv4Address)
        for one in wrapped(address):
            assert blocked_reason(one) is not None, one


def test_only_2000_is_public_of_ipv6(chance: random.Random) -> None:
    public = IPv6Network("2000::/3")
    unwrapped = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))
    for _ in range(5000):
        address = IPv6Address(chance.getrandbits(128))
        if address not in public and not any(address in network for network in unwrapped):
            assert blocked_reason(address) == "not public", address


def test_the_rest_of_ipv4_is_public(chance: random.Random) -> None:
    refused = [IPv4Network(network) for network in REFUSED if ":" not in network]
    for _ in range(5000):
        address = IPv4Address(chance.getrandbits(32))
        expected = any(address in network for network in refused) or address in METADATA
        assert (blocked_reason(address) is not None) == expected, address


def test_no_address_that_python_calls_private_gets_through(chance: random.Random) -> None:
    """Its lists are shorter than ours, and differ from version to version; none of them knows of one that we do not."""
    for bits in (32, 128):
        for _ in range(5000):
            address = (IPv4Address if bits == 32 else IPv6Address)(chance.getrandbits(bits))
            unwrapped = getattr(address, "ipv4_mapped", None) or address
            if unwrapped.is_private or unwrapped.is_multicast or unwrapped.is_loopback or unwrapped.is_link_local:
                assert blocked_reason(address) is not None, address


def test_named_networks_are_spoken_to_and_nothing_beside_them() -> None:
    networks: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("fd12:3456::/32"))
    for address in ("127.0.0.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "fd12:3456::1"):
        assert blocked_reason(ip_address(address), networks) is None
    assert blocked_reason(ip_address("2a00:1450::5efe:127.0.0.1"), networks) is None
    for address in (
        "10.0.0.1",
        "::1",
        "2a00:1450::5efe:10.0.0.1",
        "::ffff:10.0.0.1",
        "fd12:3457::1",
        "::7f00:1",
        "2002:7f00:1::",
    ):
        assert blocked_reason(ip_address(address), networks) is not None


@pytest.mark.parametrize("address", sorted(METADATA, key=str), ids=str)
def test_metadata_is_never_spoken_to_whatever_is_allowed(address: Address) -> None:
    assert blocked_reason(address, EVERYTHING) == "metadata of a cloud"
    assert blocked_reason(address, (ip_network(address),)) == "metadata of a cloud"
    if isinstance(address, IPv4Address):
        for one in wrapped(address):
            assert blocked_reason(one, EVERYTHING) == "metadata of a cloud", one
    else:
        assert blocked_reason(IPv6Address(f"{address}%eth0"), EVERYTHING) == "metadata of a cloud"


def test_all_else_can_be_allowed(chance: random.Random) -> None:
    for network in REFUSED:
        for address in some_of(ip_network(network), chance, 10):
            assert blocked_reason(address, EVERYTHING) in (None, "metadata of a cloud")
    assert blocked_reason(ip_address("10.0.0.1"), EVERYTHING) is None
    assert blocked_reason(ip_address("::1"), EVERYTHING) is None
