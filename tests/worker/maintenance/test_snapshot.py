"""Snapshots of endpoints and schedules: written by the cleanup, restored by a process after a FLUSHALL."""

import asyncio
import gzip
import json
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from arq.connections import ArqRedis
from structlog.testing import capture_logs

from tasks.accounts.key_store import Asker, KeyStore
from tasks.catalogue import KINDS
from tasks.maintenance.cleanup import CLEANUP
from tasks.maintenance.snapshot import FOLDER, restore, snapshot_names, write_snapshot
from tasks.maintenance.storage_owner import MARKER, adopt_storage, read_marker
from tasks.presets import put_preset
from tasks.queue.account_keys import API_KEY
from tasks.queue.connect import close, connect
from tasks.queue.installation import STORAGE_OWNER, find_installation
from tasks.queue.jobs.submission import Submission
from tasks.queue.records.record import State
from tasks.queue.redis_keys import BLOB, ENDPOINT, INSTALLATION, LANE, PRESETS, SCHEDULES, SUBSCRIBERS
from tasks.schedule.store import SchedulePatch, ScheduleStore
from tasks.settings import Settings
from tasks.storage.open import open_storage
from tasks.storage.protocol import Storage
from tasks.webhook.endpoint_record import EndpointRecord, open_headers
from tasks.webhook.endpoints import Endpoints
from tasks.webhook.secret_box import SecretBox
from tests.support.blobs import put
from tests.support.engine_running import JobClient, working
from tests.support.processes import ROOT, worker_process
from tests.support.servers import MotoServer, S3Server
from tools.servers import Valkey

SECRET_KEY = "k" * 32
TOKEN = "gateway-token-4711"
DAILY: SchedulePatch = {"cron": "0 7 * * *", "timezone": "Europe/Berlin", "overlap": "skip", "misfire": 600}


@dataclass
class Place:
    """A storage, and the environment of processes that use it."""

    environment: Mapping[str, str]
    storage: Storage
    settings: Settings


IN_A_FOLDER = pytest.mark.parametrize("place", ["folder"], indirect=True)
"""For what starts commands and does not depend on the storage. `test_endpoints_and_schedules_survive_a_flushall` runs
them with S3 too."""


