"""Workers, as their last beats describe them."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from fnmatch import fnmatchcase
from typing import Any, Final, Self

from arq.constants import health_check_key_suffix
from redis.asyncio import Redis

from tasks.queue.redis_keys import APPLICATION, QUEUES, WORKER_MS
from tasks.queue.script import Script

MAX_RUNNING_JOBS: Final = 50
"""Jobs that a worker lists in its beat: those that have run longest."""
APPLICATION_START: Final = "python -m worker --arq myapp.worker.WorkerSettings"
"""What starts a worker of an ARQ application; only its people know its name."""


@dataclass(frozen=True, slots=True)
class RunningJob:
    """A job that a worker runs, and since when (milliseconds since 1970)."""

    job: str
    kind: str
    queue: str
    attempt: int
    since_ms: int


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A worker, as its last beat describes it.

    running: jobs that it runs. doing: those of them that have run longest.
    rss_mb, pss_mb: memory of it and its sandbox in megabytes; None where the system does not measure it.
    lag_ms: the longest delay of its event loop since the beat before.
    storage_away_ms: since when the storage has failed for it; None if it works.
    sandbox_lacks: what its system lacks to keep the sandbox apart, such as "landlock".
    patterns: of the queues that it serves as soon as they are made, such as "crm-*".
    beat_ms, started_ms, storage_away_ms: milliseconds since 1970.
    """

    id: str
    host: str
    pid: int
    queues: tuple[str, ...]
    version: str = ""
    started_ms: int = 0
    beat_ms: int = 0
    running: int = 0
    doing: tuple[RunningJob, ...] = ()
    rss_mb: float | None = None
    pss_mb: float | None = None
    lag_ms: float = 0
    storage_away_ms: int | None = None
    sandbox_lacks: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()

    def serves(self, queue: str) -> bool:
        """Return whether it serves a queue, or will once that is made."""
        if queue in self.queues or queue.startswith(APPLICATION):  # which no pattern means
            return queue in self.queues
        return any(fnmatchcase(queue, pattern) for pattern in self.patterns)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a beat of this version or of another: during a deploy there are two."""
        told: dict[str, Any] = json.loads(text)
        doing = tuple(RunningJob(**_known(RunningJob, one)) for one in told.get("doing", ()))
        lists = {name: tuple(told.get(name, ())) for name in ("queues", "sandbox_lacks", "patterns")}
        return cls(**{**_known(cls, told), **lists, "doing": doing})


@dataclass(frozen=True, slots=True)
class WorkerRegistry:
    """All workers that are known. arq_queues: those that ARQ's own worker serves. queues: all that there are."""

    now_ms: int
    workers: tuple[WorkerRecord, ...]
    arq_queues: frozenset[str]
    queues: tuple[str, ...] = QUEUES

    def alive(self, worker: WorkerRecord) -> bool:
        return worker.beat_ms > self.now_ms - WORKER_MS

    @property
    def present(self) -> tuple[WorkerRecord, ...]:
        return tuple(worker for worker in self.workers if self.alive(worker))

    @property
    def without_storage(self) -> tuple[WorkerRecord, ...]:
        """Those that are alive and for which the storage has failed."""
        return tuple(worker for worker in self.present if worker.storage_away_ms is not None)

    @property
    def sandbox_lacks(self) -> tuple[str, ...]:
        """What the systems of those that are alive lack to keep their sandboxes apart."""
        return tuple(dict.fromkeys(part for worker in self.present for part in worker.sandbox_lacks))

    def serving(self, queue: str) -> int:
        """Return how many of our workers serve a queue."""
        return sum(worker.serves(queue) for worker in self.present)

    def serves(self, queue: str) -> bool:
        """Return whether any worker serves a queue, of ours or ARQ's own."""
        return queue in self.arq_queues or self.serving(queue) > 0

    @property
    def unserved(self) -> tuple[str, ...]:
        """Queues that no worker serves."""
        return tuple(queue for queue in self.queues if not self.serves(queue))


def start_command(queues: Iterable[str], *, are_all: bool = False) -> str:
    """The command that starts a worker of each of some queues. An ARQ application's needs the application.

    Args:
        queues: Their names.
        are_all: Whether these are all that there are.
    """
    ours, applications = [], False
    for queue in queues:
        if queue.startswith(APPLICATION):
            applications = True
        else:
            ours.append(queue)
    commands = ["python -m worker" if are_all else f"python -m worker {' '.join(ours)}"] if ours else []
    return " & ".join([*commands, APPLICATION_START] if applications else commands)


def _known(of: type[RunningJob] | type[WorkerRecord], told: dict[str, Any]) -> dict[str, Any]:
    names = {field.name for field in fields(of)}
    return {name: value for name, value in told.items() if name in names}


async def read_workers(redis: "Redis[bytes]") -> WorkerRegistry:
    """Read the workers that have lately sent a beat, the oldest first."""
    answer = await Script(redis, "read/workers")({"queues": QUEUES, "health_check": health_check_key_suffix})
    workers = sorted(map(WorkerRecord.from_json, answer["beats"]), key=lambda worker: worker.started_ms)
    # Ours write JSON there, for `arq --check`; a worker of ARQ's own a line of text.
    queues = tuple(answer["queues"])
    arq_queues = frozenset(
        queue for queue, said in zip(queues, answer["checks"], strict=True) if said and not said.startswith("{")
    )
    return WorkerRegistry(answer["now"], tuple(workers), arq_queues, queues)
