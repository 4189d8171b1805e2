"""The start: what no waiting cures ends it with one line, what may pass is waited for."""

import asyncio
import contextlib
import os
import re
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import structlog
from arq.connections import ArqRedis

from tasks.queue.connect import close, connect
from tasks.queue.process_registry import ProcessRegistry
from tasks.queue.records.record import State
from tasks.queue.redis_keys import PROBE, PROCESSES
from tasks.queue.script import FOLDER
from tasks.queue.start_check import COMMANDS, StartRefusedError, check_redis, wait_until_checked
from tasks.settings import Settings
from tests.support.engine_running import JobClient, settings_for, working
from tests.support.processes import ROOT
from tests.support.queue.proxy import Proxy
from tools.servers import Valkey, free_port

PASSWORD = "p@ss/w#rd?"
USER = "press"
# Before Redis 7 all of CLIENT is @dangerous.
RIGHTS = "+@all -@dangerous +client|id ~pressroom:* ~arq:* resetchannels &pressroom:*"


@contextlib.asynccontextmanager
async def client_of(url: str, **options: str) -> AsyncIterator[ArqRedis]:
    client = connect(url, **options)  # type: ignore[arg-type]
    try:
        yield client
    finally:
        await close(client)


async def refusal(url: str, **options: str) -> str:
    async with client_of(url, **options) as client:
        with pytest.raises(StartRefusedError) as refused:
            await check_redis(client)
    said = str(refused.value)
    assert "\n" not in said
    assert said.startswith("REDIS_URL: ")
    return said


@pytest.fixture(scope="module")
def locked() -> Iterator[Valkey]:
    """A server of its own, whose users a test may change."""
    with Valkey() as server:
        yield server


@pytest.fixture
async def admin(locked: Valkey) -> AsyncIterator[ArqRedis]:
    async with client_of(locked.url) as client:
        yield client


async def set_user(admin: ArqRedis, *rules: str) -> None:
    await admin.execute_command("ACL", "SETUSER", *rules)  # type: ignore[no-untyped-call]


async def let_in(admin: ArqRedis, rights: str) -> None:
    await set_user(admin, USER, "reset", "on", f">{PASSWORD}", *rights.split())


def url_of(server: Valkey, user: str = USER, password: str = PASSWORD) -> str:
    return f"redis://{user}:{quote(password, safe='')}@127.0.0.1:{server.port}/0"


class TestPermanent:
    async def test_a_wrong_password(self, locked: Valkey, admin: ArqRedis) -> None:
        await let_in(admin, RIGHTS)
        assert "refuses its user or password" in await refusal(url_of(locked, password="wrong"))
        await set_user(admin, "default", f">{PASSWORD}")
        try:
            assert "asks for a password" in await refusal(locked.url)
        finally:
            await set_user(admin, "default", "nopass")

    async def test_a_password_that_no_server_asked_for(self, valkey: Valkey) -> None:
        said = await refusal(f"redis://:secret@127.0.0.1:{valkey.port}/0")
        assert "leave it out" in said
        assert "secret" not in said

    async def test_tls_at_a_plain_port(self, valkey: Valkey) -> None:
        assert "does not speak TLS" in await refusal(f"rediss://127.0.0.1:{valkey.port}/0")

    async def test_no_tls_at_a_port_with_tls(self, valkey: Valkey, certificate: Path) -> None:
        async with tls_proxy(valkey, certificate) as proxy:
            assert "rediss://" in await refusal(f"redis://127.0.0.1:{proxy.port}/0")

    async def test_a_certificate_that_nobody_signed(self, valkey: Valkey, certificate: Path) -> None:
        async with tls_proxy(valkey, certificate) as proxy:
            url = f"rediss://127.0.0.1:{proxy.port}/0"
            said = await refusal(url)
            assert "self-signed" in said
            assert "REDIS_SSL_CERT_REQS=none" in said
            for right in (f"{url}?ssl_cert_reqs=none", f"{url}?ssl_ca_certs={certificate}&ssl_check_hostname=false"):
                async with client_of(right) as client:
                    assert "version" in await check_redis(client)
            async with client_of(url, ssl_cert_reqs="none") as client:
                assert "version" in await check_redis(client)

    async def test_a_database_that_there_is_not(self, valkey: Valkey) -> None:
        assert "/0" in await refusal(f"redis://127.0.0.1:{valkey.port}/99")

    async def test_cluster_mode(self) -> None:
        # Its nodes speak with each other at a port that is 10,000 higher.
        port = next(port for port in iter(free_port, None) if port < 50_000)
        with Valkey(port=port, options={"cluster-enabled": "yes"}) as cluster:
            assert "without cluster mode" in await refusal(cluster.url)


