"""A real worker process serves what QUEUES or its command line says."""

from arq.connections import ArqRedis

from tasks.queue.queues.queue_keys import MADE_QUEUES
from tasks.queue.records.record import State
from tasks.queue.redis_keys import WORKERS
from tasks.queue.watch.workers import read_workers
from tests.support.engine_running import JobClient
from tests.support.eventually import eventually
from tests.support.processes import start
from tools.servers import Valkey

OURS = "tests.support.kinds:KINDS"


async def test_a_process_runs_jobs_of_queues_by_name_and_by_pattern(
    redis: ArqRedis, valkey: Valkey, job_client: JobClient
) -> None:
    await redis.zadd(MADE_QUEUES, {"crm-mail": 1})
    process = start(valkey.url, "worker", QUEUES="emails:3,crm-*:2", KINDS=OURS, DEV="1", LOG_LEVEL="error")
    try:
        await eventually(lambda: redis.zcard(WORKERS), lambda workers: workers == 1)
        for queue in ("emails", "crm-mail"):
            record = await job_client.ended(await job_client.submit("nothing", queue=queue))
            assert (record.state, record.queue) == (State.SUCCEEDED, queue), record
        [worker] = (await read_workers(redis)).workers
        assert (worker.queues, worker.patterns) == (("emails", "crm-mail"), ("crm-*",))
    finally:
        process.terminate()
        assert process.wait(30) == 0


async def test_a_burst_runs_what_is_due_in_queues_of_a_pattern(
    redis: ArqRedis, valkey: Valkey, job_client: JobClient
) -> None:
    await redis.zadd(MADE_QUEUES, {"crm-mail": 1})
    job_id = await job_client.submit("nothing", queue="crm-mail")
    process = start(valkey.url, "worker", "crm-*:2", "--burst", KINDS=OURS, DEV="1", LOG_LEVEL="error")
    assert process.wait(60) == 0
    assert (await job_client.read(job_id)).state is State.SUCCEEDED
