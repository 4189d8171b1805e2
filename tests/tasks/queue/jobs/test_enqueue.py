"""The way in: everything about a new job is written at once, or nothing is."""

import asyncio
import hashlib
import json

import msgpack
import pytest
from arq.connections import ArqRedis
from arq.constants import job_key_prefix
from arq.jobs import Job, JobStatus

from tasks.queue import redis_keys
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.foreign_job import refusal_of
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.lanes.lane_id import LaneId
from tasks.queue.records.list import read
from tasks.queue.records.record import Priority, State
from tasks.queue.redis_keys import (
    ARQ_JOB_MS,
    BACKLOG,
    COUNTS,
    IDEMPOTENCY,
    JOB,
    JOBS,
    QUEUE,
    SAFETY_MS,
    TURNS,
    WAKE,
    WAKE_CAP,
    arq_queue,
)
from tasks.queue.wire import deserialize
from tasks.refusal import Refusal
from tasks.settings import Settings
from tests.support.eventually import eventually
from tests.support.queue.fake_worker import FakeWorker, lapse
from tests.support.queue.submissions import record_of, submission, submit

BLOB = "b" * 64


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


async def everything(redis: ArqRedis) -> set[str]:
    return {key.decode() for key in await redis.keys("*")}


async def test_a_submit_is_one_round_trip(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    await submit(enqueuer)  # loads the script, once in a server's life
    await asyncio.gather(redis.ping(), redis.ping())  # a connection for each of those who speak below
    async with redis.monitor() as monitor:
        await submit(enqueuer, idempotency_key="k", blobs=(BLOB,), delay_ms=5)
        await redis.echo("over")
        said = [await monitor.next_command()]
        while said[-1]["command"] != "ECHO over":
            said.append(await monitor.next_command())
    assert [one["command"].split()[0] for one in said if one["client_type"] != "lua"] == ["EVALSHA", "ECHO"]


async def test_every_key_of_a_waiting_job_and_no_other_is_written(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    job_id = await submit(enqueuer, queue="media", owner="acme", blobs=(BLOB,), idempotency_key="k")
    assert await everything(redis) == {
        JOB + job_id,
        JOBS + "*/echo:queued",
        JOBS + "acme/echo:queued",
        f"{IDEMPOTENCY}acme:{sha256('k')}",
        f"{redis_keys.BLOB}{BLOB}",
        TURNS + "media",
        BACKLOG + "media:owner:acme",
        WAKE + "media",
        QUEUE + "media",
        job_key_prefix + job_id,
        arq_queue("media"),
    }
    assert await redis.smembers(f"{redis_keys.BLOB}{BLOB}") == {job_id.encode()}


async def test_every_key_of_a_scheduled_job_and_no_other_is_written(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    job_id = await submit(enqueuer, delay_ms=60_000)
    assert await everything(redis) == {
        JOB + job_id,
        JOBS + "*/echo:scheduled",
        JOBS + "dev/echo:scheduled",
        WAKE + "default",
        QUEUE + "default",
        job_key_prefix + job_id,
        arq_queue("default"),
    }


async def test_the_timer_of_a_waiting_job_is_far_and_that_of_a_scheduled_one_is_its_due_time(
    redis: ArqRedis, enqueuer: Enqueuer
) -> None:
    waiting = await record_of(redis, await submit(enqueuer))
    scheduled = await record_of(redis, await submit(enqueuer, delay_ms=90_000))
    looked_at = await redis.zscore(arq_queue("default"), waiting.id) or 0
    assert SAFETY_MS <= looked_at - waiting.created_at < 2 * SAFETY_MS
    assert scheduled.due_at == scheduled.created_at + 90_000
    assert await redis.zscore(arq_queue("default"), scheduled.id) == scheduled.due_at
    assert scheduled.state is State.SCHEDULED


async def test_arqs_copy_outlives_the_wait(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    month_ms = 30 * 86_400_000
    for delay_ms in (0, month_ms):
        left = await redis.pttl(f"{job_key_prefix}{await submit(enqueuer, delay_ms=delay_ms)}")
        assert delay_ms + ARQ_JOB_MS - 5_000 < left <= delay_ms + ARQ_JOB_MS


async def test_arqs_own_classes_take_our_jobs_for_theirs(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    job_id = await submit(enqueuer, kind="thumbnail", queue="media")
    name = arq_queue("media")
    (listed,) = await redis.queued_jobs(queue_name=name)
    assert (listed.job_id, listed.function, list(listed.args), listed.kwargs) == (job_id, "thumbnail", [job_id], {})
    job = Job(job_id, redis, _queue_name=name, _deserializer=deserialize)
    assert await job.status() is JobStatus.deferred
    info = await job.info()
    assert info is not None
    record = await record_of(redis, job_id)
    assert 0 <= int(info.enqueue_time.timestamp() * 1000) - record.created_at + 1000 <= 2000
    assert await redis.enqueue_job("thumbnail", _job_id=job_id, _queue_name=name) is None, "the id is taken"


async def test_a_wake_signal_is_left_for_each_job_up_to_a_cap(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    for n in range(WAKE_CAP + 5):
        await submit(enqueuer)
        assert await redis.llen(WAKE + "default") == min(n + 1, WAKE_CAP)


class TestIdempotency:
    async def test_the_same_key_and_content_are_one_job(self, redis: ArqRedis, enqueuer: Enqueuer) -> None:
        first = await enqueuer.enqueue(submission(params={"a": 1}, idempotency_key="k"))
        again = await enqueuer.enqueue(submission(params={"a": 1}, idempotency_key="k", name="other.png"))
        assert first.created
        assert (again.job_id, again.created, again.record) == (first.job_id, False, None)
        assert await redis.zcard(arq_queue("default")) == 1

    async def test_the_same_key_with_other_content_is_refused_and_writes_nothing(
        self, redis: ArqRedis, enqueuer: Enqueuer
    ) -> None:
        job_id = await submit(enqueuer, params={"a": 1}, idempotency_key="k")
        before = await everything(redis)
        for other in ({"params": {"a": 2}}, {"params": {"a": 1}, "kind": "other"}):
            with pytest.raises(Refusal, match=job_id) as refused:
                await enqueuer.enqueue(submission(**other, idempotency_key="k"))
            assert (refused.value.code, refused.value.field) == ("key_reused", "Idempotency-Key")
        assert await everything(redis) == before

    async def test_the_order_of_the_params_fields_does_not_matter(self, redis: ArqRedis, enqueuer: Enqueuer) -> None:
        """Nor do blanks. The key's digest is of the text, as processes of earlier versions write and read it."""
        params = {"a": 1, "b": {"c": [1, 2], "d": "ü"}}
        first = await submit(enqueuer, params=params, idempotency_key="k")
        digest = sha256(f"echo\n{json.dumps(params)}")
        assert await redis.get(f"{IDEMPOTENCY}dev:{sha256('k')}") == f"{first} {digest}".encode()
        before = await everything(redis)
        for text in ('{"b":{"d":"ü","c":[1,2]},"a":1}', '{"a": 1, "b": {"d": "\\u00fc", "c": [1, 2]}}'):
            again = await enqueuer.enqueue(submission(params=text, idempotency_key="k"))
            assert (again.job_id, again.created) == (first, False)
        for other in ('{"b":{"d":"ü","c":[2,1]},"a":1}', '{"b":{"d":"ü","c":[1,2]},"a":true}'):
            with pytest.raises(Refusal, match=first):
                await enqueuer.enqueue(submission(params=other, idempotency_key="k"))
        assert await everything(redis) == before

    async def test_another_owners_key_is_another_key(self, enqueuer: Enqueuer) -> None:
        mine = await submit(enqueuer, owner="acme", idempotency_key="k")
        assert await submit(enqueuer, owner="dev", params={"b": 2}, idempotency_key="k") != mine

    async def test_a_key_is_forgotten_after_its_time(
        self, redis: ArqRedis, enqueuer: Enqueuer, settings: Settings
    ) -> None:
        first = await submit(enqueuer, idempotency_key="k")
        key = f"{IDEMPOTENCY}dev:{sha256('k')}"
        assert 0 <= settings.idempotency_s * 1000 - await redis.pttl(key) < 5_000
        await redis.pexpire(key, 1)
        await eventually(lambda: redis.exists(key), 0)
        assert await submit(enqueuer, params={"other": True}, idempotency_key="k") != first

    async def test_a_key_whose_job_is_gone_is_free(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        first = await submit(enqueuer, idempotency_key="k")
        await worker.finish(await worker.one())
        await redis.delete(JOB + first)
        second = await enqueuer.enqueue(submission(params={"other": True}, idempotency_key="k"))
        assert second.created
        assert (await enqueuer.enqueue(submission(params={"other": True}, idempotency_key="k"))).job_id == second.job_id

    async def test_fifty_at_once_are_one_job(self, redis: ArqRedis, enqueuer: Enqueuer) -> None:
        submitted = await asyncio.gather(*(enqueuer.enqueue(submission(idempotency_key="k")) for _ in range(50)))
        assert len({one.job_id for one in submitted}) == 1
        assert sum(one.created for one in submitted) == 1
        assert await redis.zcard(arq_queue("default")) == 1

    async def test_a_key_may_be_any_text(self, enqueuer: Enqueuer) -> None:
        keys = ["", " ", "a:b", "größe", "x" * 10_000, "k\n1"]
        ids = [await submit(enqueuer, idempotency_key=key) for key in keys]
        assert len(set(ids)) == len(keys)
        assert [await submit(enqueuer, idempotency_key=key) for key in keys] == ids


class TestLimits:
    async def test_a_full_queue_refuses_and_writes_nothing(self, redis: ArqRedis, settings: Settings) -> None:
        enqueuer = Enqueuer(
            redis, settings.model_copy(update={"max_waiting_jobs": 2, "owner_max_waiting": 9, "owner_max_scheduled": 9})
        )
        first = await submit(enqueuer, idempotency_key="k")
        await submit(enqueuer, delay_ms=60_000)
        before = await everything(redis)
        with pytest.raises(Refusal, match="'default'") as refused:
            await submit(enqueuer, idempotency_key="new")
        assert (refused.value.code, refused.value.limit) == ("queue_full", 2)
        assert await everything(redis) == before
        assert await submit(enqueuer, idempotency_key="k") == first, "a job that is there already needs no room"
        assert await submit(enqueuer, queue="media"), "another queue has room of its own"

    async def test_each_queue_of_a_workflow_needs_room(self, redis: ArqRedis, settings: Settings) -> None:
        enqueuer = Enqueuer(
            redis, settings.model_copy(update={"max_waiting_jobs": 2, "owner_max_waiting": 9, "owner_max_scheduled": 9})
        )
        await submit(enqueuer, queue="media")
        workflow, small, large = submission(kind="batch"), submission(), submission(queue="media")
        with pytest.raises(Refusal, match="'media'") as refused:
            await enqueuer.enqueue_workflow(workflow, [small, large, large])
        assert (refused.value.code, refused.value.limit) == ("queue_full", 2)
        await enqueuer.enqueue_workflow(workflow, [small, large, small])

    async def test_params_are_measured_in_bytes_before_redis_is_asked(
        self, redis: ArqRedis, enqueuer: Enqueuer, settings: Settings
    ) -> None:
        limit = settings.max_params_bytes
        await submit(enqueuer, params='"' + "ü" * ((limit - 2) // 2) + '"')
        before = await everything(redis)
        with pytest.raises(Refusal, match=f"{limit + 2} bytes") as refused:
            await submit(enqueuer, params='"' + "ü" * (limit // 2) + '"')
        assert (refused.value.code, refused.value.limit) == ("params_too_large", limit)
        assert await everything(redis) == before

    async def test_a_name_that_is_no_valid_text_is_written_legibly(self, redis: ArqRedis, enqueuer: Enqueuer) -> None:
        """The names of uploads are chosen by users."""
        record = await record_of(redis, await submit(enqueuer, name="photo\ud800\udcff.png"))
        assert record.name == r"photo\ud800\udcff.png"


class TestPriorities:
    async def test_a_lane_is_ordered_by_priority_then_by_due_time(self, redis: ArqRedis, enqueuer: Enqueuer) -> None:
        order = [Priority.LOW, Priority.NORMAL, Priority.HIGH, Priority.LOW, Priority.NORMAL, Priority.HIGH]
        ids = [await submit(enqueuer, priority=priority) for priority in order]
        line = [one.decode() for one in await redis.zrange(f"{BACKLOG}default:{LaneId('owner', 'dev')}", 0, -1)]
        assert line == [ids[n] for n in (2, 5, 1, 4, 0, 3)]

    async def test_jobs_of_one_millisecond_keep_their_order(self, redis: ArqRedis, enqueuer: Enqueuer) -> None:
        ids = [await submit(enqueuer, priority=Priority.LOW) for _ in range(200)]
        scored = await redis.zrange(BACKLOG + "default:owner:dev", 0, -1, withscores=True)
        assert [one.decode() for one, _ in scored] == ids
        assert all(score < 2**53 and score == int(score) for _, score in scored), "a score is exact"

    async def test_the_record_keeps_the_score_to_its_last_digit(self, redis: ArqRedis, enqueuer: Enqueuer) -> None:
        job_id = await submit(enqueuer, priority=Priority.LOW)
        kept = await redis.hget(JOB + job_id, "score")
        assert kept is not None
        assert float(kept) == await redis.zscore(BACKLOG + "default:owner:dev", job_id)


class TestAdoption:
    @pytest.mark.parametrize(
        ("args", "params"),
        [
            (([], {"a": 1}), {"a": 1}),
            (([{"a": 1}], {}), {"a": 1}),
            (([{"a": 1}, {"b": 2}], {"c": 3}), {"a": 1, "b": 2, "c": 3}),
            (([], {}), {}),
        ],
    )
    async def test_arguments_become_params(
        self, redis: ArqRedis, enqueuer: Enqueuer, args: tuple[list[object], dict[str, object]], params: object
    ) -> None:
        await enqueuer.adopt(
            "foreign", "media", msgpack.packb({"t": None, "f": "echo", "a": args[0], "k": args[1], "et": 1})
        )
        record = await record_of(redis, "foreign")
        assert (record.kind, record.queue, record.owner, record.state) == ("echo", "media", "system", State.QUEUED)
        assert params == json.loads(record.params)

    @pytest.mark.parametrize(
        ("body", "told"),
        [
            (b"", "not msgpack"),
            (b"\x80\x04K\x01.", "pickle"),
            (b"\xc1", "not msgpack"),
            (msgpack.packb(1), "not msgpack"),
            (msgpack.packb([]), "not msgpack"),
            (msgpack.packb({"f": "echo"}), "not msgpack"),
            (msgpack.packb({"f": "echo", "a": [1], "k": {}}), "positional argument 1"),
            (msgpack.packb({"f": "echo", "a": ["https://x"], "k": {}}), "positional argument 'https://x'"),
            (msgpack.packb({"f": "echo", "a": None, "k": None}), "not msgpack"),
            (msgpack.packb({"f": "echo", "a": [], "k": {"when": msgpack.Timestamp(1)}}), "argument 'when', a date"),
            (msgpack.packb({"f": "echo", "a": [], "k": {"all": [msgpack.Timestamp(1)]}}), "such as a date"),
            (msgpack.packb({"f": "echo", "a": [], "k": {"bytes": b"\xff"}}), "argument 'bytes', which is bytes"),
            (msgpack.packb({"f": b"\xff", "a": [], "k": {1: 2}}, use_bin_type=False), "not msgpack"),
            (msgpack.packb({"f": "echo", "a": [], "k": {}}) + b"more", "not msgpack"),
            (b"\x91" * 100_000, "not msgpack"),
            (None, "time to live"),
        ],
        ids=lambda value: repr(value)[:40],
    )
    async def test_what_cannot_be_read_gets_a_record_that_says_why(
        self, redis: ArqRedis, enqueuer: Enqueuer, body: bytes | None, told: str
    ) -> None:
        await enqueuer.adopt("foreign", "default", body)
        record = await record_of(redis, "foreign")
        refusal = refusal_of(record.params)
        assert (record.kind, refusal.code) == ("unreadable", "expired" if body is None else "unreadable_job")
        assert told in refusal.message

    async def test_what_an_older_version_has_adopted_is_told_too(self) -> None:
        assert refusal_of("{}").code == "unreadable_job"

    async def test_kinds_of_others_share_one_index(self, redis: ArqRedis, enqueuer: Enqueuer) -> None:
        """They may be as many as somebody likes to make up."""
        for number, kind in enumerate(("echo", "a", "b", "c d", "*")):
            body = msgpack.packb({"f": kind, "a": [], "k": {}})
            await enqueuer.adopt(f"foreign-{number}", "default", body, kinds={"echo"})
        assert {key.decode().removeprefix(JOBS) for key in await redis.keys(f"{JOBS}*")} == {
            "system/echo:queued",
            "*/echo:queued",
            "system/_foreign:queued",
            "*/_foreign:queued",
        }

    async def test_kinds_of_others_are_counted_as_one(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
    ) -> None:
        for number in range(6):
            body = msgpack.packb({"f": f"made_up_{number}", "a": [], "k": {}})
            await enqueuer.adopt(f"foreign-{number}", "default", body, kinds={"echo"})
        assert await job_store.cancel("foreign-5") == "cancelled"
        jobs = (await worker.claim(5)).jobs
        for job, verb in zip(jobs, ("succeeded", "failed", "retrying", "handed_back"), strict=False):
            assert await worker.finish(job, verb, value=["failed", "It failed."])
        await lapse(redis, jobs[4])
        await worker.claim(0)
        names = [name.decode() for name in await redis.hkeys(COUNTS)]
        assert any(" other " in name for name in names)
        assert not any("made_up" in name for name in names)

    async def test_an_id_that_has_a_record_is_not_adopted_again(self, redis: ArqRedis, enqueuer: Enqueuer) -> None:
        job_id = await submit(enqueuer, params={"mine": True})
        before = await redis.hgetall(JOB + job_id)
        await enqueuer.adopt(job_id, "default", b"")
        assert await redis.hgetall(JOB + job_id) == before
        assert await read(redis, "never heard of") is None

    async def test_a_full_queue_adopts_what_is_in_it_already(self, redis: ArqRedis, settings: Settings) -> None:
        enqueuer = Enqueuer(redis, settings.model_copy(update={"max_waiting_jobs": 1}))
        await redis.enqueue_job("echo", _job_id="one")
        await redis.enqueue_job("echo", _job_id="two")
        await enqueuer.adopt("two", "default", await redis.get(job_key_prefix + "two") or b"")
        assert (await record_of(redis, "two")).kind == "echo"
