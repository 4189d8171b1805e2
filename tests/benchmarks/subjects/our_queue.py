"""Our own engine under measurement: `fill N`, `work` and `send N`, as rivals/stopwatch.py says what each does."""

import time
from typing import Any

import uvloop
from pydantic import BaseModel

from tasks.kind import JobContext, Kind, Result
from tasks.queue.connect import close, connect
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.submission import Submission
from tasks.settings import Settings
from tasks.telemetry.logs import configure
from tests.rivals.stopwatch import URL, Stopwatch, arrived, command, fill, send
from worker.engine import Engine
from worker.resources import open_resources

QUEUE = "default"
watch = Stopwatch()


class NoParams(BaseModel):
    """A no-op asks for nothing."""


class Sent(BaseModel):
    """When the job was sent, on the machine's monotonic clock."""

    at: float


async def nothing(_run: JobContext[NoParams]) -> Result:
    watch.tick()
    return Result()


async def arrive(job: JobContext[Sent]) -> Result:
    arrived(job.params.at)
    return Result()


KINDS: dict[str, Kind[Any]] = {
    "nothing": Kind("nothing", QUEUE, NoParams, nothing),
    "arrive": Kind("arrive", QUEUE, Sent, arrive),
}


async def work(settings: Settings) -> None:
    configure(settings)
    resources = open_resources(settings, {})
    engine = Engine(
        resources,
        settings,
        concurrency={QUEUE: settings.default_concurrency},
        kinds=KINDS,
    )
    await engine.run()


async def main() -> None:
    settings = Settings(_env_file=None, storage_url="memory://", max_waiting_jobs=1_000_000)
    verb, count = command()
    if verb == "work":
        await work(settings)
        return
    redis = connect(URL)
    enqueuer = Enqueuer(redis, settings)
    if verb == "fill":
        began = time.perf_counter()
        await fill(lambda: enqueuer.enqueue(Submission("nothing", QUEUE, "dev", "{}")), count)
        print(f"{count / (time.perf_counter() - began):,.0f} submits/s")  # noqa: T201
    else:
        await send(
            lambda at: enqueuer.enqueue(Submission("arrive", QUEUE, "dev", Sent(at=at).model_dump_json())), count
        )
    await close(redis)


if __name__ == "__main__":
    uvloop.run(main())
