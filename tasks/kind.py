"""What a kind of job is, and what its function is given.

A kind's function is `async def run(job: JobContext[Params]) -> Result`. It may wait, fetch and store. Work that burns
CPU, or reads a file that a user sent, goes through `job.sandbox`.
"""

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar, get_args

from pydantic import BaseModel
from redis.asyncio import Redis

from tasks.outbound.protocol import Outbound
from tasks.progress import AttemptProgress, Progress
from tasks.settings import Settings
from tasks.storage.protocol import Storage

P = TypeVar("P", bound=BaseModel)


class Sandbox(Protocol):
    """Runs functions in child processes with limits on time and memory. `worker.sandbox` implements it."""

    async def call(
        self,
        function: str,
        *args: Any,
        seconds: float,
        memory_mb: int,
        progress: Progress | None = None,
    ) -> Any:
        """Run a function in a child process. Cancelling the call kills the child at once.

        Args:
            function: "package.module:name". It is called with `args` and the keyword `report`, a `Progress`; and, if it
                has such parameters, `admit`, a `tasks.admission.Admit` with which it asks for more memory, and `cores`,
                how many it may use: those of the sandbox if nothing else ran in it when the call began, else one.
            *args: None, bool, int, float, str, bytes, and lists and string-keyed dicts of these. Files go by path, in
                the scratch folder. One call of an attempt runs at a time.
            seconds: Wall-clock time after which the child is killed.
            memory_mb: Megabytes that the work is expected to need. The call waits until they fit the budget that all
                calls share.
            progress: Receives what the function reports.

        Returns:
            What the function returned, of the same types as `args`.

        Raises:
            Refusal: The function raised it.
            SandboxDeath: The child was killed or died: `timed_out`, `out_of_memory` or `crashed`.
            OSError: The disk is full.
            RuntimeError: The function raised another exception, whose traceback is the message.
        """
        ...


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential delays between the attempts at a job.

    Attributes:
        max_tries: Attempts at most, the first one included.
        first_delay_s: Seconds before the second attempt.
        factor: How much longer each delay is than the one before.
        max_delay_s: Seconds that a delay lasts at most, before the jitter.
        jitter: By which share a delay may be shorter or longer, at random.
    """

    max_tries: int = 5
    first_delay_s: float = 2.0
    factor: float = 4.0
    max_delay_s: float = 3600.0
    jitter: float = 0.1

    def delay_s(self, tries: int, chance: Callable[[], float] = random.random) -> float:
        """Seconds to wait before the next attempt.

        Args:
            tries: How many attempts have failed: 1, 2, …
            chance: Returns a number in [0, 1), which is spread over ± jitter.
        """
        delay = min(self.first_delay_s * self.factor ** min(tries - 1, 64), self.max_delay_s)
        return delay * (1 + self.jitter * (2 * chance() - 1))


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """Fixed delays between the attempts at a job.

    Attributes:
        delays_s: Seconds before the second attempt, the third and so on.
        jitter: By which share a delay may be longer, at random.
    """

    delays_s: tuple[float, ...]
    jitter: float = 0.1

    @property
    def max_tries(self) -> int:
        """Attempts at most, the first one included."""
        return len(self.delays_s) + 1

    def delay_s(self, tries: int, chance: Callable[[], float] = random.random) -> float:
        """Seconds to wait before the next attempt.

        Args:
            tries: How many attempts have failed: 1, 2, …
            chance: Returns a number in [0, 1).
        """
        return self.delays_s[tries - 1] * (1 + self.jitter * chance())


class TryAgain(Exception):  # noqa: N818 - an outcome
    """The attempt failed in a way that was expected. The kind's retry policy says whether and when there is another.

    Attributes:
        code: A key of `tasks.refusal.CODES`.
        message: Plain sentences that say what happened.
        after_s: Seconds to wait at least.
    """

    def __init__(self, code: str, message: str, *, after_s: float = 0) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.after_s = after_s


@dataclass(slots=True)
class Notes:
    """What a function says of its attempt besides its result.

    Attributes:
        about: Facts that are kept with the attempt in the record.
        receiver_ok: Whether the receiver that the lane belongs to answered as it should; None if there is none. After
            several failures in a row the lane is parked for a while.
        timed_out: Whether the receiver did not answer in time. Until it answers, its lane has one job at a time.
        pause_s: Seconds for which the receiver asked to be left alone.
        cpu_ms: Milliseconds of CPU time that its calls took in the sandbox.
        exchange: What it sent and received, as JSON without secrets. Kept in the storage if the attempt failed.
        progress: The last progress that it reported. The executor sets it.
    """

    about: dict[str, Any] = field(default_factory=dict)
    receiver_ok: bool | None = None
    timed_out: bool = False
    pause_s: float = 0
    cpu_ms: int = 0
    exchange: bytes | None = None
    progress: Mapping[str, int | str] | None = None


@dataclass(frozen=True, slots=True)
class OutputFile:
    """One output of a job: a name that points to a blob.

    Attributes:
        name: The file's name, unique within the job.
        blob: The SHA-256 of its bytes.
        type: Its media type.
        bytes: Its size.
        about: What the kind knows of it, such as width and height.
    """

    name: str
    blob: str
    type: str
    bytes: int
    about: Mapping[str, Any] = field(default_factory=dict)


def variant_of(file_name: str) -> str:
    """Which of a job's outputs a file is: its name without the ending, such as the name of a picture's variant."""
    return file_name.rpartition(".")[0] or file_name


@dataclass(frozen=True, slots=True)
class Result:
    """What a job leaves.

    Attributes:
        value: A JSON object for the record.
        files: Its outputs. Clients see all of them, or none if the job failed.
    """

    value: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[OutputFile, ...] = ()


class Reader(Protocol):
    """Reads Redis hashes for many jobs: all reads of one turn of the event loop take one round trip."""

    async def hash(self, key: str) -> Mapping[bytes, bytes]:
        """The whole hash; empty if there is none."""
        ...


class Scratch(Protocol):
    """A place on this machine's disk for one attempt. It is removed afterwards."""

    @property
    def folder(self) -> Path:
        """The folder, empty; made when first asked for."""
        ...


