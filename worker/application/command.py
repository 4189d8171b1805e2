"""`python -m worker --arq myapp.worker.WorkerSettings`: runs the functions of an ARQ application."""

from arq.worker import check_health

from tasks.catalogue import load_kinds
from tasks.queue.process_registry import ProcessRegistry
from tasks.schedule.built_in import BUILT_IN
from tasks.settings import Settings
from worker.application.application import ArqApplication
from worker.application.connection import check_same_redis
from worker.application.worker_settings import ApplicationSettings, imported
from worker.arq_compat.worker import PressroomWorker
from worker.engine import Engine
from worker.resources import open_resources
from worker.start import start


def check_application(path: str) -> int:
    """As `arq --check`: 0 if a worker of the application has lately said that it lives.

    Raises:
        ValueError: The application cannot be imported.
    """
    return check_health(imported(path))


async def work_application(settings: Settings, application: ApplicationSettings, *, burst: bool) -> None:
    """Open the resources, run `on_startup`, run jobs until stopped, and run `on_shutdown`.

    Args:
        settings: The settings of the process.
        application: The WorkerSettings of the application.
        burst: Stop once nothing is due.
    """
    if application.job_completion_wait > 0:
        settings = settings.model_copy(update={"shutdown_grace_s": application.job_completion_wait})
    kinds = load_kinds(settings)
    resources = open_resources(settings, kinds)
    concurrency = {application.queue: application.max_jobs}
    registry = ProcessRegistry(resources.redis, settings)
    try:
        await start(resources, registry, settings, concurrency=concurrency, kinds=sorted(application.functions))
        await check_same_redis(application, resources.redis)
        running = ArqApplication(application, resources.redis)
        await running.open()
        engine = Engine(
            resources,
            settings,
            concurrency=concurrency,
            kinds=kinds,
            built_in=BUILT_IN,
            registry=registry,
            application=running,
        )
        try:
            await PressroomWorker(engine, resources.redis, settings, kinds=kinds, burst=burst).async_run()
        finally:
            await running.close()
    finally:
        await resources.close()
