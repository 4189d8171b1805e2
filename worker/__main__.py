"""`python -m worker` runs the jobs of all queues; `python -m worker media reports` those of the queues named."""

import argparse
import gc
import sys

import structlog
import uvloop

from tasks.catalogue import KINDS
from tasks.queue.connect import describe_redis
from tasks.queue.redis_keys import QUEUES
from tasks.schedule.built_in import BUILT_IN
from tasks.settings import Settings, load
from tasks.telemetry import logs, tracing
from worker.arq_compat.worker import PressroomWorker
from worker.attempts.scratch import sweep
from worker.engine import Engine
from worker.resources import open_resources
from worker.sandbox.limits import keep_secrets

log = structlog.get_logger()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m worker", description=__doc__)
    parser.add_argument("queues", nargs="*", metavar="queue", help=f"{', '.join(QUEUES)}; all of them if none is named")
    parser.add_argument("--burst", action="store_true", help="stop when nothing is due any more")
    args = parser.parse_args()
    unknown = set(args.queues) - set(QUEUES)
    if unknown:
        parser.error(f"there is no queue {', '.join(sorted(unknown))}; there are {', '.join(QUEUES)}")
    try:
        settings = load()
        logs.configure(settings)
        tracing.configure(settings.otel_exporter_otlp_endpoint, "pressroom-worker")
        uvloop.run(work(settings, args.queues or list(QUEUES), burst=args.burst))
    except ValueError as error:
        print(f"worker: {error}", file=sys.stderr)  # noqa: T201 - before anything runs, for whoever starts it
        return 2
    return 0


async def work(settings: Settings, queues: list[str], *, burst: bool) -> None:
    """Open what is needed, say what was found, work until told to stop."""
    resources = open_resources(settings)
    concurrency = {queue: getattr(settings, f"{queue}_concurrency") for queue in queues}
    about = await describe_redis(resources.redis, settings.redis_url.get_secret_value())
    (log.warning if "error" in about else log.info)("worker.redis", **about)
    log.info("worker.storage", found=resources.storage.description)
    log.info("worker.queues", concurrency=concurrency)
    log.info("worker.scratch", folders_swept=sweep())
    keep_secrets()
    engine = Engine(
        resources.redis,
        settings,
        concurrency=concurrency,
        kinds=KINDS,
        storage=resources.storage,
        sandbox=resources.sandbox,
        outbound=resources.outbound,
        built_in=BUILT_IN,
    )
    # What is loaded by now stays: a full collection that walked it would hold up every job for some 35 ms.
    gc.collect()
    gc.freeze()
    try:
        await PressroomWorker(engine, resources.redis, settings, kinds=KINDS, burst=burst).async_run()
    finally:
        await resources.close()


if __name__ == "__main__":
    sys.exit(main())
