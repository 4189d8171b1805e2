"""Reads the WorkerSettings of an ARQ application, as the `arq` command does."""

import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, Final, Self

from arq.constants import default_queue_name, expires_extra_ms
from arq.cron import CronJob
from arq.jobs import Deserializer, Serializer
from arq.utils import import_string
from arq.worker import Function, Worker, get_kwargs

from tasks.queue.redis_keys import APPLICATION

OWN_PACKAGES: Final = () if __name__.startswith("pressroom.") else ("api", "tasks", "tools", "worker")
"""Top-level names that a checkout takes: modules of an application that are called so cannot be imported beside. The
wheel takes none of them: there this module is `pressroom.worker.application.worker_settings`."""

Hook = Callable[[dict[Any, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ApplicationSettings:
    """What the functions of an application are, and how they run, with ARQ's defaults."""

    functions: Mapping[str, Function | CronJob]
    cron_jobs: tuple[CronJob, ...] = ()
    queue_name: str = default_queue_name
    on_job_start: Hook | None = None
    on_job_end: Hook | None = None
    after_job_end: Hook | None = None
    max_jobs: int = 10
    job_timeout_s: float = 300
    keep_result_s: float = 3600
    keep_result_forever: bool = False
    poll_delay_s: float = 0.5
    max_tries: int = 5
    health_check_key: str | None = None
    retry_jobs: bool = True
    job_serializer: Serializer | None = None
    job_deserializer: Deserializer | None = None
    expires_extra_ms: int = expires_extra_ms
    timezone: tzinfo | None = None

    @classmethod
    def of(cls, worker: Worker) -> Self:
        """What a worker of ARQ's was made with, or has been given since."""
        own = {one.name for one in fields(cls)} - {"cron_jobs"}
        return cls(cron_jobs=tuple(worker.cron_jobs), **{name: getattr(worker, name) for name in own})

    @property
    def queue(self) -> str:
        """The name of its queue in Pressroom."""
        return APPLICATION + self.queue_name

    def keep_result_ms(self, name: str) -> int:
        """For how long results of a function are kept, in milliseconds; 0: not at all, -1: for ever."""
        function = self.functions.get(name)
        forever, seconds = self.keep_result_forever, self.keep_result_s
        if function is not None:
            forever = forever if function.keep_result_forever is None else function.keep_result_forever
            seconds = seconds if function.keep_result_s is None else function.keep_result_s
        return -1 if forever else int(seconds * 1000)

    def timeout_s(self, function: Function | CronJob) -> float:
        """Seconds that one try of a function may take."""
        return self.job_timeout_s if function.timeout_s is None else function.timeout_s

    def tries(self, function: Function | CronJob) -> int:
        """How often a function is tried at most."""
        return self.max_tries if function.max_tries is None else function.max_tries


def read_worker_settings(path: str, *, pickle: bool) -> dict[str, Any]:
    """Import the settings class of an application and read it.

    Args:
        path: As the `arq` command takes it, such as `myapp.worker.WorkerSettings`.
        pickle: Whether this process may open pickles.

    Returns:
        The arguments of a worker.

    Raises:
        ValueError: It cannot be imported or used; the message says why, and what to do.
    """
    given: dict[str, Any] = dict(get_kwargs(imported(path)))
    if not pickle and not (given.get("job_serializer") and given.get("job_deserializer")):
        raise ValueError(
            f"{path} has no job_serializer and job_deserializer, so ARQ writes jobs and results as pickles, which can "
            "run any code when they are opened. Either start the worker with --pickle, if all who can write to this "
            "Redis may run code here, or give WorkerSettings and your clients both functions, such as those of msgpack."
        )
    return given


def imported(path: str) -> Any:
    """The settings class.

    Raises:
        ValueError: It cannot be imported.
    """
    first, dot, _ = path.partition(".")
    if not dot:
        raise ValueError(f"--arq {path} is not of the form package.module.WorkerSettings.")
    if first in OWN_PACKAGES:
        raise ValueError(
            f"--arq {path}: {first!r} is a package of Pressroom itself in this folder. Install Pressroom's wheel into "
            f"your application's environment (docs/from-arq.md), and run `python -m pressroom.worker --arq {path}`."
        )
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.append(folder)
    try:
        return import_string(path)
    except Exception as error:  # whatever a module does when it is imported
        raise ValueError(f"--arq {path} cannot be imported: {type(error).__name__}: {error}") from error


def local_timezone() -> tzinfo | None:
    """The time zone of this machine, by which ARQ reads cron jobs."""
    return datetime.now().astimezone().tzinfo


async def call_hook(hook: Hook | None, ctx: dict[Any, Any]) -> None:
    """Call a hook of the application, if it has it."""
    if hook is not None:
        await hook(ctx)
