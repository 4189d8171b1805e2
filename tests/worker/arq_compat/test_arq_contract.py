"""What we lean on inside ARQ. If one of these fails after an upgrade, read its release notes before anything else."""

import inspect

import arq
import msgpack
from arq import constants
from arq.connections import ArqRedis
from arq.constants import job_key_prefix
from arq.jobs import Job, deserialize_job_raw, deserialize_result, serialize_job, serialize_result
from arq.worker import Retry, Worker, func

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.submission import Submission
from tasks.queue.wire import deserialize, serialize
from tests.support.engine_running import settings_for


def test_the_version_is_the_one_we_know() -> None:
    assert arq.VERSION.startswith("0.28.")


def test_the_keys_are_where_we_write_them() -> None:
    assert (
        constants.default_queue_name,
        constants.job_key_prefix,
        constants.in_progress_key_prefix,
        constants.result_key_prefix,
        constants.retry_key_prefix,
        constants.abort_jobs_ss,
        constants.health_check_key_suffix,
    ) == ("arq:queue", "arq:job:", "arq:in-progress:", "arq:result:", "arq:retry:", "arq:abort", ":health-check")


def test_the_worker_has_the_hooks_that_we_override() -> None:
    assert inspect.iscoroutinefunction(Worker.main)
    assert list(inspect.signature(Worker.main).parameters) == ["self"]
    assert list(inspect.signature(Worker.handle_sig_wait_for_completion).parameters) == ["self", "signum"]
    assert {"functions", "queue_name", "redis_pool", "burst", "job_completion_wait", "max_tries", "keep_result"} <= set(
        inspect.signature(Worker).parameters
    )
    source = inspect.getsource(Worker.__init__)
    assert "self.handle_sig_wait_for_completion" in source, (
        "job_completion_wait no longer picks the handler that we replace"
    )


def test_the_client_and_the_job_take_what_we_give_them() -> None:
    assert {"pool_or_conn", "job_serializer", "job_deserializer", "default_queue_name"} <= set(
        inspect.signature(ArqRedis).parameters
    )
    assert list(inspect.signature(Job).parameters) == ["job_id", "redis", "_queue_name", "_deserializer"]
    assert {"name", "timeout", "max_tries"} <= set(inspect.signature(func).parameters)
    assert Retry(defer=0).defer_score == 0, "ARQ would add to the time of the next try, which our script has set"


async def test_our_body_of_a_job_is_laid_out_as_arqs(redis: ArqRedis) -> None:
    submitted = await Enqueuer(redis, settings_for(redis)).enqueue(Submission("thumbnail", "media", "dev", "{}"))
    body = await redis.get(job_key_prefix + submitted.job_id)
    assert body is not None
    ours = msgpack.unpackb(body)
    theirs = serialize_job("thumbnail", (submitted.job_id,), {}, None, ours["et"], serializer=serialize)
    assert ours == msgpack.unpackb(theirs)
    assert submitted.record is not None
    assert ours["et"] == submitted.record.created_at
    function, args, kwargs, _, _ = deserialize_job_raw(body, deserializer=deserialize)
    assert (function, list(args), kwargs) == ("thumbnail", [submitted.job_id], {})


def test_a_result_has_the_fields_that_close_in_lua_writes() -> None:
    packed = serialize_result("f", (), {}, 1, 2, True, {"x": 1}, 3, 4, "ref", "queue", "abc", serializer=serialize)
    assert packed is not None
    assert set(msgpack.unpackb(packed)) == {"t", "f", "a", "k", "et", "s", "r", "st", "ft", "q", "id"}
    assert deserialize_result(packed, deserializer=deserialize).result == {"x": 1}
