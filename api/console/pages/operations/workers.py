"""Workers: who is alive, what each of them runs since when, and how it fares."""

import asyncio

from fastapi import Response

from api.console import troubles
from api.console.visit import ConsoleRouter, Visit

router = ConsoleRouter()

RUNNING_SHOWN = 50


@router.page("/workers")
async def show_workers(visit: Visit) -> Response:
    """All workers that have lately sent a heartbeat, and the jobs that they run."""
    found, queues = await asyncio.gather(visit.api.find("/v1/workers"), visit.api.find("/v1/queues"))
    if found is None or queues is None:
        return visit.show("workers/forbidden.html")
    workers, listed = found["workers"], queues["queues"]
    running = [(job, worker) for worker in workers for job in worker["doing"]]
    unserved = [queue["name"] for queue in listed if not queue["served"]]
    return visit.show(
        "workers/page.html",
        workers=workers,
        running=sorted(running, key=lambda pair: str(pair[0]["since"]))[:RUNNING_SHOWN],
        is_cut=sum(worker["running"] for worker in workers) > RUNNING_SHOWN,
        troubles=troubles.once_each(troubles.of_workers(workers, listed, visit.t)),
        unserved=unserved,
        jobs_url=troubles.jobs_url,
    )