@dataclass(frozen=True, slots=True)
class JobContext(Generic[P]):
    """One attempt at a job, as its kind's function sees it.

    Attributes:
        job_id: The job's id, the same in all attempts.
        owner: Whose job it is.
        attempt: 1 for the first attempt.
        params: What the job is asked for, as the kind's model.
        scratch: A folder on this machine's disk, removed after the attempt.
        redis: The service's Redis.
        reader: Reads Redis hashes for many jobs in one round trip.
        storage: Where files are.
        sandbox: Runs a function in a child process with limits.
        outbound: HTTP to URLs that users name, guarded.
        settings: Those of the process.
        progress: Tells clients how far the work is.
        notes: What the attempt leaves in the record besides its result.
        kinds: All kinds of this process, by name.
    """

    job_id: str
    owner: str
    attempt: int
    params: P
    scratch: Scratch
    redis: "Redis[bytes]"
    reader: Reader
    storage: Storage
    sandbox: Sandbox
    outbound: Outbound
    settings: Settings
    progress: AttemptProgress
    notes: Notes
    kinds: Mapping[str, "Kind[Any]"] = field(default_factory=dict)


LimitOption = Literal["deadline", "start_within", "timeout_s", "max_tries"]
UniqueOption = Literal["unique", "debounce", "throttle"]
SubmitOption = Literal[
    "name",
    "priority",
    "queue",
    "delay",
    "run_at",
    "after",
    "run_if",
    "results",
    "batch",
    "notify",
    LimitOption,
    UniqueOption,
]
SUBMIT_OPTIONS: frozenset[SubmitOption] = frozenset(get_args(SubmitOption))
"""Everything that `POST /v1/jobs` may say of a job besides its kind and params."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[P]):
    """All that is known of a kind of job.

    Attributes:
        name: As records, filters and `POST /v1/jobs` have it: lower-case letters, digits, `-` and `_`.
        queue: One of `tasks.queue.redis_keys.QUEUES`.
        params: The model of what a job is asked for.
        run: Called once per attempt.
        timeout_s: Seconds that one attempt may take as a whole, sandbox calls and transfers included. A submit may ask
            for fewer.
        retry: How often, and after how long, an attempt that failed is repeated. A submit may ask for fewer tries.
        retries_last: Whether first attempts in a lane go before repeated ones.
        io_bound: Whether it only waits for sockets, and so cannot kill its worker: it computes nothing of size, here or
            in the sandbox. The deaths of workers are not counted against its jobs.
        preload: Modules that the sandbox imports before it forks children, such as those that a call runs.
        submittable: Whether `POST /v1/jobs` may submit it.
        submit_options: What a `POST /v1/jobs` of this kind may say besides its params.
        in_activity_report: Whether the report about the last day names it, instead of counting it as `other`.
        upkeep: Whether it is the service's own work, such as a cleanup: it is accepted when queues, or Redis, are full.
    """

    name: str
    queue: str
    params: type[P]
    run: Callable[[JobContext[P]], Awaitable[Result]]
    timeout_s: float = 300.0
    retry: RetryPolicy | RetrySchedule = RetryPolicy()
    retries_last: bool = False
    io_bound: bool = False
    preload: tuple[str, ...] = ()
    submittable: bool = False
    submit_options: frozenset[SubmitOption] = SUBMIT_OPTIONS
    in_activity_report: bool = True
    upkeep: bool = False


def counted(kinds: Mapping[str, Kind[Any]]) -> tuple[str, ...]:
    """The kinds whose jobs an owner may have waiting in a limited number; deliveries are counted apart."""
    return tuple(kind.name for kind in kinds.values() if not kind.upkeep and kind.name != "delivery")


def io_bound(kinds: Mapping[str, Kind[Any]]) -> dict[str, bool]:
    """The kinds that cannot kill a worker, as scripts are told of them: name → True."""
    return {kind.name: True for kind in kinds.values() if kind.io_bound}
