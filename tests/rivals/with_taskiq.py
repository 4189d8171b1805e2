"""taskiq with its stream broker (the one that acknowledges) and one worker process; else its defaults (100 at once)."""

import os
import sys
from pathlib import Path

import stopwatch
import uvloop
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

results: RedisAsyncResultBackend[None] = RedisAsyncResultBackend(stopwatch.URL, result_ex_time=stopwatch.KEEP_RESULT_S)
broker = RedisStreamBroker(stopwatch.URL).with_result_backend(results)
watch = stopwatch.Stopwatch()


@broker.task(task_name="noop")
async def noop() -> None:
    watch.tick()


@broker.task(task_name="arrive")
async def arrive(sent: float) -> None:
    stopwatch.arrived(sent)


async def enqueue(command: str, count: int) -> None:
    await broker.startup()
    if command == "fill":
        await stopwatch.fill(noop.kiq, count)
    else:
        await stopwatch.send(arrive.kiq, count)
    await broker.shutdown()


if __name__ == "__main__":
    command, count = stopwatch.command()
    if command == "work":
        place = str(Path(__file__).parent)
        options = ["--workers", "1", "--log-level", "WARNING", "--app-dir", place]
        os.execv(sys.executable, [sys.executable, "-m", "taskiq", "worker", "with_taskiq:broker", *options])  # noqa: S606
    uvloop.run(enqueue(command, count))
