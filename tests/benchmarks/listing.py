"""`bin/bench listing`: a page of `GET /v1/jobs` among a million jobs of 4,000 owners, whatever the filter; the bytes
that ended jobs take up in Redis; what the pages of the console cost; and a thousand listeners."""

import asyncio
import sys
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import httpx
from arq.connections import ArqRedis

from tasks.queue.connect import close, connect
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.submission import Submission
from tasks.queue.records.packer import Packer
from tasks.queue.redis_keys import JOB, JOBS, UNPACKED
from tasks.settings import Settings
from tests.benchmarks.api import served
from tests.benchmarks.harness.report import Report, Row, percentile
from tests.benchmarks.subjects.console_pages import console_pages
from tests.support.api.listeners import listen_to
from tests.support.api.manual_worker import ManualWorker
from tests.support.queue.ended_records import AT_MOST_BYTES, KINDS, EndedRecords, pack_all
from tests.support.queue.ended_records import measure as measure_bytes
from tests.support.queue.history import bytes_of_an_id
from tools.servers import Valkey

COUNT = 1_000_000
LOAD_AT_ONCE = 5_000
REQUESTS = 40
WARM_UP = 5
PAGE_MS = 20
MILLION_GB = 1.2
RECORDS = 1_000
"""Ended jobs of each kind whose bytes are counted."""
IDS, ID_BYTES = 100_000, 40
LISTENERS, JOBS_HEARD, CONNECT_AT_ONCE = 1_000, 10, 100
KEY = "a-key-that-only-the-benchmark-knows"
SHA_OF_ONE = "356a192b7913b04c54574d18c28d46e6395428ab"
"""How the loader makes ids: SHA-1 of the number; of job 1, which is the oldest."""
FILTERS: Mapping[str, dict[str, str]] = {
    "all of one's own": {},
    "by state": {"state": "succeeded"},
    "by a rare state": {"state": "running"},
    "by kind and state": {"kind": "thumbnail", "state": "failed"},
    "by a rare kind": {"kind": "bulk"},
    "by queue": {"queue": "reports"},
    "by queue, several kinds": {"queue": "default"},
    "by time": {"since": "2020-01-01T00:00:00Z", "until": "2099-01-01T00:00:00Z"},
    "everyone's": {"owner": "*"},
    "everyone's, with counts": {"owner": "*", "counts": "true"},
    "everyone's, by state": {"owner": "*", "state": "failed"},
    "everyone's, by queue": {"owner": "*", "queue": "media"},
    "by a name that many have": {"q": "photo-9"},
    "by a name that nobody has": {"q": "nothing"},
    "by how the oldest job's id begins": {"q": SHA_OF_ONE[:16]},
    "by the oldest job's id": {"q": SHA_OF_ONE[:32]},
    "with counts": {"counts": "true"},
    "200 at once": {"limit": "200"},
}


async def load(redis: ArqRedis, settings: Settings) -> None:
    """Write the jobs, and pack those that have ended, as the reconciliation does."""
    script = redis.register_script((Path(__file__).parent / "subjects" / "million.lua").read_text())
    now = int(time.time() * 1000)
    for start in range(0, COUNT, LOAD_AT_ONCE):
        await script(args=[JOB, JOBS, start, LOAD_AT_ONCE, now, UNPACKED])
        packer, more = Packer(redis, settings), True
        while more:
            _, more = await packer.step()


async def bytes_of_ended_jobs() -> list[Row]:
    """Of each kind, with all keys but ARQ's copy of the result, which is gone after an hour. Names and the params of
    users are not counted."""
    settings, rows = Settings(_env_file=None), []
    with Valkey() as valkey:
        redis = connect(valkey.url)
        for kind in KINDS:
            await redis.flushall()
            ids = await EndedRecords(redis, settings).make(kind, RECORDS)
            fresh = await measure_bytes(redis, ids)
            await pack_all(redis, settings)
            packed = await measure_bytes(redis, ids)
            name = f"bytes of an ended {kind}"
            rows += [
                Row(f"{name}, in the first minutes", round(fresh.total)),
                Row(name, round(packed.total), at_most=AT_MOST_BYTES[kind]),
            ]
            parts = f"record {packed.record:.0f}, lists {packed.indexes:.0f}, files {packed.blobs:.0f}"
            sys.stderr.write(f"{name}: {packed.total:.0f} ({parts}); {fresh.total:.0f} in the first minutes\n")
        await redis.flushall()
        history = await bytes_of_an_id(redis, IDS)
        rows.append(Row("bytes of an id in the history, of 100,000", round(history), at_most=ID_BYTES))
        await close(redis)
    return rows


