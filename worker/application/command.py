"""`python -m worker --arq myapp.worker.WorkerSettings`: runs the functions of an ARQ application."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from arq.worker import check_health

from tasks.settings import Settings
from worker.application.pressroom_worker import PressroomWorker
from worker.application.worker_settings import imported


def check_application(path: str) -> int:
    """As `arq --check`: 0 if a worker of the application has lately said that it lives.

    Raises:
        ValueError: The application cannot be imported.
    """
    return check_health(imported(path))


async def work_application(path: str, settings: Settings, given: Mapping[str, Any], *, burst: bool) -> None:
    """Open the resources, run `on_startup`, run jobs until stopped, and run `on_shutdown`.

    Args:
        path: How the application's settings class was named.
        settings: The settings of the process.
        given: What is in the class.
        burst: Stop once the queue is empty.

    Raises:
        ValueError: The class cannot be used; the message says why.
    """
    try:
        worker = PressroomWorker(**{**given, **({"burst": True} if burst else {}), "settings": settings})
    except (RuntimeError, TypeError, ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
    try:
        with contextlib.suppress(asyncio.CancelledError):  # by a signal before the engine runs
            await worker.async_run()
    finally:
        await worker.close()
