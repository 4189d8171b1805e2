"""The way to Redis: URLs as platforms write them, and no wait that a dead connection can make endless."""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from arq.connections import ArqRedis
from redis.exceptions import AuthenticationError, ConnectionError, TimeoutError  # noqa: A004 - Redis' own

from tasks.queue import connect as connect_module
from tasks.queue.connect import close, connect, connect_again
from tests.support.queue.proxy import Proxy
from tests.support.servers import Valkey

PASSWORD = "p@ss:w/ö?r#d%20"


@asynccontextmanager
async def client_of(url: str, **options: object) -> AsyncIterator[ArqRedis]:
    client = connect(url, **options)  # type: ignore[arg-type]
    yield client
    await close(client)


@pytest.fixture
async def proxy(valkey: Valkey) -> AsyncIterator[Proxy]:
    async with Proxy(valkey.port) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def locked() -> Iterator[Valkey]:
    """A server that asks for PASSWORD."""
    with Valkey() as server:
        yield server


@pytest.fixture
async def lock(locked: Valkey) -> None:
    async with client_of(locked.url) as client:
        await client.config_set("requirepass", PASSWORD)


@pytest.fixture
async def tls_proxy(valkey: Valkey, certificate: Path) -> AsyncIterator[Proxy]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with Proxy(valkey.port, ssl=context) as proxy:
        yield proxy


class TestUrls:
    @pytest.mark.usefixtures("lock")
    async def test_a_percent_encoded_password_is_decoded(self, locked: Valkey) -> None:
        address = f"127.0.0.1:{locked.port}/0"
        for user in ("", "default"):
            async with client_of(f"redis://{user}:{quote(PASSWORD, safe='')}@{address}") as client:
                assert await client.ping()
        async with client_of(f"redis://:wrong@{address}") as client:
            with pytest.raises(AuthenticationError):
                await client.ping()

    async def test_the_database_is_the_urls(self, redis: ArqRedis, valkey: Valkey) -> None:
        await redis.set("here", 1, px=60_000)
        async with client_of(valkey.url.removesuffix("/0") + "/3") as client:
            assert await client.exists("here") == 0

    async def test_a_unix_socket_will_do(self, redis: ArqRedis, valkey: Valkey, tmp_path: Path) -> None:
        path = tmp_path / "redis.sock"
        await redis.set("here", 1, px=60_000)
        async with Proxy(valkey.port, socket=path), client_of(f"unix://{path}?db=0") as client:
            assert await client.get("here") == b"1"

    @pytest.mark.parametrize("url", ["http://localhost", "localhost:6379", "", "redis://localhost:port/0"])
    def test_what_no_redis_client_understands_is_refused_at_once(self, url: str) -> None:
        with pytest.raises(ValueError, match=r".+"):
            connect(url)

    def test_making_a_client_opens_nothing(self) -> None:
        pool: Any = connect("redis://192.0.2.1:6379/0").connection_pool
        assert pool._available_connections == []  # noqa: SLF001 - there is no public way to ask


class TestTls:
    async def test_a_self_signed_chain_is_refused(self, tls_proxy: Proxy) -> None:
        async with client_of(f"rediss://127.0.0.1:{tls_proxy.port}/0") as client:
            with pytest.raises(ConnectionError, match=r"(?i)certificate"):
                await client.ping()

    async def test_a_self_signed_chain_is_taken_where_the_settings_say_so(self, tls_proxy: Proxy) -> None:
        async with client_of(f"rediss://127.0.0.1:{tls_proxy.port}/0", ssl_cert_reqs="none") as client:
            assert await client.ping()

    async def test_a_second_client_for_another_event_loop_connects_in_the_same_way(self, tls_proxy: Proxy) -> None:
        async with client_of(f"rediss://127.0.0.1:{tls_proxy.port}/0", ssl_cert_reqs="none") as client:
            assert await client.ping()

            async def ping_elsewhere() -> object:
                again = connect_again(client, max_connections=1, answer_timeout_s=5)
                try:
                    return await again.ping()
                finally:
                    await close(again)

            assert await asyncio.to_thread(asyncio.run, ping_elsewhere())
            assert await client.ping()

    async def test_plain_urls_need_no_tls_options(self, valkey: Valkey) -> None:
        async with client_of(valkey.url, ssl_cert_reqs="none") as client:
            assert await client.ping()


class TestTimeOuts:
    async def test_a_silent_connection_is_given_up_and_nothing_is_said_twice(
        self, redis: ArqRedis, proxy: Proxy
    ) -> None:
        async with client_of(f"redis://127.0.0.1:{proxy.port}/0", answer_timeout_s=0.2) as client:
            await client.ping()
            proxy.mute(b"CLIENT")
            began = time.monotonic()
            with pytest.raises(TimeoutError):
                await client.incr("counter")
            assert 0.15 < time.monotonic() - began < 2
            assert await client.incr("counter") == 2, "the first was done, and once; the next connection is a new one"
        await redis.expire("counter", 60)

    async def test_a_server_that_does_not_answer_the_door_is_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connect_module, "CONNECT_TIMEOUT_S", 0.2)
        with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
            # Nobody accepts, and those who may wait to be accepted are there: this is how a hung server looks.
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            for caller in (first, second):
                caller.setblocking(False)
                caller.connect_ex(listener.getsockname())
            async with client_of(f"redis://127.0.0.1:{listener.getsockname()[1]}/0") as client:
                began = time.monotonic()
                with pytest.raises(TimeoutError):
                    await client.ping()
                assert 0.15 < time.monotonic() - began < 2

    async def test_who_finds_all_connections_taken_waits_for_one(
        self, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(connect_module, "POOL_TIMEOUT_S", 0.2)
        async with client_of(valkey.url, max_connections=2) as client:
            answers = await asyncio.gather(*(client.ping() for _ in range(50)))
            assert len(answers) == 50
            held = [asyncio.create_task(client.blpop(["nothing"], timeout=0.6)) for _ in range(2)]
            await asyncio.sleep(0.05)
            with pytest.raises(ConnectionError):
                await client.ping()
            await asyncio.gather(*held)
            assert await client.ping()
