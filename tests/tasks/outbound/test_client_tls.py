"""TLS of the guarded client: who is trusted, and what is not."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tasks.outbound.client import GuardedClient
from tasks.outbound.dialer import OutboundRoute
from tasks.outbound.open import open_outbound
from tasks.outbound.protocol import OutboundError
from tasks.outbound.tls import WITHOUT_FORWARD_SECRECY, tls_context
from tasks.settings import Settings
from tests.support.network.certificates import Authority
from tests.support.network.nameserver import NameServer
from tests.support.receivers import Receiver
from tests.tasks.outbound.conftest import Opening, failure, post


@pytest.fixture(scope="module", params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Both event loops: each has a TLS of its own."""
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture
def trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[Authority]:
    """An authority that the process trusts, as `SSL_CERT_FILE` says."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    tls_context.cache_clear()
    yield authority
    tls_context.cache_clear()


async def test_a_certificate_of_a_trusted_authority_is_good(
    trusted: Authority, client: GuardedClient, names: NameServer
) -> None:
    names.say("receiver.test", ["127.0.0.1"])
    for host, shown in (
        ("receiver.test", "receiver.test"),
        ("127.0.0.1", "127.0.0.1"),
        ("a.receiver.test", "*.receiver.test"),
    ):
        names.say(host, ["127.0.0.1"])
        async with Receiver(host=host, tls=trusted.server(shown)) as receiver:
            assert [(await post(client, receiver.url)).status for _ in range(2)] == [200, 200]
            assert receiver.connections == 1
            assert receiver.requests[0].headers["host"] == f"{host}:{receiver.port}"


async def test_an_authority_that_nobody_knows_is_not_trusted(authority: Authority, client: GuardedClient) -> None:
    async with Receiver(tls=authority.server("127.0.0.1")) as receiver:
        error = await failure(client, receiver.url)
        assert error.code == "tls_failed"
        assert error.timing.keys() == {"dns", "connect", "total"}
        assert receiver.requests == []


async def test_a_certificate_for_another_host_is_refused(
    trusted: Authority, client: GuardedClient, names: NameServer
) -> None:
    names.say("receiver.test", ["127.0.0.1"])
    for shown in ("other.test", "127.0.0.1", "*.test.test"):
        async with Receiver(host="receiver.test", tls=trusted.server(shown)) as receiver:
            assert (await failure(client, receiver.url)).code == "tls_failed"
            assert receiver.requests == []


async def test_a_connection_is_not_shared_by_hosts_of_one_address(
    trusted: Authority, client: GuardedClient, names: NameServer
) -> None:
    names.say("one.test", ["127.0.0.1"])
    names.say("two.test", ["127.0.0.1"])
    async with Receiver(host="one.test", tls=trusted.server("one.test")) as receiver:
        assert (await post(client, receiver.url)).status == 200
        assert (await failure(client, f"https://two.test:{receiver.port}/")).code == "tls_failed"


async def test_an_expired_certificate_is_refused(trusted: Authority, client: GuardedClient) -> None:
    async with Receiver(tls=trusted.server("127.0.0.1", days=-1)) as receiver:
        assert (await failure(client, receiver.url)).code == "tls_failed"


async def test_a_certificate_without_alternative_names_is_refused(
    trusted: Authority, client: GuardedClient, names: NameServer
) -> None:
    names.say("receiver.test", ["127.0.0.1"])
    async with Receiver(host="receiver.test", tls=trusted.server(common_name="receiver.test")) as receiver:
        assert (await failure(client, receiver.url)).code == "tls_failed"
        assert receiver.requests == []


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
async def test_a_server_that_asks_for_a_client_certificate(
    trusted: Authority, client: GuardedClient, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    """With TLS 1.3 the client learns of it after its own part of the handshake, when it awaits the response."""
    server = trusted.server("127.0.0.1")
    server.minimum_version = server.maximum_version = version
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(trusted.file)
    with _refusing_clients(server, 2) as port:
        error = await failure(client, f"https://127.0.0.1:{port}/")
        assert error.code == "tls_failed"
        assert "client certificate" in error.message
        with pytest.raises(OutboundError) as caught:
            await client.fetch(f"https://127.0.0.1:{port}/", tmp_path / "source", max_bytes=100)
        assert caught.value.code == "tls_failed"


async def test_a_server_that_closes_without_a_word_for_lack_of_a_client_certificate(
    trusted: Authority, client: GuardedClient
) -> None:
    server = trusted.server("127.0.0.1")
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(trusted.file)
    async with Receiver(tls=server) as receiver:  # as servers of asyncio do
        assert (await failure(client, receiver.url)).code == "tls_failed"
        assert receiver.requests == []


async def test_a_server_that_can_do_without_a_client_certificate(trusted: Authority, client: GuardedClient) -> None:
    server = trusted.server("127.0.0.1")
    server.verify_mode = ssl.CERT_OPTIONAL
    server.load_verify_locations(trusted.file)
    async with Receiver(tls=server) as receiver:
        assert (await post(client, receiver.url)).status == 200


async def test_a_server_that_hangs_up_asks_for_no_certificate(trusted: Authority, client: GuardedClient) -> None:
    async with Receiver("hang-up", tls=trusted.server("127.0.0.1")) as receiver:
        assert (await failure(client, receiver.url)).code == "connection_lost"


@contextmanager
def _refusing_clients(context: ssl.SSLContext, times: int) -> Iterator[int]:
    """The port of a server whose handshakes fail. Not one of asyncio, which closes without telling the client why."""

    def serve(listener: socket.socket) -> None:
        for _ in range(times):
            accepted, _ = listener.accept()
            with context.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False) as connection:
                with suppress(ssl.SSLError):
                    connection.do_handshake()
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_WR)
                    while socket.socket.recv(connection, 4096):  # to its end: else the client gets a reset
                        pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


@pytest.mark.parametrize("suite", WITHOUT_FORWARD_SECRECY)
async def test_suites_without_forward_secrecy_are_for_those_who_ask_for_them(
    trusted: Authority, client: GuardedClient, opening: Opening, suite: str
) -> None:
    server = trusted.server("127.0.0.1", rsa_key=True)
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    server.set_ciphers(suite)
    async with Receiver(tls=server) as receiver:
        assert (await failure(client, receiver.url)).code == "tls_failed"
        assert (await post(opening(route=OutboundRoute(rsa_key_exchange=True)), receiver.url)).status == 200


async def test_an_authority_of_ones_own_is_trusted_besides_the_others(
    authority: Authority, client: GuardedClient, opening: Opening
) -> None:
    async with Receiver(tls=authority.server("127.0.0.1")) as receiver:
        assert (await failure(client, receiver.url)).code == "tls_failed"
        assert (await post(opening(route=OutboundRoute(ca_file=str(authority.file))), receiver.url)).status == 200
    assert len(tls_context(str(authority.file)).get_ca_certs()) > 100


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_file_of_authorities_that_cannot_be_read_ends_the_start(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "authorities.pem"
    if content is not None:
        file.write_bytes(content)
    settings = Settings(_env_file=None, outbound_ca_file=str(file))
    with pytest.raises(ValueError, match=r"^OUTBOUND_CA_FILE=.*cannot be read as a PEM file"):
        open_outbound(settings)


async def test_an_old_version_of_tls_is_refused(trusted: Authority, client: GuardedClient) -> None:
    assert tls_context().minimum_version == ssl.TLSVersion.TLSv1_2
    server = trusted.server("127.0.0.1")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        server.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        server.minimum_version = ssl.TLSVersion.TLSv1
    async with Receiver(tls=server) as receiver:
        assert (await failure(client, receiver.url)).code == "tls_failed"


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-OpenSSH_9.9\r\n"])
async def test_a_server_that_speaks_no_tls(client: GuardedClient, said: bytes) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        assert (await failure(client, f"https://127.0.0.1:{port}/")).code == "tls_failed"


async def test_a_handshake_that_never_ends_costs_the_connections_limit(opening: Opening) -> None:
    client = opening(connect_s=0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = await failure(client, f"https://127.0.0.1:{silent.getsockname()[1]}/")
        assert error.code == "connect_timed_out"
        assert 150 < error.timing["connect"] < 10_000


def test_certifis_authorities_are_trusted_whatever_the_system_has(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(empty))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    tls_context.cache_clear()
    context = tls_context()
    tls_context.cache_clear()
    assert len(context.get_ca_certs()) > 100
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
