"""`python -m worker` runs the jobs of the queues in QUEUES; `python -m worker media:4 'crm-*:5'` those that it names.

`python -m worker --arq myapp.worker.WorkerSettings` runs the functions of an ARQ application (docs/from-arq.md).

`python -m worker restore` brings the last snapshot of endpoints and schedules back into a Redis that has lost its data;
`python -m worker adopt` makes the storage that of this Redis.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence

import uvloop
from redis.exceptions import RedisError

from tasks.catalogue import load_kinds
from tasks.outbound.client import VERSION
from tasks.queue.process_registry import ProcessRegistry
from tasks.queue.start_check import StartRefusedError, fault_of
from tasks.schedule.built_in import BUILT_IN
from tasks.settings import Settings, load
from tasks.settings.queues import QueueEntry, read_entries
from tasks.storage.protocol import StorageUnavailable
from tasks.telemetry import logs, tracing
from worker.application.command import check_application, work_application
from worker.application.worker_settings import read_worker_settings
from worker.arq_compat.engine_worker import EngineWorker
from worker.attempts.queue_plan import QueuePlan
from worker.check import check
from worker.commands import COMMANDS, run_command
from worker.engine import Engine
from worker.resources import open_resources
from worker.start import REFUSED_BY_SERVER, WRONG_SETTING, start


def main() -> int:
    """Run a worker process from the command line. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m worker", description=__doc__)
    parser.add_argument(
        "queues", nargs="*", metavar="queue", help="name, name:slots or pattern:slots, instead of QUEUES"
    )
    parser.add_argument("--burst", action="store_true", help="stop once nothing is due")
    parser.add_argument("--check", action="store_true", help="run nothing; status 0 if this host's workers are alive")
    parser.add_argument("--arq", metavar="SETTINGS", help="run an ARQ application: myapp.worker.WorkerSettings")
    parser.add_argument("--pickle", action="store_true", help="with --arq: open the pickles of its clients")
    parser.add_argument("--version", action="version", version=VERSION)
    args = parser.parse_args()
    if args.queues and args.queues[0] in COMMANDS:
        return _run_command(*args.queues)
    if args.arq and args.queues:
        parser.error("--arq runs the queue of its application: name no others")
    if args.pickle and not args.arq:
        parser.error("--pickle goes with --arq: workers of the service never open a pickle")
    try:
        settings = load()
        if args.arq:
            return _run_application(settings, args)
        if args.check:
            status, line = asyncio.run(check(settings))
            print(f"worker: {line}")  # noqa: T201 - a platform shows what its health check prints
            return status
        logs.configure(settings)
        tracing.configure(settings.otel_exporter_otlp_endpoint, "pressroom-worker")
        uvloop.run(work(settings, read_entries(args.queues) or settings.queues, burst=args.burst))
    except (ValueError, StartRefusedError) as error:
        print(f"worker: {error}", file=sys.stderr)  # noqa: T201 - nothing runs yet; the operator reads this
        return WRONG_SETTING if isinstance(error, ValueError) else REFUSED_BY_SERVER
    return 0


def _run_application(settings: Settings, args: argparse.Namespace) -> int:
    """Raises: ValueError, StartRefusedError: as the rest of `main`."""
    if args.check:
        return check_application(args.arq)
    given = read_worker_settings(args.arq, pickle=args.pickle)
    logs.configure(settings)
    tracing.configure(settings.otel_exporter_otlp_endpoint, "pressroom-worker")
    uvloop.run(work_application(args.arq, settings, given, burst=args.burst))
    return 0


def _run_command(name: str, *arguments: str) -> int:
    try:
        settings = load()
        print(uvloop.run(run_command(settings, load_kinds(settings), name, arguments)))  # noqa: T201
    except RedisError as error:
        print(f"worker: {fault_of(error)}", file=sys.stderr)  # noqa: T201
        return REFUSED_BY_SERVER
    except (ValueError, StorageUnavailable, OSError) as error:
        print(f"worker: {error}".partition("\n")[0], file=sys.stderr)  # noqa: T201
        return WRONG_SETTING if isinstance(error, ValueError) else REFUSED_BY_SERVER
    return 0


async def work(settings: Settings, queues: Sequence[QueueEntry], *, burst: bool) -> None:
    """Open the resources, log what was found, and run jobs until stopped.

    Args:
        settings: The settings of the process.
        queues: The queues to serve; none are those that are always there.
        burst: Stop once nothing is due.
    """
    kinds = load_kinds(settings)
    resources = open_resources(settings, kinds)
    plan = QueuePlan(queues, settings)
    concurrency = plan.slots().concurrency
    registry = ProcessRegistry(resources.redis, settings)
    await start(resources, registry, settings, concurrency=concurrency, kinds=list(kinds))
    engine = Engine(
        resources,
        settings,
        concurrency=concurrency,
        kinds=kinds,
        built_in=BUILT_IN,
        registry=registry,
        plan=plan,
    )
    try:
        await EngineWorker(engine, resources.redis, settings, kinds=kinds, burst=burst).async_run()
    finally:
        await resources.close()


if __name__ == "__main__":
    sys.exit(main())
