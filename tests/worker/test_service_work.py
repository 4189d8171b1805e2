"""The service's own work goes on in a paused queue, and where users' jobs take every slot."""

import json
from pathlib import Path

from arq.connections import ArqRedis

from tasks.maintenance.bulk import BulkParams
from tasks.queue.jobs.submission import Submission
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.records.indexes import of_kind
from tasks.queue.records.record import State
from tasks.settings import SYSTEM
from tests.support.receivers import Receiver
from tests.support.webhook_harness import delivering


async def test_a_paused_queue_fans_events_out_cancels_in_bulk_and_checks_alerts(redis: ArqRedis) -> None:
    async with Receiver() as receiver, delivering(redis) as webhooks:
        endpoint, _ = await webhooks.subscribe(receiver.url)
        await LaneControls(redis).pause("default")
        waiting = await webhooks.job_client.submit("nothing", owner="another")
        event = await webhooks.publish()
        assert (await webhooks.delivered(event, endpoint)).state is State.SUCCEEDED
        for kind, owner, params in (
            ("alerts", SYSTEM, "{}"),
            (
                "bulk",
                "another",
                BulkParams(
                    verb="cancellation", job_indexes=(of_kind("another", "nothing"),), states=(State.QUEUED,)
                ).model_dump_json(exclude_none=True),
            ),
        ):
            submitted = await webhooks.job_client.enqueuer.enqueue(Submission(kind, "default", owner, params))
            assert (await webhooks.job_client.ended(submitted.job_id)).state is State.SUCCEEDED
        assert (await webhooks.job_client.read(waiting)).state is State.CANCELLED
        await LaneControls(redis).resume("default")


async def test_users_jobs_that_take_every_slot_do_not_hold_it_up(redis: ArqRedis, tmp_path: Path) -> None:
    async with Receiver() as receiver, delivering(redis) as webhooks:
        endpoint, _ = await webhooks.subscribe(receiver.url)
        file = tmp_path / "go on"
        busy = [await webhooks.job_client.submit("tell", owner="another", file=str(file)) for _ in range(10)]
        for job_id in busy:
            await webhooks.job_client.until(job_id, State.RUNNING)
        event = await webhooks.publish("a.b", json.loads("{}"))
        assert (await webhooks.delivered(event, endpoint)).state is State.SUCCEEDED
        file.touch()
        for job_id in busy:
            await webhooks.job_client.ended(job_id)