async def pages(client: httpx.AsyncClient, query: dict[str, str]) -> list[float]:
    """Milliseconds of each request; after the first half they go on from the middle of the list by its cursor."""
    waits: list[float] = []
    for n in range(WARM_UP + REQUESTS):
        began = time.perf_counter()
        answer = await client.get("/v1/jobs", params=query)
        waits.append(1000 * (time.perf_counter() - began))
        answer.raise_for_status()
        following = answer.json().get("next")
        if n >= WARM_UP + REQUESTS // 2 and following:
            query = {**query, "cursor": following}
    return waits[WARM_UP:]


async def listing(redis: ArqRedis, port: int) -> list[Row]:
    rows = []
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30) as client:
        for name, query in FILTERS.items():
            waits = await pages(client, query)
            sys.stderr.write(f"{name}: {percentile(waits, 50):.1f} ms, p95 {percentile(waits, 95):.1f}\n")
            promise = PAGE_MS if name != "200 at once" else None
            rows.append(Row(f"a page {name}, p50, ms", percentile(waits, 50), at_most=promise))
            rows.append(Row(f"a page {name}, p95, ms", percentile(waits, 95), at_most=promise))
    return rows


async def heard(redis: ArqRedis, port: int) -> list[Row]:
    """From the end of the last job to the moment at which the last listener has been told of his."""
    settings = Settings(_env_file=None)
    enqueuer, worker = Enqueuer(redis, settings), ManualWorker(redis, settings)
    submission = Submission(kind="thumbnail", queue="media", owner="shop", params="{}")
    ids = [(await enqueuer.enqueue(submission)).job_id for _ in range(JOBS_HEARD)]
    own, listeners = len(await redis.client_list()), []
    for start in range(0, LISTENERS, CONNECT_AT_ONCE):
        coming = (listen_to(port, ids[n % JOBS_HEARD], KEY) for n in range(start, start + CONNECT_AT_ONCE))
        listeners += await asyncio.gather(*coming)
    clients = await redis.client_list()
    listening = [asyncio.create_task(one.listen("end")) for one in listeners]
    await worker.begin()
    for job_id in ids:
        await worker.end(job_id)
    ended = time.perf_counter()
    await asyncio.gather(*listening)
    last_ms = 1000 * (max(one.ended_at for one in listeners) - ended)
    await asyncio.gather(*(one.close() for one in listeners))
    subscribed = len([one for one in clients if int(one["sub"])])
    return [
        Row("1,000 listeners, Redis connections that subscribe", subscribed, at_most=1),
        Row("1,000 listeners, Redis connections in all", len(clients) - own, at_most=settings.redis_max_connections),
        Row("1,000 listeners, the last is told after, ms", max(last_ms, 0)),
    ]


async def measure() -> list[Row]:
    with Valkey() as valkey:
        redis = connect(valkey.url, answer_timeout_s=60)
        began = time.perf_counter()
        await load(redis, Settings(_env_file=None))
        used_gb = (await redis.info("memory"))["used_memory"] / 1e9
        sys.stderr.write(f"{COUNT:,} jobs in {time.perf_counter() - began:.0f} s, {used_gb:.2f} GB\n")
        environment = {
            "REDIS_URL": valkey.url,
            "STORAGE_URL": "memory://",
            "API_KEYS": f"shop:{KEY},customer-1:{KEY[::-1]}",
            "ADMINS": "shop",
            "LOG_LEVEL": "error",
        }
        with served("api.app:app", environment) as (port, pid):
            rows = await listing(redis, port)
            rows += [*await console_pages(port, pid, KEY, SHA_OF_ONE[:32]), *await heard(redis, port)]
        await close(redis)
    memory = Row("memory of a million jobs in Redis, GB", used_gb, at_most=MILLION_GB)
    return [*rows, *await bytes_of_ended_jobs(), memory]


def run() -> Report:
    return Report("listing", asyncio.run(measure()), {name: version(name) for name in ("fastapi", "uvicorn", "redis")})
