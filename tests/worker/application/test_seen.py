"""What people and programs see of an ARQ application's jobs: the API, the console and the metrics."""

from datetime import UTC, datetime, timedelta

from arq.connections import ArqRedis

from tasks.queue.records.list import read
from tasks.settings import Settings
from tests.support.api.serving import ALICE, KEYS, client_of, serving
from tests.support.console.browsers import signed_in
from tests.support.eventually import eventually
from tests.worker.application.conftest import QUEUE
from tests.worker.application.test_functions import enqueue, result
from tools.servers import Valkey


async def test_jobs_are_seen_in_the_api_the_console_and_the_metrics(customer: ArqRedis, open_bookshop: Valkey) -> None:
    settings = Settings(
        _env_file=None,
        redis_url=open_bookshop.url,
        storage_url="memory://",
        api_keys=KEYS,
        admins="alice",
        secret_key="k" * 32,
    )
    # Nobody has this function, and it has been due for longer than others are waited for.
    past = datetime.now(tz=UTC) - timedelta(minutes=2)
    lost = await enqueue(customer, "bookbinding", "half leather", _defer_until=past)
    async with serving(settings) as port, client_of(port, ALICE) as alice:
        done = await enqueue(customer, "add", 1, 2)
        assert await result(done) == 3
        await eventually(lambda: read(customer, lost.job_id))

        listed = {job["id"]: job for job in (await alice.get("/v1/jobs?owner=system")).json()["jobs"]}
        whole = (await alice.get(f"/v1/jobs/{done.job_id}")).json()
        waiting = (await alice.get(f"/v1/jobs/{lost.job_id}")).json()
        metrics = (await alice.get("/metrics")).text
        async with signed_in(port) as browser:
            page = await browser.get(f"/console/jobs/{lost.job_id}")
            pages = [await browser.get(path) for path in ("/console", "/console/jobs?owner=system", "/console/queues")]

    assert listed[done.job_id]["kind"] == "add"
    assert (whole["queue"], whole["result"]) == (f"arq/{QUEUE}", {"value": 3})
    assert (waiting["state"], waiting["kind"]) == ("queued", "bookbinding")
    assert [one["reason"] for one in waiting["waiting_for"]] == ["no_worker"]
    assert 'kind="other"' in metrics
    assert page.status_code == 200
    assert "half leather" in page.text
    assert [one.status_code for one in pages] == [200] * 3
