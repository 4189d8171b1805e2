"""What every system's jobs do in a benchmark: tell the time. Standard library only: every rival can import it.

A system's script has three commands: `fill N` enqueues N no-op jobs as fast as it can, `work` runs one worker process
until it is stopped, `send N` enqueues N jobs one at a time with pauses. REDIS_URL names the server, BENCH_FILE the file
that jobs write to, BENCH_COUNT how many no-ops there are. All run on one machine, so the monotonic clock is one clock.
"""

import asyncio
import json
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable

URL = os.environ["REDIS_URL"]
KEEP_RESULT_S = 3600
FILL_AT_ONCE = 50
PAUSE_S = (0.02, 0.05)

_file = os.environ.get("BENCH_FILE", os.devnull)
_count = int(os.environ.get("BENCH_COUNT", "0"))


def _write(line: dict[str, float]) -> None:
    with open(_file, "a") as file:  # noqa: PTH123 - one append, so that lines of several processes do not mix
        file.write(json.dumps(line) + "\n")


class Stopwatch:
    """Notes the time from the first no-op to the last, in a worker that runs its jobs in one process."""

    def __init__(self) -> None:
        self.seen = 0
        self.first = 0.0

    def tick(self) -> None:
        if not self.seen:
            self.first = time.monotonic()
        self.seen += 1
        if self.seen == _count:
            _write({"jobs": self.seen - 1, "seconds": time.monotonic() - self.first})


def arrived(sent: float) -> None:
    """Note how long a job took from before its enqueue call to its start."""
    _write({"seconds": time.monotonic() - sent})


async def fill(enqueue: Callable[[], Awaitable[object]], count: int) -> None:
    for start in range(0, count, FILL_AT_ONCE):
        await asyncio.gather(*(enqueue() for _ in range(start, min(start + FILL_AT_ONCE, count))))


async def send(enqueue: Callable[[float], Awaitable[object]], count: int) -> None:
    pauses = random.Random(1)  # noqa: S311 - the same pauses for every system
    for _ in range(count):
        await enqueue(time.monotonic())
        await asyncio.sleep(pauses.uniform(*PAUSE_S))


def command() -> tuple[str, int]:
    """The command of this script and its N (0 for `work`)."""
    return sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
