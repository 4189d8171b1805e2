"""streaQ with its defaults (16 jobs at once), results kept as long as everyone's."""

import logging

import anyio
import stopwatch
from streaq import Worker

worker = Worker(redis_url=stopwatch.URL, anyio_kwargs={"use_uvloop": True})
watch = stopwatch.Stopwatch()


@worker.task(ttl=stopwatch.KEEP_RESULT_S)
async def noop() -> None:
    watch.tick()


@worker.task(ttl=stopwatch.KEEP_RESULT_S)
async def arrive(sent: float) -> None:
    stopwatch.arrived(sent)


async def enqueue(command: str, count: int) -> None:
    async with worker:
        if command == "fill":
            for start in range(0, count, stopwatch.FILL_AT_ONCE):
                size = min(stopwatch.FILL_AT_ONCE, count - start)
                await worker.enqueue_many([noop.enqueue() for _ in range(size)])
        else:
            await stopwatch.send(arrive.enqueue, count)


if __name__ == "__main__":
    logging.getLogger("streaq").setLevel(logging.WARNING)
    command, count = stopwatch.command()
    if command == "work":
        worker.run_sync()
    else:
        anyio.run(enqueue, command, count)
