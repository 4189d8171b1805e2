"""Kinds of jobs for tests and benchmarks: each does one thing that a real kind might."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from tasks.kind import Kind, Result, RetryPolicy, Run
from tasks.refusal import Refusal


class Anything(BaseModel):
    """Params that take what a test likes to give."""

    model_config = ConfigDict(extra="allow")

    file: str = ""
    seconds: float = 0
    times: int = 0


AT_ONCE = RetryPolicy(max_tries=3, first_delay_s=0.01, factor=1, jitter=0)


def leave_a_line(run: Run[Anything]) -> None:
    """Add a line to the file that the test named: job id, attempt, pid."""
    with Path(run.params.file).open("a") as file:
        file.write(f"{run.job_id} {run.attempt} {os.getpid()}\n")


async def nothing(run: Run[Anything]) -> Result:
    return Result()


async def echo(run: Run[Anything]) -> Result:
    return Result(value={"params": run.params.model_dump(), "owner": run.owner, "attempt": run.attempt})


async def note(run: Run[Anything]) -> Result:
    leave_a_line(run)
    return Result()


async def sleep(run: Run[Anything]) -> Result:
    """Leave a line at the start, sleep, leave another at the end."""
    leave_a_line(run)
    await asyncio.sleep(run.params.seconds)
    leave_a_line(run)
    return Result(value={"attempt": run.attempt})


async def stumble(run: Run[Anything]) -> Result:
    """Raise on the first `times` attempts."""
    if run.attempt <= run.params.times:
        raise RuntimeError(f"stumbled on attempt {run.attempt}")
    return Result(value={"attempt": run.attempt})


async def refuse(run: Run[Anything]) -> Result:
    raise Refusal("corrupt", "This is no picture.")


async def die(run: Run[Anything]) -> Result:
    """Kill the worker, as an out-of-memory killer would, on the first `times` attempts."""
    leave_a_line(run)
    if run.attempt <= run.params.times:
        os.kill(os.getpid(), signal.SIGKILL)
    return Result(value={"attempt": run.attempt})


async def tell(run: Run[Anything]) -> Result:
    """Report progress, then wait until the file named exists."""
    run.progress(1, 3, "one")
    while not Path(run.params.file).exists():
        await asyncio.sleep(0.01)
    run.progress(3, 3, "three")
    return Result()


def kind(
    function: Any, *, queue: str = "default", timeout_s: float = 60, retry: RetryPolicy = AT_ONCE
) -> Kind[Anything]:
    return Kind(name=function.__name__, queue=queue, params=Anything, run=function, timeout_s=timeout_s, retry=retry)


KINDS: dict[str, Kind[Any]] = {
    one.name: one for one in (kind(function) for function in (nothing, echo, note, sleep, stumble, refuse, die, tell))
}