@pytest.fixture(params=["folder", "moto"])
def place(request: pytest.FixtureRequest, valkey: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    environment = {"SECRET_KEY": SECRET_KEY, "REDIS_URL": valkey.url, "OUTBOUND_HTTP": "1", "LOG_LEVEL": "warning"}
    if request.param == "folder":
        environment["STORAGE_URL"] = f"file://{tmp_path}/storage"
    else:
        server: MotoServer = request.getfixturevalue("moto")
        environment |= S3Server.environment
        environment |= {"STORAGE_URL": f"s3://{server.bucket}/{uuid.uuid4().hex}", "STORAGE_ENDPOINT": server.url}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = Settings(_env_file=None)
    return Place(environment, open_storage(settings), settings)


@pytest.fixture
def settings(place: Place) -> Settings:
    return place.settings


@pytest.fixture
def endpoints(redis: ArqRedis, settings: Settings) -> Endpoints:
    return Endpoints(redis, settings, SecretBox.of(SECRET_KEY))


@pytest.fixture
async def other_redis(redis: ArqRedis) -> AsyncIterator[ArqRedis]:
    """The Redis of another installation."""
    with Valkey() as server:
        client = connect(server.url)
        yield client
        await close(client)


async def clean_up(job_client: JobClient) -> dict[str, Any]:
    """The result of a cleanup."""
    submitted = await job_client.enqueuer.enqueue(Submission("cleanup", CLEANUP.queue, "system", "{}"))
    record = await job_client.ended(submitted.job_id, seconds=60)
    assert record.state is State.SUCCEEDED
    assert record.result is not None
    return record.result


def run_worker(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """`python -m worker` with these arguments."""
    command = [sys.executable, "-m", "worker", *arguments]
    return subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=60, check=False)


async def durable(redis: ArqRedis) -> dict[str, Any]:
    """What has to be as it was before: all that is said of endpoints, schedules, presets and API keys, but for built-in
    schedules."""
    found: dict[str, Any] = {}
    for key in sorted(await redis.keys("*")):
        name = key.decode()
        if name.startswith((ENDPOINT, SUBSCRIBERS, PRESETS, API_KEY, LANE + "webhooks:endpoint")):
            is_hash = not name.startswith(SUBSCRIBERS)
            found[name] = await redis.hgetall(key) if is_hash else await redis.zrange(key, 0, -1, withscores=True)
    return found


async def test_endpoints_and_schedules_survive_a_flushall(
    redis: ArqRedis, valkey: Valkey, place: Place, endpoints: Endpoints, settings: Settings
) -> None:
    endpoint, secret = await endpoints.create(
        "dev",
        {
            "url": "https://example.com/hook",
            "events": ["order.*", "job.failed"],
            "headers": {"X-Token": TOKEN},
            "rate_limit": 5,
            "max_in_flight": 2,
        },
    )
    disabled, _ = await endpoints.create("shop", {"url": "https://example.com/b", "events": ["*"], "enabled": False})
    dataset = await put(place.storage, b"a dataset")
    store = ScheduleStore(redis, settings, place.storage)
    job = Submission("report", "reports", "dev", "{}", blobs=(dataset.sha256,))
    schedule = await store.create("dev", DAILY, job)
    paused = await store.create("dev", {**DAILY, "paused": True}, job)
    await put_preset(redis, "dev", "cards", '[{"name": "card", "width": 64}]', most=1)
    await KeyStore(redis, most=1).create("dev", "ci", ["images"], Asker("cli"), read_only=False, life_ms=None)
    before = await durable(redis)
    due = await redis.zscore(SCHEDULES, schedule.id)
    async with (
        JobClient(redis, settings) as job_client,
        worker_process(redis, valkey.url, environment=dict(place.environment), default=5),
    ):
        result = await clean_up(job_client)
        installation = await find_installation(redis)
        assert result["snapshot"] in await snapshot_names(place.storage)
        assert await read_marker(place.storage) == installation
        packed = await place.storage.get_object(f"{FOLDER}/{result['snapshot']}.jsonl.gz")
        assert packed is not None
        text = gzip.decompress(packed).decode()
        assert TOKEN not in text
        assert secret not in text

        await redis.flushall()
        done = await asyncio.to_thread(run_worker, "restore")
        assert (done.returncode, done.stderr) == (0, "")
        assert f"Snapshot {result['snapshot']} is restored: 2 endpoints, 2 schedules." in done.stdout
        assert await durable(redis) == before
        assert await redis.zscore(SCHEDULES, schedule.id) == due
        assert (await store.read("dev", paused.id)).next_ms is None
        restored = await endpoints.read("dev", endpoint.id)
        assert (restored.headers, restored.secrets) == ({"X-Token": TOKEN}, endpoint.secrets)
        assert not (await endpoints.read("shop", disabled.id)).enabled
        assert await redis.sismember(BLOB + dataset.sha256, f"schedule:{schedule.id}")
        # The storage is this Redis' now, and what the schedule needs is kept.
        assert (await clean_up(job_client))["foreign_storage"] is False
        assert await place.storage.size(dataset.sha256) == 9

        again = await asyncio.to_thread(run_worker, "restore")
        assert again.returncode == 2
        assert again.stderr.count("\n") == 1
        assert "2 endpoints and 2 schedules already" in again.stderr
    for one in (endpoint, disabled):
        await endpoints.delete(one.owner, one.id)
    for one_schedule in (schedule, paused):
        await store.delete(one_schedule)
    for built_in in await store.built_in():
        await store.delete(built_in)


async def test_restored_keys_that_have_ended_leave_redis_as_before(redis: ArqRedis, place: Place) -> None:
    store = KeyStore(redis, most=20)

    async def made(life_ms: int | None) -> str:
        key = await store.create("dev", "a key", ("images",), Asker("cli"), read_only=False, life_ms=life_ms)
        return key.record.id

    endless, ending, revoked = [await made(life_ms) for life_ms in (None, 3_600_000, None)]
    await store.revoke(revoked)
    ends = {key_id: await redis.pttl(API_KEY + key_id) for key_id in (endless, ending, revoked)}
    name = await write_snapshot(redis, place.storage, SecretBox.of(None), keep=14)
    await redis.flushall()
    await restore(redis, place.storage, name)
    restored = {key_id: await redis.pttl(API_KEY + key_id) for key_id in ends}
    assert restored == pytest.approx(ends, abs=60_000)
    assert [ends[endless] == -1, ends[ending] > 0, ends[revoked] > 0] == [True, True, True]


@IN_A_FOLDER
async def test_a_restore_with_no_snapshot_or_an_unknown_one_says_so(redis: ArqRedis, place: Place) -> None:
    none = await asyncio.to_thread(run_worker, "restore")
    assert (none.returncode, none.stderr.count("\n")) == (2, 1)
    assert "the storage has no snapshot: it has none" in none.stderr
    name = await write_snapshot(redis, place.storage, SecretBox.of(None), keep=14)
    unknown = await asyncio.to_thread(run_worker, "restore", "1999-01-01")
    assert unknown.returncode == 2
    assert name in unknown.stderr


async def test_a_restore_that_was_interrupted_goes_on(
    redis: ArqRedis, place: Place, endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [(await endpoints.create("dev", {"url": "https://example.com/", "events": ["*"]}))[0] for _ in range(3)]
    await write_snapshot(redis, place.storage, SecretBox.of(None), keep=14)
    await redis.flushall()
    with monkeypatch.context() as patch:
        patch.setattr("tasks.maintenance.snapshot.LOAD_AT_ONCE", 1)
        patch.setattr("tasks.maintenance.snapshot.adopt_storage", _fails)
        with pytest.raises(ConnectionError):
            await restore(redis, place.storage)
    assert (await restore(redis, place.storage)).endpoints == 3
    with pytest.raises(ValueError, match="3 endpoints already"):
        await restore(redis, place.storage)
    for one in made:
        await endpoints.delete("dev", one.id)


async def _fails(*_: object) -> None:
    raise ConnectionError


async def test_as_many_are_kept_as_the_setting_says(redis: ArqRedis, place: Place) -> None:
    for day in range(1, 20):
        await place.storage.put_object(f"{FOLDER}/2026-01-{day:02}.jsonl.gz", b"")
    await write_snapshot(redis, place.storage, SecretBox.of(None), keep=14)
    names = await snapshot_names(place.storage)
    assert len(names) == 14
    assert names[:2] == ["2026-01-07", "2026-01-08"]


async def test_plain_headers_of_an_earlier_version_are_encrypted_in_a_snapshot(
    redis: ArqRedis, place: Place, endpoints: Endpoints
) -> None:
    endpoint, _ = await endpoints.create("dev", {"url": "https://example.com/", "events": ["*"]})
    await redis.hdel(ENDPOINT + endpoint.id, "sealed_headers")
    await redis.hset(ENDPOINT + endpoint.id, "headers", json.dumps({"X-Token": TOKEN}))
    assert (await endpoints.read("dev", endpoint.id)).headers == {"X-Token": TOKEN}
    name = await write_snapshot(redis, place.storage, SecretBox.of(SECRET_KEY), keep=14)
    packed = await place.storage.get_object(f"{FOLDER}/{name}.jsonl.gz")
    assert packed is not None
    assert TOKEN.encode() not in gzip.decompress(packed)
    await redis.flushall()
    await restore(redis, place.storage)
    fields = await redis.hgetall(ENDPOINT + endpoint.id)
    assert b"headers" not in fields
    record = EndpointRecord.from_hash(endpoint.id, fields)
    assert open_headers(record, SecretBox.of(SECRET_KEY)) == {"X-Token": TOKEN}
    await endpoints.delete("dev", endpoint.id)


async def test_two_installations_in_one_storage_delete_nothing_of_each_other(
    redis: ArqRedis, other_redis: ArqRedis, place: Place, settings: Settings
) -> None:
    blob = await put(place.storage, b"of the first")
    async with (
        JobClient(redis, settings) as first,
        JobClient(other_redis, settings) as second,
        working(redis, settings, kinds=KINDS, storage=place.storage),
        working(other_redis, settings, kinds=KINDS, storage=place.storage),
    ):
        assert (await clean_up(first))["foreign_storage"] is False
        with capture_logs() as lines:
            result = await clean_up(second)
        (said,) = [line for line in lines if line["event"] == "cleanup.foreign_storage"]
        assert (said["log_level"], "python -m worker adopt" in said["hint"]) == ("error", True)
        assert (result["foreign_storage"], result["examined"], result["snapshot"]) == (True, 0, None)
        assert await noted_owner(other_redis) == await find_installation(redis)
        assert await place.storage.size(blob.sha256) == len(b"of the first")
        # The second takes it over: then the first finds it foreign.
        assert await adopt_storage(other_redis, place.storage) == await find_installation(redis)
        assert (await clean_up(second))["foreign_storage"] is False
        assert (await clean_up(first))["foreign_storage"] is True
        assert await noted_owner(redis) == await find_installation(other_redis)


async def noted_owner(redis: ArqRedis) -> str | None:
    """The other installation to which the storage belongs, as the last cleanup found it."""
    found = await redis.hget(INSTALLATION, STORAGE_OWNER)
    return found.decode() if found else None


@IN_A_FOLDER
async def test_a_redis_that_lost_its_data_deletes_nothing_until_it_adopts(
    redis: ArqRedis, valkey: Valkey, place: Place, settings: Settings
) -> None:
    async with JobClient(redis, settings) as job_client:
        async with worker_process(redis, valkey.url, environment=dict(place.environment), default=5):
            assert (await clean_up(job_client))["foreign_storage"] is False
            await redis.flushall()
            assert (await clean_up(job_client))["foreign_storage"] is True
        done = await asyncio.to_thread(run_worker, "adopt")
        assert (done.returncode, done.stderr) == (0, "")
        assert "belongs to this Redis now" in done.stdout
        assert await noted_owner(redis) is None
        assert await read_marker(place.storage) == await find_installation(redis)
        async with worker_process(redis, valkey.url, environment=dict(place.environment), default=5):
            assert (await clean_up(job_client))["foreign_storage"] is False
    assert MARKER not in {one.sha256 async for one in place.storage.blobs()}
