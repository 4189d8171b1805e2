"""A proxy through which requests leave: it gets addresses that were checked, and its own failures have their code."""

from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from tasks.outbound.dialer import OutboundRoute
from tasks.outbound.networks import Address
from tasks.outbound.open import open_outbound
from tasks.outbound.proxy import EgressProxy
from tasks.outbound.resolver import Resolver
from tasks.settings import Settings
from tests.support.network.certificates import Authority
from tests.support.network.http_proxy import HttpProxy
from tests.support.network.nameserver import NameServer
from tests.support.receivers import Receiver
from tests.tasks.outbound.conftest import Opening, failure, post
from tools.servers import free_port


@pytest.fixture(scope="module", params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Both event loops: the worker runs uvloop."""
    return "asyncio", {"use_uvloop": request.param}


def through(proxy: HttpProxy, **options: Any) -> OutboundRoute:
    return OutboundRoute(proxy=EgressProxy.parse(f"http://127.0.0.1:{proxy.port}"), **options)


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
async def test_requests_go_through_the_proxy_which_is_asked_for_an_address(
    opening: Opening, names: NameServer, authority: Authority, tmp_path: Path, tls: bool
) -> None:
    names.say("receiver.test", ["127.0.0.1"])
    shown = authority.server("receiver.test") if tls else None
    async with HttpProxy() as proxy, Receiver(host="receiver.test", tls=shown) as receiver:
        client = opening(route=through(proxy, ca_file=str(authority.file)))
        for _ in range(2):
            answer = await post(client, receiver.at("/a?b=c"))
            assert (answer.status, answer.excerpt) == (200, b"ok")
        assert receiver.requests[0].path == "/a?b=c"
        assert receiver.requests[0].headers["host"] == f"receiver.test:{receiver.port}"
        assert proxy.targets == [f"127.0.0.1:{receiver.port}"]  # one connection, used again
        assert (await client.fetch(receiver.url, tmp_path / "source", max_bytes=100)).bytes == 2
        assert proxy.targets == [f"127.0.0.1:{receiver.port}"] * 2
        assert "authorization" not in proxy.heads[0].lower()


async def test_a_certificate_is_checked_behind_the_proxy_too(opening: Opening, authority: Authority) -> None:
    async with HttpProxy() as proxy, Receiver(tls=authority.server("other.test")) as receiver:
        client = opening(route=through(proxy, ca_file=str(authority.file)))
        assert (await failure(client, receiver.url)).code == "tls_failed"


async def test_the_proxy_is_not_asked_for_an_address_that_is_not_public(
    opening: Opening, names: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    names.say("inside.example", ["93.184.216.34", "10.0.0.7"])
    names.say("metadata.example", ["169.254.169.254"])
    everything = (ip_network("0.0.0.0/0"), ip_network("::/0"))
    async with HttpProxy() as proxy:
        for url, networks in (("http://inside.example/", ()), ("http://metadata.example/", everything)):
            error = await failure(opening(route=through(proxy), networks=networks), url)
            assert (error.code, error.ip) == ("address_refused", None)

        async def lying(_self: Resolver, _host: str) -> tuple[Address, ...]:
            return ip_address("93.184.216.34"), ip_address("127.0.0.1")

        monkeypatch.setattr(Resolver, "addresses", lying)
        error = await failure(opening(route=through(proxy), networks=()), "http://lying.example/")
        assert (error.code, error.ip) == ("address_refused", None)
        assert proxy.heads == []


async def test_the_next_address_is_asked_for_when_one_cannot_be_reached(opening: Opening, names: NameServer) -> None:
    names.say("receiver.test", ["127.0.0.2", "127.0.0.1", "::1"])
    async with HttpProxy(refusing=("127.0.0.2",)) as proxy, Receiver(host="receiver.test") as receiver:
        answer = await post(opening(route=through(proxy)), receiver.url)
        assert (answer.status, answer.ip) == (200, "127.0.0.1")
        assert proxy.targets[-1] == f"127.0.0.1:{receiver.port}"


async def test_an_address_of_ipv6_is_asked_for_in_brackets(opening: Opening) -> None:
    async with HttpProxy(refusing=("[::1]",)) as proxy:
        error = await failure(opening(route=through(proxy)), "http://[::1]:8080/")
        assert (error.code, error.ip) == ("connect_failed", "::1")
        assert proxy.targets == ["[::1]:8080"]


ANSWERS = {
    b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n": "proxy_failed",
    b"SSH-2.0-OpenSSH_9.9\r\n\r\n": "proxy_failed",
    b"HTTP/1.1 200 OK\r\n": "proxy_failed",
    b"HTTP/1.1 200 OK\r\n\r\nand more": "proxy_failed",
    b"": "proxy_failed",
    b"HTTP/1.1 403 Forbidden\r\n\r\n": "connect_failed",
    b"HTTP/1.0 503 Service Unavailable\r\n\r\n": "connect_failed",
}


@pytest.mark.parametrize("answer", [one for one in ANSWERS if one])
async def test_a_failure_of_the_proxy_is_none_of_the_receiver(opening: Opening, answer: bytes) -> None:
    async with HttpProxy(answer) as proxy:
        error = await failure(opening(route=through(proxy)), "http://127.0.0.1:8080/")
    assert error.code == ANSWERS[answer]


async def test_a_proxy_that_is_down_or_silent(opening: Opening) -> None:
    down = OutboundRoute(proxy=EgressProxy.parse(f"http://127.0.0.1:{free_port()}"))
    assert (await failure(opening(route=down), "http://127.0.0.1:8080/")).code == "proxy_failed"
    async with HttpProxy(b"") as proxy:
        error = await failure(opening(route=through(proxy), connect_s=0.3), "http://127.0.0.1:8080/")
    assert error.code == "connect_timed_out"


async def test_credentials_are_sent_to_the_proxy_and_shown_nowhere(names: NameServer) -> None:
    async with HttpProxy() as proxy, Receiver() as receiver:
        settings = Settings(
            _env_file=None,
            outbound_proxy=f"http://us%40er:p%3Aw@127.0.0.1:{proxy.port}",
            outbound_networks="127.0.0.0/8",
            outbound_http=True,
        )
        client = open_outbound(settings, nameservers=(names.address,))
        assert (await post(client, receiver.url)).status == 200
        await client.close()
        assert "Proxy-Authorization: Basic dXNAZXI6cDp3\r\n" in proxy.heads[0]
        assert "proxy-authorization" not in receiver.requests[0].headers
    assert "p%3Aw" not in repr(settings)
    assert settings.outbound_proxy is not None
    assert "Basic" not in repr(EgressProxy.parse(settings.outbound_proxy.get_secret_value()))


@pytest.mark.parametrize(
    "url",
    [
        "proxy:3128",
        "https://a:s3cret@proxy:3128",
        "http://proxy",
        "http://a:s3cret@proxy:x",
        "http://a:s3cret@proxy:1/x",
    ],
)
def test_a_setting_of_another_form_ends_the_start_and_is_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="OUTBOUND_PROXY must have the form") as caught:
        open_outbound(Settings(_env_file=None, outbound_proxy=url))
    assert "s3cret" not in str(caught.value)


def test_a_blank_setting_is_none() -> None:
    settings = Settings(_env_file=None, outbound_proxy=" ", outbound_ca_file="")
    assert (settings.outbound_proxy, settings.outbound_ca_file) == (None, None)
