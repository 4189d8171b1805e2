"""Kinds of jobs for tests and benchmarks: each does one thing that a real kind might."""

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from tasks.kind import JobContext, Kind, Result, RetryPolicy
from tasks.refusal import Refusal


class Anything(BaseModel):
    """Params that take what a test likes to give."""

    model_config = ConfigDict(extra="allow")

    file: str = ""
    seconds: float = 0
    times: int = 0


AT_ONCE = RetryPolicy(max_tries=3, first_delay_s=0.01, factor=1, jitter=0)


def leave_a_line(job: JobContext[Anything]) -> None:
    """Add a line to the file that the test named: job id, attempt, pid."""
    with Path(job.params.file).open("a") as file:
        file.write(f"{job.job_id} {job.attempt} {os.getpid()}\n")


async def nothing(job: JobContext[Anything]) -> Result:
    return Result()


async def echo(job: JobContext[Anything]) -> Result:
    return Result(value={"params": job.params.model_dump(), "owner": job.owner, "attempt": job.attempt})


async def note(job: JobContext[Anything]) -> Result:
    leave_a_line(job)
    return Result()


async def sleep(job: JobContext[Anything]) -> Result:
    """Leave a line at the start, sleep, leave another at the end."""
    leave_a_line(job)
    await asyncio.sleep(job.params.seconds)
    leave_a_line(job)
    return Result(value={"attempt": job.attempt})


async def spin(job: JobContext[Anything]) -> Result:
    """Hold up the event loop, as a careless function does; lines as `sleep` leaves them."""
    leave_a_line(job)
    end = time.monotonic() + job.params.seconds
    while time.monotonic() < end:
        pass
    leave_a_line(job)
    return Result(value={"attempt": job.attempt})


async def stumble(job: JobContext[Anything]) -> Result:
    """Raise on the first `times` attempts."""
    if job.attempt <= job.params.times:
        raise RuntimeError(f"stumbled on attempt {job.attempt}")
    return Result(value={"attempt": job.attempt})


async def refuse(job: JobContext[Anything]) -> Result:
    raise Refusal("corrupt", "This is no picture.")


async def die(job: JobContext[Anything]) -> Result:
    """Kill the worker, as an out-of-memory killer would, on the first `times` attempts."""
    leave_a_line(job)
    if job.attempt <= job.params.times:
        os.kill(os.getpid(), signal.SIGKILL)
    return Result(value={"attempt": job.attempt})


async def tell(job: JobContext[Anything]) -> Result:
    """Report progress, then wait until the file named exists."""
    job.progress(1, 3, "one")
    while not Path(job.params.file).exists():
        await asyncio.sleep(0.01)
    job.progress(3, 3, "three")
    return Result()


async def store(job: JobContext[Anything]) -> Result:
    await job.storage.put_object(f"notes/{job.job_id}", b"a note")
    return Result()


def kind(
    function: Any, *, queue: str = "default", timeout_s: float = 60, retry: RetryPolicy = AT_ONCE
) -> Kind[Anything]:
    return Kind(name=function.__name__, queue=queue, params=Anything, run=function, timeout_s=timeout_s, retry=retry)


KINDS: dict[str, Kind[Any]] = {
    one.name: one
    for one in (kind(function) for function in (nothing, echo, note, sleep, spin, stumble, refuse, die, tell, store))
}
