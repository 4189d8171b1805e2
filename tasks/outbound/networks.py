"""The IP addresses that outbound requests may not reach.

An explicit table, since `ipaddress.is_global` lets many through. From the IANA registries of special-purpose addresses
for IPv4 and IPv6, and the cloud providers' own pages.
"""

from collections.abc import Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

METADATA = frozenset(
    ip_address(address)
    for address in (
        "169.254.169.254",  # most clouds
        "169.254.169.253",  # Amazon's name server
        "169.254.170.2",  # the credentials of an Amazon ECS task
        "169.254.170.23",  # the credentials of an Amazon EKS pod
        "169.254.42.42",  # Scaleway
        "169.254.0.23",  # Tencent
        "100.100.100.200",  # Alibaba
        "192.0.0.192",  # Oracle
        "168.63.129.16",  # Azure's wire server, on an address that looks public
        "fd00:ec2::254",  # Amazon
        "fd00:ec2::253",
        "fd00:ec2::23",
        "fd20:ce::254",  # Google
        "fd00:42::42",  # Scaleway
        "fe80::a9fe:a9fe",  # OpenStack
    )
)
"""Where clouds give their machines credentials. Always blocked, whatever the settings allow."""

_PUBLIC_V6 = IPv6Network("2000::/3")
# What is outside of it, such as loopback, fc00::/7 and fe80::/10, needs no line.
_REFUSED = tuple(
    (ip_network(network), reason)
    for network, reason in (
        ("0.0.0.0/8", "this host"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared by a carrier's customers"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "for protocols"),
        ("192.0.2.0/24", "for documentation"),
        ("192.88.99.0/24", "6to4 relays"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "for benchmarks"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved, broadcast included"),
        ("2001::/23", "for protocols, Teredo and ORCHID among them"),
        ("2001:db8::/32", "for documentation"),
        ("2002::/16", "6to4, which tunnels to any IPv4 address"),
        ("3fff::/20", "for documentation"),
    )
)
_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")
# Other networks whose last 32 bits are an IPv4 address: compatible, translated (SIIT), NAT64 of one's own.
_ENDING_IN_V4 = tuple(map(IPv6Network, ("::/96", "::ffff:0:0:0/96", "64:ff9b:1::/48")))
_ISATAP = (0x00005EFE, 0x02005EFE)


@lru_cache(maxsize=4096)
def blocked_reason(address: Address, networks: tuple[Network, ...] = ()) -> str | None:
    """Why an IP address is blocked; None if it is allowed.

    An IPv4 address inside a mapped or NAT64 one is checked in its place, since packets would go there.

    Args:
        networks: allowed although they are not public.
    """
    if any(one in METADATA for one in _stands_for(address)):
        return "metadata of a cloud"
    if address in _MAPPED or address in _NAT64:
        return blocked_reason(_last_32_bits(address), networks)
    if any(address in network for network in networks):
        return None
    if isinstance(address, IPv6Address):
        if address not in _PUBLIC_V6:
            return "not public"
        if _is_isatap(address) and blocked_reason(_last_32_bits(address), networks) is not None:
            return "ISATAP, which tunnels to an IPv4 address that is not public"
    return next((reason for network, reason in _REFUSED if address in network), None)


def is_loopback(address: Address) -> bool:
    """Whether packets to an address, or to an IPv4 address inside it, stay on this machine."""
    return any(one.is_loopback or one.is_unspecified for one in _stands_for(address))


def _stands_for(address: Address) -> Iterator[Address]:
    """The address, and every IPv4 address that it may lead to, by any kind of tunnel or translation."""
    if isinstance(address, IPv4Address):
        yield address
        return
    yield IPv6Address(int(address))  # without the link of fe80::1%eth0
    if any(address in network for network in (_MAPPED, _NAT64, *_ENDING_IN_V4)):
        yield _last_32_bits(address)
    if _is_isatap(address):
        yield _last_32_bits(address)
    if (relayed := address.sixtofour) is not None:
        yield relayed
    if (ends := address.teredo) is not None:
        yield from ends


def _is_isatap(address: IPv6Address) -> bool:
    return (int(address) >> 32) & 0xFFFFFFFF in _ISATAP


def _last_32_bits(address: Address) -> IPv4Address:
    return IPv4Address(int(address) & 0xFFFFFFFF)
