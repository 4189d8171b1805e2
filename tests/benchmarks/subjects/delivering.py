"""What delivers, under measurement: a worker process, ours or a rival's, an inbox, and what each delivery costs."""

import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from arq.connections import ArqRedis

from tasks.queue.connect import close, connect
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.submission import Submission
from tasks.queue.records.indexes import of_deliveries
from tasks.queue.records.record import State
from tasks.queue.redis_keys import JOBS
from tasks.settings import Settings
from tasks.webhook.endpoints import Endpoints, open_box
from tests.benchmarks.harness.system import ROOT
from tests.benchmarks.subjects.inbox import Inbox
from tests.support.eventually import eventually
from tools.servers import Valkey, start_process

OWNER = "dev"
DATA = {"order": 4711, "amount": "12.50", "currency": "EUR", "customer": {"name": "Ada Lovelace", "city": "London"}}
ENVIRONMENT = {
    "STORAGE_URL": "memory://",
    "OUTBOUND_NETWORKS": "127.0.0.0/8",
    "OUTBOUND_HTTP": "1",
    "SECRET_KEY": "a key that only the benchmark knows",
}
PATIENCE_S = 120.0


@dataclass(frozen=True)
class Service:
    """Pressroom with one worker process, and an inbox for what it sends."""

    valkey: Valkey
    redis: ArqRedis
    settings: Settings
    inbox: Inbox
    worker: int

    async def subscribe(self, count: int, patterns: Callable[[int], str | list[str]]) -> None:
        """So many endpoints, each at a host of its own; the n-th asks for `patterns(n)`."""
        endpoints = Endpoints(self.redis, self.settings, open_box(self.settings))
        for number in range(count):
            asked = patterns(number)
            events = asked if isinstance(asked, list) else [asked]
            await endpoints.create(OWNER, {"url": self.inbox.url(number), "events": events})

    async def submit(self, kind: str) -> str:
        """An event; returns its id."""
        params = json.dumps({"type": kind, "data": DATA})
        submission = Submission(kind="event", queue="default", owner=OWNER, params=params, name=kind)
        return (await Enqueuer(self.redis, self.settings).enqueue(submission)).job_id

    async def until_recorded(self, deliveries: int) -> None:
        """Wait until the records of so many say that they succeeded. Raises: TimeoutError."""
        succeeded = f"{JOBS}{of_deliveries(OWNER)}:{State.SUCCEEDED}"
        await eventually(lambda: self.redis.zcard(succeeded), deliveries, seconds=PATIENCE_S)


@asynccontextmanager
async def service(silent: Collection[bytes] = ()) -> AsyncIterator[Service]:
    """The worker with the Procfile's command and defaults, its log written to a file."""
    with Valkey() as valkey:
        environment = {**ENVIRONMENT, "REDIS_URL": valkey.url}
        settings = Settings(_env_file=None, **{name.lower(): text for name, text in environment.items()})  # type: ignore[arg-type]
        redis = connect(valkey.url)
        async with Inbox(silent) as inbox:
            with process([sys.executable, "-m", "worker"], environment) as worker:
                yield Service(valkey, redis, settings, inbox, worker)
        await close(redis)


@contextmanager
def process(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[int]:
    """The id of a process that is killed when the block ends; what it wrote is shown if the block fails."""
    variables = {**os.environ, **environment}
    with tempfile.TemporaryFile() as output:
        started = start_process(command, cwd=ROOT, env=variables, stdout=output, stderr=output)
        try:
            yield started.pid
        except Exception:
            output.seek(0)
            sys.stderr.write(output.read()[-4000:].decode(errors="replace"))
            raise
        finally:
            started.kill()
            started.wait()


@dataclass(frozen=True)
class Cost:
    """What deliveries cost each: milliseconds of CPU of the worker process, and of Valkey."""

    per_second: float
    cpu_ms: float
    valkey_ms: float


class Meter:
    """Reads clock and CPU from when it was made."""

    def __init__(self, worker: int, valkey: int) -> None:
        self._processes = (worker, valkey)
        self._began = self._now()

    @classmethod
    async def of(cls, worker: int, redis: ArqRedis) -> "Meter":
        return cls(worker, int((await redis.info("server"))["process_id"]))

    def cost(self, deliveries: int) -> Cost:
        seconds, worker, valkey = (now - began for began, now in zip(self._began, self._now(), strict=True))
        return Cost(deliveries / seconds, 1000 * worker / deliveries, 1000 * valkey / deliveries)

    def _now(self) -> list[float]:
        return [time.monotonic(), *map(cpu_s, self._processes)]


def cpu_s(pid: int) -> float:
    """Seconds that a process has computed so far, for itself and in the kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
