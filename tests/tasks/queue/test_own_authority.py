"""Redis with a certificate that an operator's own authority has signed."""

from collections.abc import Iterator

import pytest
from redis.exceptions import ConnectionError  # noqa: A004 - Redis' own

from tasks.queue.connect import close, connect, connect_again
from tasks.queue.redis_url import read_redis_url
from tasks.settings import Settings
from tests.support.network.certificates import Authority
from tests.support.network.tls_servers import TlsRedis
from tools.servers import REDIS_SERVER
from worker.arq_compat.settings import redis_settings_of

PASSWORD = "p@ss:w/ö?r#d%20&=+ \"'"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(authority: Authority) -> Iterator[TlsRedis]:
    if REDIS_SERVER is None:
        pytest.skip("redis-server is not installed (Debian's package redis-server): Valkey's wheel has no TLS")
    with TlsRedis(authority.server_file("127.0.0.1"), password=PASSWORD) as server:
        yield server


async def test_it_is_trusted_by_every_client(server: TlsRedis, authority: Authority) -> None:
    client = connect(server.url, ca=authority.file.read_text())
    assert await client.ping()
    again = connect_again(client, max_connections=1, answer_timeout_s=5)
    assert await again.ping()
    await close(again)
    await close(client)


async def test_without_it_the_certificate_is_refused(server: TlsRedis) -> None:
    client = connect(server.url)
    with pytest.raises(ConnectionError, match=r"(?i)certificate"):
        await client.ping()
    await close(client)


async def test_a_name_that_the_certificate_lacks_is_refused(server: TlsRedis, authority: Authority) -> None:
    client = connect(server.url.replace("127.0.0.1", "localhost"), ca=authority.file.read_text())
    with pytest.raises(ConnectionError, match=r"(?i)mismatch|doesn't match|not valid"):
        await client.ping()
    await close(client)


def test_arqs_own_worker_trusts_it_too(authority: Authority) -> None:
    text = authority.file.read_text()
    settings = Settings(_env_file=None, redis_url="rediss://host:1/0", redis_ca=str(authority.file))
    assert redis_settings_of(settings).ssl_ca_data == text


def test_the_url_may_name_another() -> None:
    options = read_redis_url("rediss://host/0?ssl_ca_certs=/other.pem", ca="ours").options
    assert options["ssl_ca_certs"] == "/other.pem"
    assert "ssl_ca_data" not in options


@pytest.mark.parametrize(("url", "reqs"), [("redis://host/0", "required"), ("rediss://host/0", "none")])
def test_one_that_has_no_effect_is_refused(url: str, reqs: str) -> None:
    with pytest.raises(ValueError, match="REDIS_CA: the certificate of Redis is not checked"):
        read_redis_url(url, ssl_cert_reqs=reqs, ca="ours")
