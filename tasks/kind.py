"""What a kind of job is, and what its function is given.

A kind's function is `async def run(run: Run[Params]) -> Result`. It may wait and fetch and store; whatever burns CPU or
reads a file that
a stranger sent goes through `run.sandbox`.
"""

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel

from tasks.settings import Settings
from tasks.storage import Storage

P = TypeVar("P", bound=BaseModel)


class Progress(Protocol):
    """Tells whoever watches how far the work is. Cheap: call it as often as you like, it is passed on a few times a
    second."""

    def __call__(self, done: int, total: int, note: str = "") -> None: ...


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
class File:
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
    files: tuple[File, ...] = ()


class Scratch(Protocol):
    """A place on this machine's disk for one attempt; whatever is in it is removed afterwards."""

    @property
    def folder(self) -> Path:
        """The folder, empty; made when first asked for."""
        ...


@dataclass(frozen=True, slots=True)
class Run(Generic[P]):
    """One attempt at a job, as its kind's function sees it."""

    job_id: str
    owner: str
    attempt: int
    params: P
    scratch: Scratch
    storage: Storage
    sandbox: Sandbox
    settings: Settings
    progress: Progress


@dataclass(frozen=True, slots=True)
class Kind(Generic[P]):
    """A kind of job. `run` is called once per attempt; `timeout_s` bounds one attempt as a whole, sandbox calls and
    transfers included."""

    name: str
    queue: str
    params: type[P]
    run: Callable[[Run[P]], Awaitable[Result]]
    timeout_s: float = 300.0
    retry: RetryPolicy = RetryPolicy()
