"""Whose address a request has: what a client writes into the headers of proxies is never believed."""

import pytest
from starlette.types import Scope

from api.http.access.forwarded import Forwarding, network_of
from tasks.settings import Settings

CLIENT = "203.0.113.9"
FORGED = "198.51.100.1"


def scope_of(*headers: tuple[str, str], peer: str | None = "10.1.2.3") -> Scope:
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    return {"type": "http", "scheme": "http", "headers": raw, "client": (peer, 40_000) if peer else None}


def forwarding(hops: int | None, **settings: object) -> Forwarding:
    return Forwarding(Settings(_env_file=None, forwarded_hops=hops, **settings))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("hops", "entries", "address"),
    [
        (0, CLIENT, "10.1.2.3"),
        (1, CLIENT, CLIENT),
        (1, f"{FORGED}, {CLIENT}", CLIENT),
        (1, f"{FORGED},{FORGED}, , {CLIENT} ", CLIENT),
        (2, f"{FORGED}, {CLIENT}, 10.9.9.9", CLIENT),
        (2, CLIENT, CLIENT),  # one proxy was left out
        (1, f"{FORGED}, unknown", "10.1.2.3"),
        (1, f"{FORGED},", "10.1.2.3"),
        (1, "2001:DB8::1", "2001:db8::1"),
        (1, "[2001:db8::1]:443", "2001:db8::1"),
        (1, f"{CLIENT}:40000", CLIENT),
        (1, f"::ffff:{CLIENT}", CLIENT),
        (1, "fe80::1%" + "x" * 1_000, "10.1.2.3"),
        (1, "1" * 10_000, "10.1.2.3"),
        (1, "", "10.1.2.3"),
    ],
)
def test_the_address_is_what_the_first_of_our_proxies_has_added(hops: int, entries: str, address: str) -> None:
    scope = scope_of(("X-Forwarded-For", entries), ("Forwarded", f"for={FORGED}"))
    assert forwarding(hops).client_address(scope) == address


def test_entries_may_stand_in_several_headers() -> None:
    scope = scope_of(("X-Forwarded-For", FORGED), ("X-Forwarded-For", CLIENT))
    assert forwarding(1).client_address(scope) == CLIENT


def test_only_a_proxy_is_believed() -> None:
    header = ("X-Forwarded-For", FORGED)
    assert forwarding(1).client_address(scope_of(header, peer=CLIENT)) == CLIENT
    narrow = forwarding(1, trusted_proxies="10.1.0.0/16")
    assert narrow.client_address(scope_of(header, peer="10.2.0.1")) == "10.2.0.1"
    assert narrow.client_address(scope_of(header, peer="10.1.0.1")) == FORGED
    assert forwarding(1, trusted_proxies=CLIENT).client_address(scope_of(header, peer=f"::ffff:{CLIENT}")) == FORGED


def test_a_socket_of_this_machine_has_no_address() -> None:
    assert forwarding(1).client_address(scope_of(peer=None)) is None
    assert forwarding(1).client_address(scope_of(("X-Forwarded-For", CLIENT), peer=None)) == CLIENT


def test_scheme_and_host() -> None:
    told = [("X-Forwarded-Proto", "http, HTTPS"), ("X-Forwarded-Host", "a.example, B.example:8443")]
    assert forwarding(1).scheme(scope_of(*told)) == "https"
    assert forwarding(1, forwarded_host=True).host(scope_of(*told)) == "b.example:8443"
    assert forwarding(1).host(scope_of(*told)) is None
    without = forwarding(0, forwarded_host=True)
    assert (without.scheme(scope_of(*told)), without.host(scope_of(*told))) == ("http", None)
    assert forwarding(1).scheme(scope_of(("X-Forwarded-Proto", "javascript"))) == "http"


def test_how_many_proxies_there_are_without_the_setting() -> None:
    for settings, hops in (({}, 0), ({"trusted_proxies": "10.0.0.0/8"}, 1), ({"dev": False, "dyno": "web.1"}, 1)):
        assert Settings(_env_file=None, **settings).proxy_hops == hops
    assert Settings(_env_file=None, dev=False, dyno="web.1", forwarded_hops=0).proxy_hops == 0


def test_one_client_has_a_whole_network_of_ipv6() -> None:
    assert network_of(CLIENT) == CLIENT
    assert network_of("2001:db8:0:1::5") == network_of("2001:db8:0:1:ffff::") == "2001:db8:0:1::/64"
    assert network_of("2001:db8:0:2::5") != network_of("2001:db8:0:1::5")
