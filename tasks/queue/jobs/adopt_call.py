"""The records of an ARQ application's jobs."""

from collections.abc import Sequence

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.submission import Submission
from tasks.queue.lanes.lane_id import LaneId
from tasks.queue.records import indexes
from tasks.settings import SYSTEM


async def adopt_call(
    enqueuer: Enqueuer, job_id: str, queue: str, *, function: str, kind: str, params: str, fields: Sequence[str | bytes]
) -> None:
    """Give a record to a job that a client of an ARQ application enqueued, as `Enqueuer.adopt`.

    Args:
        enqueuer: Writes it.
        job_id: Its id.
        queue: The application's queue.
        function: The function that it calls, whose jobs have a lane of their own.
        kind: What its record calls it: the function, unless one of the service's kinds is called so.
        params: Its arguments as JSON, for people: the worker reads ARQ's own body.
        fields: Further names and values of the record.
    """
    size = len(params.encode())
    submission = Submission(kind=kind, queue=queue, owner=SYSTEM, params=params, max_params_bytes=size)
    job = enqueuer.job(job_id, submission)
    job |= {"adopt": True, "job_indexes": indexes.of_job(SYSTEM, indexes.FOREIGN)}
    job |= {"lane": str(LaneId("function", function)), "fields": [*job["fields"], *fields]}
    await enqueuer.adopt_job(job)