class TestUrls:
    @pytest.mark.parametrize(
        ("url", "cure"),
        [
            ("redis://user:12/3@host:6379/0", "%40"),
            ("redis://:pass#word@host:6379", "%23"),
            ("redis://host:6379/zero", "number of a database"),
            ("redis://host/0?ssl_cert_reqs=none", "rediss://"),
            ("rediss://host/0?ssl_cert_reqs=maybe", "one of none, optional, required"),
            ("rediss://host/0?ssl_ca_certs=/no/such/file", "ssl_ options"),
            ("redis://host/0?decode_responses=1", "not known"),
            ("redis+sentinel://host:26379", "name of the primary"),
            ("http://host", "redis+sentinel"),
            ("redis://[::1", "not a URL"),
        ],
    )
    def test_what_cannot_work_is_refused_with_the_cure(self, url: str, cure: str) -> None:
        with pytest.raises(ValueError, match=re.escape(cure)) as refused:
            connect(url)
        assert "pass" not in str(refused.value).replace("password", "")

    def test_the_url_of_an_add_on_is_read_if_there_is_no_other(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("REDIS_URL", raising=False)
        monkeypatch.setenv("REDIS_TLS_URL", "rediss://:x@add-on:6380")
        assert Settings(_env_file=None).redis_url.get_secret_value() == "rediss://:x@add-on:6380"
        monkeypatch.setenv("REDIS_URL", "redis://own:6379/0")
        assert Settings(_env_file=None).redis_url.get_secret_value() == "redis://own:6379/0"

    def test_sentinels_are_read(self) -> None:
        pool = connect("redis+sentinel://user:p%40ss@one,two:7/main/3?sentinel_password=x").connection_pool
        assert pool.master == "main"
        places = [one.connection_pool.connection_kwargs for one in pool.sentinel.sentinels]
        assert [(one["host"], one["port"], one["password"]) for one in places] == [("one", 26379, "x"), ("two", 7, "x")]
        assert (pool.connection_kwargs["password"], pool.connection_kwargs["db"]) == ("p@ss", 3)


class TestRights:
    async def test_without_dangerous_commands_it_works(self, locked: Valkey, admin: ArqRedis) -> None:
        await let_in(admin, RIGHTS)
        async with client_of(url_of(locked)) as client:
            assert (await check_redis(client))["version"] == "unknown"
        await let_in(admin, f"{RIGHTS} +info")
        async with client_of(url_of(locked)) as client:
            assert (await check_redis(client))["maxmemory_policy"] == "noeviction"
        assert await admin.keys(PROBE + "*") == []

    @pytest.mark.parametrize(
        ("less", "named"),
        [
            ("-zadd -hset", "+hset +zadd"),
            ("-pubsub", "+pubsub|numsub"),
            ("-@scripting", "+eval +evalsha +script|load"),
            ("-subscribe", "+subscribe"),
            ("resetchannels", "&pressroom:*"),
            ("resetkeys ~pressroom:*", "~arq:*"),
            ("resetkeys ~arq:*", "~pressroom:*"),
        ],
    )
    async def test_those_that_are_missing_are_named(
        self, locked: Valkey, admin: ArqRedis, less: str, named: str
    ) -> None:
        await let_in(admin, f"{RIGHTS} {less}")
        said = await refusal(url_of(locked))
        assert said.endswith(f"ACL SETUSER {USER} {named}")
        await set_user(admin, USER, *named.split())
        async with client_of(url_of(locked)) as client:
            await check_redis(client)

    async def test_a_worker_runs_jobs_with_them(self, locked: Valkey, admin: ArqRedis, tmp_path: Path) -> None:
        await let_in(admin, RIGHTS)
        async with client_of(url_of(locked)) as client:
            settings = settings_for(client)
            with structlog.testing.capture_logs() as lines:
                async with JobClient(client, settings) as job_client, working(client, settings):
                    for _ in range(3):
                        job = await job_client.submit("nothing")
                        assert (await job_client.ended(job)).state is State.SUCCEEDED
                    # Listening ends while every slot is taken.
                    jobs = [
                        await job_client.submit("sleep", seconds=0.1, file=str(tmp_path / "lines")) for _ in range(20)
                    ]
                    for job in jobs:
                        assert (await job_client.ended(job)).state is State.SUCCEEDED
        warned = {line["event"] for line in lines if line["log_level"] in {"warning", "error"}}
        assert warned <= {"waker.may_not_unblock"}
        await admin.flushdb()

    def test_every_command_of_a_script_is_tried(self) -> None:
        tried = {line.split(" ")[0] for line in COMMANDS}
        for path in FOLDER.rglob("*.lua"):
            called = set(re.findall(r"redis\.p?call\(\s*['\"](\w+)", path.read_text(encoding="utf-8")))
            assert called <= tried, f"{path.name}: {called - tried}"


class TestWaiting:
    async def test_what_may_pass_is_waited_for_with_one_line(self, redis: ArqRedis) -> None:
        port = free_port()
        async with client_of(f"redis://127.0.0.1:{port}/0") as client:
            registry = ProcessRegistry(client, settings_for(redis))
            with structlog.testing.capture_logs() as lines:
                checking = asyncio.create_task(wait_until_checked(client, registry, "worker.redis"))
                await asyncio.sleep(0.5)
                assert not checking.done()
                with Valkey(port=port):
                    await asyncio.wait_for(checking, 10)
                    await registry.leave()
                    assert await client.exists(PROCESSES) == 0
        assert [line["log_level"] for line in lines if line["event"] == "worker.redis"] == ["warning", "info"]


class TestProcesses:
    def test_a_worker_ends_with_2_or_3_and_one_line(self, valkey: Valkey) -> None:
        for url, status in ((f"redis://:x@127.0.0.1:{valkey.port}/0", 3), ("redis://host/zero", 2)):
            process = run("worker", url)
            assert process.returncode == status
            last = process.stderr.strip().splitlines()[-1]
            assert last.startswith("worker: REDIS_URL: ")

    def test_web_ends_with_3_and_one_line(self, valkey: Valkey) -> None:
        process = run("api", f"redis://:x@127.0.0.1:{valkey.port}/0", PORT=str(free_port()))
        assert process.returncode == 3
        assert process.stderr.strip().splitlines()[-1].startswith("web: REDIS_URL: ")

    async def test_beside_another_installation_they_end_with_3_and_one_line(
        self, redis: ArqRedis, valkey: Valkey, tmp_path: Path
    ) -> None:
        first = ProcessRegistry(redis, settings_for(redis).model_copy(update={"storage_url": "s3://bucket/first"}))
        assert await first.join() is None
        second = {"STORAGE_URL": f"file://{tmp_path}", "START_WAIT_S": "0", "PORT": str(free_port())}
        started = [asyncio.to_thread(run, module, valkey.url, **second) for module in ("worker", "api")]
        for name, process in zip(("worker", "web"), await asyncio.gather(*started), strict=True):
            assert process.returncode == 3, process.stderr
            last = process.stderr.strip().splitlines()[-1]
            assert last.startswith(f"{name}: ")
            assert "another Pressroom" in last
        await first.leave()


def run(module: str, url: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A process that ends by itself."""
    variables = {**os.environ, "REDIS_URL": url, "STORAGE_URL": "memory://", "NO_COLOR": "1", **environment}
    command = [sys.executable, "-m", module]
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=60, check=False)


def tls_proxy(valkey: Valkey, certificate: Path) -> Proxy:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return Proxy(valkey.port, ssl=context)
