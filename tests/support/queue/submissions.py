"""Submissions as the API makes them, with what a test does not care about filled in."""

import json
from typing import Any

from arq.connections import ArqRedis

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.submission import Submission
from tasks.queue.records.list import read
from tasks.queue.records.record import Record


def submission(**fields: Any) -> Submission:
    """fields: those of Submission; params may be a dict."""
    params = fields.pop("params", {})
    text = params if isinstance(params, str) else json.dumps(params)
    return Submission(**{"kind": "echo", "queue": "default", "owner": "dev", "params": text, **fields})


async def submit(enqueuer: Enqueuer, **fields: Any) -> str:
    """The id of a new job."""
    return (await enqueuer.enqueue(submission(**fields))).job_id


async def record_of(redis: ArqRedis, job_id: str) -> Record:
    """The record of a job that is known to have one."""
    record = await read(redis, job_id)
    assert record is not None
    return record
