"""The way to Redis: URLs as platforms write them, and no wait that a dead connection can make endless."""

import asyncio
import os
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from arq.connections import ArqRedis
from redis.exceptions import (
    AuthenticationError,
    ConnectionError,  # noqa: A004 - Redis' own
    RedisError,
    ResponseError,
    TimeoutError,  # noqa: A004
)

from tasks.queue import connect as connect_module
from tasks.queue import connection_pool
from tasks.queue.connect import close, connect, connect_again
from tasks.queue.connection_pool import says_failover
from tests.support.eventually import eventually
from tests.support.queue.proxy import Proxy
from tools.servers import Valkey

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


@asynccontextmanager
async def demoted(admin: ArqRedis) -> AsyncIterator[None]:
    await admin.replicaof("127.0.0.1", "1")  # a port where nobody listens
    yield


@asynccontextmanager
async def without_its_primary(admin: ArqRedis) -> AsyncIterator[None]:
    await admin.config_set("replica-serve-stale-data", "no")
    async with demoted(admin):
        yield


@asynccontextmanager
async def loading(admin: ArqRedis) -> AsyncIterator[None]:
    await admin.config_set("key-load-delay", 10_000)  # microseconds
    # Redis answers others after each two megabytes that it has read.
    await admin.mset(dict.fromkeys([f"key{n}" for n in range(300)], os.urandom(100_000)))
    async with client_of(url_of(admin)) as asking, asyncio.TaskGroup() as group:
        await asking.ping()  # a new connection could not greet a server that loads
        reading = group.create_task(admin.execute_command("DEBUG", "RELOAD"))  # type: ignore[no-untyped-call]

        async def begun() -> bool:
            return bool((await asking.info("persistence"))["loading"])

        await eventually(begun)
        yield
        with suppress(ResponseError):  # Redis 6.2 takes it no sooner than it has read everything, three seconds later
            await asking.config_set("key-load-delay", 0)
        await reading


def url_of(client: ArqRedis) -> str:
    return "redis://{host}:{port}/{db}".format_map(client.connection_pool.connection_kwargs)


@pytest.mark.parametrize(
    ("error", "happens"), [("READONLY", demoted), ("MASTERDOWN", without_its_primary), ("LOADING", loading)]
)
async def test_who_hears_that_a_server_is_no_primary_leaves_it_with_all_connections(
    error: str,
    happens: Callable[[ArqRedis], AbstractAsyncContextManager[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection_pool, "FRESH_S", 0)
    options = {} if os.environ.get("TEST_REDIS") == "redis6" else {"enable-debug-command": "local"}
    with Valkey(options=options) as first, Valkey() as second:
        async with (
            client_of(first.url) as admin,
            Proxy(first.port) as proxy,
            client_of(f"redis://127.0.0.1:{proxy.port}/0") as client,
        ):
            await asyncio.gather(*[client.ping() for _ in range(3)])
            idle = list(client.connection_pool._available_connections)  # noqa: SLF001
            assert len(idle) > 1
            async with happens(admin):
                proxy.lead_to(second.port)
                with pytest.raises(RedisError) as caught:
                    await (client.set("new", 1) if error == "READONLY" else client.get("new"))
                assert says_failover(caught.value)
                assert ERRORS[error] in str(caught.value)
                assert not any(one.is_connected for one in idle)
                assert await client.set("new", 1)
            async with client_of(second.url) as elsewhere:
                assert await elsewhere.get("new") == b"1"


ERRORS = {"READONLY": "read only replica", "MASTERDOWN": "MASTERDOWN", "LOADING": "loading the dataset"}
"""What redis-py leaves of them."""


async def test_an_answer_that_no_one_has_read_is_no_other_command_s(valkey: Valkey) -> None:
    async with client_of(valkey.url) as client:
        pool = client.connection_pool
        connection = await pool.get_connection()
        await connection.send_command("ECHO", "first")
        await connection.send_command("ECHO", "of another")
        assert await connection.read_response() == b"first"

        async def arrived() -> bool:
            return bool(connection._reader._buffer or connection._parser._reader.has_data())  # noqa: SLF001

        await eventually(arrived)
        await pool.release(connection)
        assert await client.echo("mine") == b"mine"


async def test_a_connection_that_the_server_has_closed_is_made_again(valkey: Valkey) -> None:
    async with client_of(valkey.url) as client, client_of(valkey.url) as admin:
        number = await client.client_id()
        await admin.client_kill_filter(_id=number)
        (connection,) = client.connection_pool._available_connections  # noqa: SLF001

        async def heard() -> bool:
            return bool(connection._reader.at_eof())  # noqa: SLF001

        await eventually(heard)
        assert await client.client_id() != number
