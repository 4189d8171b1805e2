"""Redis answers and takes no writes: a line when it begins, a line when it ends, and no hot loop in between."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from arq.connections import ArqRedis

from tasks.queue.connect import close, connect
from tasks.queue.redis_keys import BEAT_MS, SECOND_MS
from tests.support.api.serving import client_of
from tests.support.api.web_process import web_process
from tests.support.eventually import eventually
from tests.support.processes import worker_process
from tools.servers import Valkey

REFUSED_S = 6.0
OVER_S = 15.0
COMMANDS_PER_S = 60
"""Of an idle worker whose writes are refused; it sends some 20 when all is well."""
SUBMITS = 40


async def full(redis: ArqRedis) -> Callable[[], Awaitable[object]]:
    await redis.config_set("maxmemory", "1")
    return lambda: redis.config_set("maxmemory", "0")


async def without_replicas(redis: ArqRedis) -> Callable[[], Awaitable[object]]:
    await redis.config_set("min-replicas-to-write", "1")
    return lambda: redis.config_set("min-replicas-to-write", "0")


async def demoted(redis: ArqRedis) -> Callable[[], Awaitable[object]]:
    await redis.replicaof("127.0.0.1", 1)
    return lambda: redis.replicaof("NO", "ONE")


@asynccontextmanager
async def refusing(
    redis: ArqRedis, how: Callable[[ArqRedis], Awaitable[Callable[[], Awaitable[object]]]]
) -> AsyncIterator[None]:
    end = await how(redis)
    yield
    await end()


def events(log: Path, *names: str) -> list[str]:
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [line["event"] for line in lines if not names or line["event"] in names]


async def commands(redis: ArqRedis) -> int:
    return int((await redis.info("stats"))["total_commands_processed"])


@pytest.mark.parametrize(
    ("how", "begins", "ends"),
    [
        (full, "redis.full", "redis.room"),
        (without_replicas, "redis.away", "redis.back"),
        (demoted, "redis.away", "redis.back"),
    ],
)
async def test_an_idle_worker_waits_quietly(
    tmp_path: Path, how: Callable[[ArqRedis], Awaitable[Callable[[], Awaitable[object]]]], begins: str, ends: str
) -> None:
    log = tmp_path / "worker.log"
    with Valkey() as server:
        redis = connect(server.url)
        environment = {"LOG_LEVEL": "info", "LOG_FORMAT": "json"}
        async with worker_process(redis, server.url, environment=environment, lines=log, default=10):
            said = len(events(log))
            async with refusing(redis, how):
                await eventually(lambda: begins in events(log), seconds=OVER_S)
                before = await commands(redis)
                await asyncio.sleep(REFUSED_S)
                assert await commands(redis) - before < COMMANDS_PER_S * REFUSED_S
                assert events(log)[said:] == [begins]
            await eventually(lambda: ends in events(log), seconds=OVER_S)
            assert events(log)[said:] == [begins, ends]
        await close(redis)


async def test_a_web_process_tells_of_it_once(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    with Valkey() as server:
        redis = connect(server.url)
        environment = {"LOG_LEVEL": "info", "LOG_FORMAT": "json", "SECRET_KEY": "k" * 32}
        with web_process(server.url, f"file://{tmp_path}", environment, lines=log) as web:
            async with client_of(web.port) as client:
                async with refusing(redis, without_replicas):
                    body = {"type": "a.b", "data": {}}
                    answers = [await client.post("/v1/events", json=body) for _ in range(SUBMITS)]
                    assert {answer.status_code for answer in answers} == {503}
                await eventually(
                    lambda: client.post("/v1/events", json=body), lambda seen: seen.status_code == 202, seconds=OVER_S
                )
                await eventually(lambda: "redis.back" in events(log), seconds=OVER_S + BEAT_MS / SECOND_MS)
        await close(redis)
    said = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    told = [line for line in said if line["event"] in {"redis.away", "redis.back"}]
    assert [line["event"] for line in told] == ["redis.away", "redis.back"]
    assert told[1]["failures"] >= SUBMITS
