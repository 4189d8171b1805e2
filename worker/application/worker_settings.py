"""Reads the WorkerSettings of an ARQ application, as the `arq` command does."""

import inspect
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, Final

from arq.connections import RedisSettings
from arq.constants import default_queue_name, expires_extra_ms
from arq.cron import CronJob
from arq.jobs import Deserializer, Serializer
from arq.utils import import_string, to_seconds
from arq.worker import Function, Worker, func, get_kwargs

from tasks.queue.redis_keys import APPLICATION

OWN_PACKAGES: Final = () if __name__.startswith("pressroom.") else ("api", "tasks", "tools", "worker")
"""Top-level names that a checkout takes: modules of an application that are called so cannot be imported beside. The
wheel takes none of them: there this module is `pressroom.worker.application.worker_settings`."""

Hook = Callable[[dict[Any, Any]], Awaitable[None]]

UNSUPPORTED: Final[Mapping[str, str]] = {
    "redis_pool": "connections are made by the worker: name the Redis in redis_settings, or in REDIS_URL",
    "handle_signals": "the worker is a process of its own, and handles signals: remove it",
    "max_burst_jobs": "a burst runs all that is due: remove it",
    "queue_name": "it is None, which needs a redis_pool: name the queue",
}
"""What ARQ knows and an application of Pressroom cannot have, and what to do instead."""
HAS_NO_EFFECT: Final = ("queue_read_limit", "health_check_interval", "allow_abort_jobs", "log_results", "burst")
"""What ARQ's own worker needs and this one does not: claims are bounded, it beats every five seconds, and any job can
be aborted. `burst` is an option of the command."""


@dataclass(frozen=True, slots=True)
class ApplicationSettings:
    """The WorkerSettings of an application, with ARQ's defaults."""

    functions: Mapping[str, Function | CronJob]
    cron_jobs: tuple[CronJob, ...] = ()
    queue_name: str = default_queue_name
    redis_settings: RedisSettings | None = None
    on_startup: Hook | None = None
    on_shutdown: Hook | None = None
    on_job_start: Hook | None = None
    on_job_end: Hook | None = None
    after_job_end: Hook | None = None
    job_completion_wait: int = 0
    max_jobs: int = 10
    job_timeout_s: float = 300
    keep_result_s: float = 3600
    keep_result_forever: bool = False
    poll_delay_s: float = 0.5
    max_tries: int = 5
    health_check_key: str | None = None
    ctx: Mapping[Any, Any] = field(default_factory=dict)
    retry_jobs: bool = True
    job_serializer: Serializer | None = None
    job_deserializer: Deserializer | None = None
    expires_extra_ms: int = expires_extra_ms
    timezone: tzinfo | None = None

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


def read_worker_settings(path: str, *, pickle: bool) -> ApplicationSettings:
    """Import the settings class of an application and read it.

    Args:
        path: As the `arq` command takes it, such as `myapp.worker.WorkerSettings`.
        pickle: Whether this process may open pickles.

    Raises:
        ValueError: It cannot be imported or used; the message says why, and what to do.
    """
    given: dict[str, Any] = dict(get_kwargs(imported(path)))
    signature = inspect.signature(Worker).parameters
    changed = {name: value for name, value in given.items() if value != signature[name].default}
    for name, cure in UNSUPPORTED.items():
        if name in changed and (name != "queue_name" or changed[name] is None):
            raise ValueError(f"{path}: {name} is not supported: {cure}.")
    _check_serializers(path, changed, pickle=pickle)
    cron_jobs = tuple(changed.pop("cron_jobs", None) or ())
    if not all(isinstance(one, CronJob) for one in cron_jobs):
        raise ValueError(f"{path}: each of cron_jobs is to be made by arq.cron.cron.")
    try:
        functions = {one.name: one for one in map(func, changed.pop("functions", ()))}
        all_functions = {**functions, **{one.name: one for one in cron_jobs}}
        for name in ("job_timeout", "keep_result", "poll_delay"):
            if name in changed:
                changed[f"{name}_s"] = to_seconds(changed.pop(name))
    except (RuntimeError, TypeError, ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
    if not all_functions:
        raise ValueError(f"{path}: at least one function or cron job is needed.")
    options = {name: value for name, value in changed.items() if name not in HAS_NO_EFFECT and value is not None}
    return ApplicationSettings(all_functions, cron_jobs, **options)


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


def _check_serializers(path: str, given: Mapping[str, Any], *, pickle: bool) -> None:
    if not pickle and not (given.get("job_serializer") and given.get("job_deserializer")):
        raise ValueError(
            f"{path} has no job_serializer and job_deserializer, so ARQ writes jobs and results as pickles, which can "
            "run any code when they are opened. Either start the worker with --pickle, if all who can write to this "
            "Redis may run code here, or give WorkerSettings and your clients both functions, such as those of msgpack."
        )


async def call_hook(hook: Hook | None, ctx: dict[Any, Any]) -> None:
    """Call a hook of the application, if it has it."""
    if hook is not None:
        await hook(ctx)
