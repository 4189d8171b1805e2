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
from tasks.progress import Progress
from tasks.settings import Settings
from tasks.storage.protocol import Storage

P = TypeVar("P", bound=BaseModel)


class Sandbox(Protocol):
    """Runs a function in a child process that can be killed, with limits on its time and memory (built in
    `worker.sandbox`)."""

    async def call(
        self,
        function: str,
        *args: Any,
        seconds: float,
        memory_mb: int,
        progress: Progress | None = None,
    ) -> Any:
        """Run `function` ("package.module:name") with `args` in a child and return what it returns.

        args and the answer: None, bool, int, float, str, bytes, lists and string-keyed dicts of these (they cross as
        msgpack). Files go by path.
        seconds: wall-clock time after which the child is killed. memory_mb: what the work is expected to need; it waits
        until that fits
        the budget that all calls share. The function is called with one keyword more, `report`, a Progress; progress
        receives what it says.
        Cancelling the call kills the child at once.

        Raises: the `Refusal` that the function raised; `SandboxDeath` (`timed_out`, `out_of_memory`, `crashed`);
        `RuntimeError` with the
        child's traceback for any other exception in it.
        """
        ...


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, and after how long, a job that raised is tried again. Exponential, with jitter, clamped."""

    max_tries: int = 5
    first_delay_s: float = 2.0
    factor: float = 4.0
    max_delay_s: float = 3600.0
    jitter: float = 0.1

    def delay_s(self, tries: int, chance: Callable[[], float] = random.random) -> float:
        """Seconds to wait after the `tries`-th failed try (1, 2, …). chance: a number in [0, 1), spread over ±
        jitter."""
        delay = min(self.first_delay_s * self.factor ** min(tries - 1, 64), self.max_delay_s)
        return delay * (1 + self.jitter * (2 * chance() - 1))


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """The delays before the second try, the third and so on, in seconds, with jitter that only adds."""

    delays_s: tuple[float, ...]
    jitter: float = 0.1

    @property
    def max_tries(self) -> int:
        return len(self.delays_s) + 1

    def delay_s(self, tries: int, chance: Callable[[], float] = random.random) -> float:
        """Seconds to wait after the `tries`-th failed try (1, 2, …). chance: a number in [0, 1)."""
        return self.delays_s[tries - 1] * (1 + self.jitter * chance())


class TryAgain(Exception):  # noqa: N818 - an outcome
    """This try failed in a way that the function foresaw; its kind's policy says whether and when there is another.

    code: a key of `tasks.refusal.CODES`. after_s: seconds to wait at least.
    """

    def __init__(self, code: str, message: str, *, after_s: float = 0) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.after_s = after_s


@dataclass(slots=True)
class Notes:
    """What a function says of its attempt besides how it ended.

    about: kept with the attempt in the record. well: whether the lane's receiver answered as it should; None says
    nothing. Failures in a row park the lane for a while. pause_s: seconds for which the receiver asked to be left
    alone.
    """

    about: dict[str, Any] = field(default_factory=dict)
    receiver_ok: bool | None = None
    pause_s: float = 0


@dataclass(frozen=True, slots=True)
class OutputFile:
    """One output of a job: a name that points to a blob. `about` holds what the kind knows of it, such as width and
    height."""

    name: str
    blob: str
    type: str
    bytes: int
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """What a job leaves: a JSON value for its record, and files, all or none."""

    value: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[OutputFile, ...] = ()


class Reader(Protocol):
    """Reads Redis hashes for many jobs at once: what is asked for in one turn of the event loop goes in one trip."""

    async def hash(self, key: str) -> Mapping[bytes, bytes]:
        """The whole hash; empty if there is none."""
        ...


class Scratch(Protocol):
    """A place on this machine's disk for one attempt; whatever is in it is removed afterwards."""

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
    progress: Progress
    notes: Notes
    kinds: Mapping[str, "Kind[Any]"] = field(default_factory=dict)


SubmitOption = Literal["name", "priority", "delay", "run_at", "after", "batch", "notify"]
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
        timeout_s: Seconds that one attempt may take as a whole, sandbox calls and transfers included.
        retry: How often, and after how long, an attempt that failed is repeated.
        retries_last: Whether first attempts in a lane go before repeated ones.
        preload: Modules that the sandbox imports before it forks children, such as those that a call runs.
        submittable: Whether `POST /v1/jobs` may submit it.
        submit_options: What a `POST /v1/jobs` of this kind may say besides its params.
        in_activity_report: Whether the report about the last day names it, instead of counting it as `other`.
    """

    name: str
    queue: str
    params: type[P]
    run: Callable[[JobContext[P]], Awaitable[Result]]
    timeout_s: float = 300.0
    retry: RetryPolicy | RetrySchedule = RetryPolicy()
    retries_last: bool = False
    preload: tuple[str, ...] = ()
    submittable: bool = False
    submit_options: frozenset[SubmitOption] = SUBMIT_OPTIONS
    in_activity_report: bool = True
