"""Indexes of tags: they follow the job, cost nothing where there is none, and outlive nothing."""

from typing import Final

from arq.connections import ArqRedis

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.records.list import Listing, Selection, read
from tasks.queue.records.record import State
from tasks.queue.records.trimming import trim
from tasks.queue.redis_keys import JOB, JOBS
from tasks.settings import Settings
from tests.support.queue.ended_records import pack_all
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.submissions import record_of, submission, submit

TAGS: Final = ("user:42", "vip")
ERROR: Final = '{"code": "truncated", "message": "Half of it."}'


def tagged(*tags: str, **more: object) -> Selection:
    return Selection((), tags=tags, tag_owner="dev", **more)  # type: ignore[arg-type]


async def ids(redis: ArqRedis, selection: Selection) -> list[str]:
    return (await Listing(redis).ids(selection, limit=50)).ids


async def tag_indexes(redis: ArqRedis) -> set[str]:
    return {key.decode().removeprefix(JOBS) async for key in redis.scan_iter(f"{JOBS}tag/*")}


async def test_a_job_without_tags_has_no_field_and_no_index_more(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    job_id = await submit(enqueuer)
    fields = await redis.hgetall(JOB + job_id)
    assert fields.keys().isdisjoint({b"tags", b"metadata", b"code"})
    assert fields[b"shelves"] == b"dev/echo */echo"
    assert await tag_indexes(redis) == set()


async def test_tags_and_metadata_stay_through_a_retry_of_a_packed_record(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, settings: Settings, job_store: JobStore
) -> None:
    job_id = await submit(enqueuer, tags=TAGS, metadata='{"größe":1.50}')
    await worker.finish(await worker.one(), "failed", fields=("error", ERROR), value=["truncated", "Half of it."])
    assert await pack_all(redis, settings) == 1
    record = await record_of(redis, job_id)
    assert (record.tags, record.metadata) == (TAGS, {"größe": 1.5})
    assert await ids(redis, tagged("user:42", state=State.FAILED)) == [job_id]
    assert await job_store.retry([job_id]) == ["reopened"]
    assert await tag_indexes(redis) == {"tag/dev/user:42:queued", "tag/dev/vip:queued"}
    assert (await record_of(redis, job_id)).tags == TAGS


async def test_a_deleted_job_leaves_no_index(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    job_id = await submit(enqueuer, tags=TAGS)
    await worker.finish(await worker.one())
    assert await job_store.delete([job_id]) == ["deleted"]
    assert await tag_indexes(redis) == set()


async def test_an_expired_job_leaves_no_index(redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker) -> None:
    gone = [await submit(enqueuer, tags=("a",)), await submit(enqueuer, tags=("b",))]
    for _ in gone:
        await worker.finish(await worker.one())
    for job_id in gone:
        await redis.delete(JOB + job_id)
    assert await ids(redis, tagged("b")) == []
    assert await tag_indexes(redis) == {"tag/dev/a:succeeded"}
    async for _ in trim(redis, dry_run=False):
        pass
    assert await tag_indexes(redis) == set()


async def test_the_rarest_index_is_read(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    """So a page with a rare tag, or kind, looks at no more records than it lists."""
    for _ in range(20):
        await submit(enqueuer, tags=("common",))
    rare = await submit(enqueuer, tags=("common", "rare"))
    other = await submit(enqueuer, kind="report", tags=("common",))
    for selection, job_id in (
        (tagged("common", "rare"), rare),
        (tagged("rare", "common"), rare),
        (Selection(("dev/report",), kind="report", tags=("common",), tag_owner="dev"), other),
    ):
        found = await Listing(redis).ids(selection, limit=50)
        assert (found.ids, found.examined) == ([job_id], 1)


async def test_a_batch_that_is_opened_has_tags(redis: ArqRedis, job_store: JobStore) -> None:
    batch_id = await job_store.open_batch("dev", TAGS, metadata='{"a":1}')
    assert await ids(redis, tagged(*TAGS)) == [batch_id]
    record = await record_of(redis, batch_id)
    assert (record.tags, record.metadata) == (TAGS, {"a": 1})


async def test_a_code_is_found_in_packed_records_also_of_earlier_versions(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, settings: Settings
) -> None:
    made = {}
    for code in ("truncated", "timed_out"):
        for version in ("earlier", "this"):
            made[code, version] = await submit(enqueuer)
            fields = ("error", f'{{"code": "{code}", "message": "No."}}')
            await worker.finish(await worker.one(), "failed", fields=fields, value=[code, "No."])
    for code in ("truncated", "timed_out"):
        await redis.hdel(JOB + made[code, "earlier"], "code")  # what an earlier version wrote had none
    wanted = Selection(("dev/echo",), code="truncated")
    expected = {made["truncated", "earlier"], made["truncated", "this"]}
    assert set(await ids(redis, wanted)) == expected
    assert await pack_all(redis, settings) == 4
    assert set(await ids(redis, wanted)) == expected
    every = Selection(("dev/echo",), State.FAILED)
    causes = (await Listing(redis).causes(every, limit=50)).causes
    assert {cause.id: cause.code for cause in causes} == {job_id: code for (code, _), job_id in made.items()}


async def test_a_job_that_succeeds_in_the_end_has_no_code(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    job_id = await submit(enqueuer)
    await worker.finish(await worker.one(), "retrying", value=["truncated", "Half of it."], delay_ms=0)
    wanted = Selection(("dev/echo",), code="truncated")
    assert await ids(redis, wanted) == [job_id]
    await worker.finish(await worker.one())
    assert await ids(redis, wanted) == []
    assert (await read(redis, job_id)) is not None


async def test_a_repeated_submit_has_the_tags_of_the_first(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    first = await enqueuer.enqueue(submission(idempotency_key="k", tags=("a",)))
    again = await enqueuer.enqueue(submission(idempotency_key="k", tags=("b",)))
    assert (again.job_id, again.created) == (first.job_id, False)
    assert (await record_of(redis, first.job_id)).tags == ("a",)
