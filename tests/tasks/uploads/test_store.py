"""Uploads and jobs' files as what other jobs are made of."""

import json
import time
from typing import Any

import pytest
from arq.connections import ArqRedis

from tasks.blob_ref import BlobRef
from tasks.history.store import History
from tasks.queue.redis_keys import BLOB, JOB, UPLOAD
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.storage.open import open_storage
from tasks.uploads.sources import RequestedSource, find_sources
from tasks.uploads.store import find_upload, forget, keep

BLOB_A = BlobRef("a" * 64, 10)
FILES = [{"name": "one.jpg", "blob": "b" * 64, "bytes": 20, "type": "image/jpeg", "about": {}}]


@pytest.fixture
def history(redis: ArqRedis, settings: Settings) -> History:
    return History(redis, open_storage(settings), settings)


async def job(redis: ArqRedis, job_id: str, **changes: Any) -> None:
    """A job's record, as far as it is looked at here. It expires, as those of ended jobs do."""
    fields: dict[str | bytes, Any] = {"owner": "alice", "queue": "media", "lane": "owner:alice", "state": "succeeded"}
    fields["files"] = json.dumps(FILES)
    await redis.hset(JOB + job_id, mapping=fields)
    for name, value in changes.items():
        await redis.hset(JOB + job_id, name, value)
    await redis.expire(JOB + job_id, 60)


async def test_an_upload_is_found_again_as_it_was_kept(redis: ArqRedis) -> None:
    kept = await keep(redis, "alice", BLOB_A, name="größe.csv", seconds=60)
    assert await find_upload(redis, "alice", kept.id) == kept
    assert kept.expires_at - kept.created_at == 60_000
    assert await find_upload(redis, "bob", kept.id) is None
    assert await find_upload(redis, "alice", "0" * 32) is None
    assert 0 < await redis.ttl(UPLOAD + kept.id) <= 60


async def test_a_blob_knows_of_each_upload_that_needs_it(redis: ArqRedis) -> None:
    first = await keep(redis, "alice", BLOB_A, name=None, seconds=60)
    second = await keep(redis, "bob", BLOB_A, name=None, seconds=60)
    await forget(redis, first)
    assert await redis.smembers(BLOB + BLOB_A.sha256) == {f"upload:{second.id}".encode()}
    assert await find_upload(redis, "alice", first.id) is None
    assert await find_upload(redis, "bob", second.id) == second


async def test_sources_come_in_the_order_in_which_they_are_wanted(redis: ArqRedis, history: History) -> None:
    upload = (await keep(redis, "alice", BLOB_A, name=None, seconds=60)).id
    await job(redis, "1" * 32)
    of_job, of_upload = RequestedSource("a", job="1" * 32, file="one.jpg"), RequestedSource("b", upload=upload)
    assert await find_sources(redis, "alice", [of_job, of_upload, of_job], history.find_fields) == [
        BlobRef("b" * 64, 20),
        BLOB_A,
        BlobRef("b" * 64, 20),
    ]
    assert await find_sources(redis, "alice", [], history.find_fields) == []


REFUSED: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "nobody's job": ({"owner": "bob"}, "one.jpg", "not_found", "x.job"),
    "a job that runs": ({"state": "running", "files": ""}, "one.jpg", "not_ready", "x.job"),
    "a job that failed": ({"state": "failed", "files": ""}, "one.jpg", "not_ready", "x.job"),
    "a tombstone": ({"expires_at": 1}, "one.jpg", "expired", "x.job"),
    "a file it has not": ({}, "two.jpg", "not_found", "x.file"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_cannot_be_had_is_refused_by_its_field(case: str, redis: ArqRedis, history: History) -> None:
    changes, file, code, field = REFUSED[case]
    await job(redis, "1" * 32, **changes)
    with pytest.raises(Refusal) as caught:
        await find_sources(redis, "alice", [RequestedSource("x", job="1" * 32, file=file)], history.find_fields)
    assert (caught.value.code, caught.value.field) == (code, field)


async def test_a_job_that_will_expire_is_still_good(redis: ArqRedis, history: History) -> None:
    await job(redis, "1" * 32, expires_at=int(time.time() * 1000) + 60_000)
    assert await find_sources(
        redis, "alice", [RequestedSource("x", job="1" * 32, file="one.jpg")], history.find_fields
    ) == [BlobRef("b" * 64, 20)]


async def test_anothers_upload_is_not_there(redis: ArqRedis, history: History) -> None:
    upload = (await keep(redis, "bob", BLOB_A, name=None, seconds=60)).id
    with pytest.raises(Refusal) as caught:
        await find_sources(redis, "alice", [RequestedSource("datasets.d", upload=upload)], history.find_fields)
    assert (caught.value.code, caught.value.field) == ("not_found", "datasets.d.upload")
