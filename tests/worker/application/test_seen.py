"""What people and programs see of an ARQ application's jobs: the API, the console and the metrics."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from arq.connections import ArqRedis

from tasks.queue.records.list import read
from tasks.queue.records.record import State
from tasks.settings import Settings
from tests.support.api.serving import ALICE, KEYS, client_of, serving
from tests.support.console.browsers import send_form, shown, signed_in
from tests.support.eventually import eventually
from tests.worker.application.conftest import QUEUE
from tests.worker.application.test_functions import enqueue, result
from tools.servers import Valkey


def settings_for(valkey: Valkey) -> Settings:
    return Settings(
        _env_file=None,
        redis_url=valkey.url,
        storage_url="memory://",
        api_keys=KEYS,
        admins="alice",
        secret_key="k" * 32,
    )


async def test_jobs_are_seen_in_the_api_the_console_and_the_metrics(customer: ArqRedis, open_bookshop: Valkey) -> None:
    settings = settings_for(open_bookshop)
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
    assert 'pressroom_jobs_ended_total{kind="add",state="succeeded"}' in metrics
    assert 'kind="bookbinding"' not in metrics, "no worker has announced it"
    assert page.status_code == 200
    assert "half leather" in page.text
    assert [one.status_code for one in pages] == [200] * 3


async def test_its_queue_is_seen_paused_and_resumed(customer: ArqRedis, open_bookshop: Valkey) -> None:
    settings = settings_for(open_bookshop)
    path, of_queue = f"/v1/queues/arq%2F{QUEUE}", f"/console/queues/arq/{quote(QUEUE)}"
    async with serving(settings) as port, client_of(port, ALICE) as alice, signed_in(port) as browser:
        names = [queue["name"] for queue in (await alice.get("/v1/queues")).json()["queues"]]
        queue = (await alice.get(path)).json()
        gone = await alice.get("/v1/queues/arq%2Fnone")
        refused = await alice.put(path, json={"max_running": 3})
        paused = await alice.post(f"{path}/pause", json={"reason": "stocktaking"})
        try:
            job = await enqueue(customer, "add", 20, 22)

            async def waits() -> bool:
                record = await read(customer, job.job_id)
                return record is not None and record.state is State.QUEUED

            await eventually(waits)
            told = (await alice.get(f"/v1/jobs/{job.job_id}")).json()["waiting_for"]
            lanes = (await alice.get(f"/v1/queues/arq/{QUEUE}/lanes")).json()["lanes"]
            page = await shown(browser, f"/console/queues/arq/{QUEUE}")
            overview = await shown(browser, "/console/queues")
            metrics = (await alice.get("/metrics")).text
        finally:
            await send_form(browser, await shown(browser, "/console/queues"), f"{of_queue}/resume")
        assert await result(job) == 42
        after = (await alice.get(path)).json()
    assert names.count(f"arq/{QUEUE}") == 1
    assert (queue["served"], queue["workers"], queue["made_by"], gone.status_code) == (True, 1, "system", 404)
    assert (refused.status_code, "max_jobs in its WorkerSettings" in refused.json()["detail"]) == (422, True)
    assert (paused.json()["paused"], after["paused"]) == (True, False)
    assert "paused_queue" in [one["reason"] for one in told]
    assert "function:add" in [lane["name"] for lane in lanes]
    assert "stocktaking" in page
    assert f"{of_queue}/pause" not in page, "it is paused"
    assert f"{of_queue}/change" not in page, "the API refuses it"
    assert f'href="{of_queue}"' in overview
    assert f'pressroom_queue_paused{{queue="arq/{QUEUE}"}} 1.0' in metrics
