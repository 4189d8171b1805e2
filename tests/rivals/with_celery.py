"""Celery with its defaults: prefork, as many children as there are cores, results in Redis."""

import asyncio
import multiprocessing

import stopwatch
from celery import Celery

app = Celery("with_celery", broker=stopwatch.URL, backend=stopwatch.URL)
app.conf.update(result_expires=stopwatch.KEEP_RESULT_S, task_ignore_result=False)


class SharedStopwatch(stopwatch.Stopwatch):
    """Counts over all children; made before they are forked."""

    def __init__(self) -> None:
        self._lock = multiprocessing.Lock()
        self._seen = multiprocessing.Value("q", 0, lock=False)
        self._first = multiprocessing.Value("d", 0.0, lock=False)
        super().__init__()

    def tick(self) -> None:
        with self._lock:
            self.seen, self.first = self._seen.value, self._first.value
            super().tick()
            self._seen.value, self._first.value = self.seen, self.first


watch = SharedStopwatch()


@app.task
def noop() -> None:
    watch.tick()


@app.task
def arrive(sent: float) -> None:
    stopwatch.arrived(sent)


async def enqueue_noop() -> None:
    noop.delay()


async def enqueue_arrive(sent: float) -> None:
    arrive.delay(sent)


if __name__ == "__main__":
    command, count = stopwatch.command()
    if command == "work":
        app.worker_main(["worker", "--loglevel", "WARNING"])
    elif command == "fill":
        asyncio.run(stopwatch.fill(enqueue_noop, count))
    else:
        asyncio.run(stopwatch.send(enqueue_arrive, count))
