"""An `arq.worker.Worker` that runs the engine: ARQ's `run`, `async_run`, burst mode and signals, Pressroom's engine."""

from collections.abc import Mapping
from signal import SIGINT, Signals
from typing import Any

from arq.connections import ArqRedis
from arq.worker import Worker, func

from tasks.kind import Kind
from tasks.queue.redis_keys import arq_queue
from tasks.settings import Settings
from worker.arq_compat.runner import start_arq_job
from worker.engine import Engine


class EngineWorker(Worker):
    """Runs the engine where ARQ would poll. SIGTERM and SIGINT stop it gracefully, a SIGINT after either at once.

    Another SIGTERM changes nothing: platforms send several.

    Args:
        engine: The engine to run.
        redis: The connection that ARQ's worker holds.
        settings: Of which the grace period is read.
        kinds: The kinds by name.
        burst: Stop once nothing is due.
    """

    def __init__(
        self,
        engine: Engine,
        redis: ArqRedis,
        settings: Settings,
        *,
        kinds: Mapping[str, Kind[Any]],
        burst: bool = False,
    ) -> None:
        self._engine = engine
        self._stopping = False
        super().__init__(
            functions=[func(start_arq_job, name=name) for name in kinds],
            queue_name=arq_queue((*engine.queues, "default")[0]),
            redis_pool=redis,
            burst=burst,
            # A value above 0 selects ARQ's graceful signal handler, which is replaced below.
            job_completion_wait=max(1, int(settings.shutdown_grace_s)),
        )

    async def main(self) -> None:
        await self._engine.run(burst=self.burst)

    def handle_sig_wait_for_completion(self, signum: Signals) -> None:
        self._engine.stop(at_once=self._stopping and signum == SIGINT)
        self._stopping = True
