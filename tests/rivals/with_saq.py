"""SAQ with its defaults (ten jobs at once), results kept as long as everyone's."""

from typing import Any

import stopwatch
import uvloop
from saq import Queue, Worker

queue = Queue.from_url(stopwatch.URL)
watch = stopwatch.Stopwatch()


async def noop(ctx: dict[str, Any]) -> None:
    watch.tick()


async def arrive(ctx: dict[str, Any], *, sent: float) -> None:
    stopwatch.arrived(sent)


async def run(command: str, count: int) -> None:
    await queue.connect()
    if command == "work":
        await Worker(queue, functions=[noop, arrive]).start()
    elif command == "fill":
        await stopwatch.fill(lambda: queue.enqueue("noop", ttl=stopwatch.KEEP_RESULT_S), count)
    else:
        await stopwatch.send(lambda sent: queue.enqueue("arrive", sent=sent, ttl=stopwatch.KEEP_RESULT_S), count)
    await queue.disconnect()


if __name__ == "__main__":
    uvloop.run(run(*stopwatch.command()))
