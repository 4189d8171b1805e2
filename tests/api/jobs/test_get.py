"""GET /v1/jobs/{id} and GET /v1/jobs: who sees what."""

import httpx
import pytest
from arq.connections import ArqRedis

from api.jobs.views import Job
from tasks.kind import OutputFile, Result
from tasks.queue.redis_keys import JOB
from tasks.thumbnail.kind import THUMBNAIL
from tests.support.api.manual_worker import WORKER, ManualWorker
from tests.support.api.pictures import PNG


async def submit(client: httpx.AsyncClient, number: int = 0) -> str:
    answer = await client.post("/v1/images", content=PNG + bytes([number]))
    assert answer.status_code == 202
    job_id: str = answer.json()["id"]
    return job_id


async def test_a_waiting_job_says_when_to_ask_again(alice: httpx.AsyncClient) -> None:
    answer = await alice.get(f"/v1/jobs/{await submit(alice)}")
    assert answer.status_code == 200
    assert answer.json()["state"] == "queued"
    assert answer.headers["Retry-After"] == "1"
    assert answer.headers["Cache-Control"] == "no-store"


async def test_a_job_that_succeeded_tells_its_story(alice: httpx.AsyncClient, worker: ManualWorker) -> None:
    job_id = await submit(alice)
    file = OutputFile("small.jpg", "ab" * 32, "image/jpeg", 1234, {"width": 256, "height": 171})
    await worker.end(job_id, result=Result({"picture": {"width": 2725}}, (file,)))
    answer = await alice.get(f"/v1/jobs/{job_id}")
    job = Job.model_validate_json(answer.content)
    assert "Retry-After" not in answer.headers
    assert (job.state, job.error) == ("succeeded", None)
    assert job.result is not None
    assert job.result["picture"] == {"width": 2725}
    assert [(one.number, one.worker, one.outcome) for one in job.attempts] == [(1, WORKER, "succeeded")]
    assert job.created_at <= job.attempts[0].started_at
    assert job.max_tries == THUMBNAIL.retry.max_tries == 4, "of an ended job too"
    assert job.finished_at is not None
    assert job.expires_at is not None
    assert job.expires_at > job.finished_at >= job.created_at
    [shown] = job.files
    assert (shown.name, shown.sha256, shown.bytes, shown.about) == (file.name, file.blob, file.bytes, file.about)
    assert shown.url == f"{job.links.self}/files/small.jpg"
    assert (shown.name, shown.variant) == ("small.jpg", "small")


async def test_times_are_in_utc_and_say_so(alice: httpx.AsyncClient) -> None:
    answer = await alice.get(f"/v1/jobs/{await submit(alice)}")
    assert answer.json()["created_at"].endswith("Z")


async def test_a_job_that_failed_is_an_answer_not_an_error(alice: httpx.AsyncClient, worker: ManualWorker) -> None:
    job_id = await submit(alice)
    await worker.end(job_id, "failed", error=("truncated", "The file ends before the picture does."))
    answer = await alice.get(f"/v1/jobs/{job_id}")
    assert answer.status_code == 200
    assert answer.json()["state"] == "failed"
    assert answer.json()["error"] == {"code": "truncated", "message": "The file ends before the picture does."}
    assert answer.json()["attempts"][0]["error"]["code"] == "truncated"


async def test_what_there_is_none_of_is_left_out(alice: httpx.AsyncClient) -> None:
    answer = await alice.get(f"/v1/jobs/{await submit(alice)}")
    assert None not in answer.json().values()
    assert not answer.json().keys() & {"finished_at", "error", "result"}


@pytest.mark.parametrize("job_id", ["0" * 32, "x", "%2e%2e", "a b", "*"])
async def test_an_unknown_job_is_not_found(alice: httpx.AsyncClient, job_id: str) -> None:
    answer = await alice.get(f"/v1/jobs/{job_id}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_anothers_job_answers_as_an_unknown_one_and_at_once(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    theirs, unknown = f"/v1/jobs/{await submit(alice)}", f"/v1/jobs/{'0' * 32}"
    answers = [await bob.get(f"{path}{more}") for path in (theirs, unknown) for more in ("?wait=20", "/files/a.jpg")]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert all(answer.elapsed.total_seconds() < 5 for answer in answers)


async def test_an_expired_job_is_gone_and_in_no_list(
    alice: httpx.AsyncClient, redis: ArqRedis, worker: ManualWorker
) -> None:
    job_id = await submit(alice)
    await worker.end(job_id)
    await redis.hset(JOB + job_id, "expires_at", 1)  # a day passes
    for path in (f"/v1/jobs/{job_id}", f"/v1/jobs/{job_id}?wait=1", f"/v1/jobs/{job_id}/files/small.jpg"):
        answer = await alice.get(path)
        assert (answer.status_code, answer.json()["code"]) == (410, "expired")
    assert (await alice.get("/v1/jobs")).json() == {"jobs": []}


async def test_a_list_has_ones_own_jobs_newest_first(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    mine = [await submit(alice, number) for number in range(3)]
    theirs = await submit(bob)
    listed = {job["id"]: job["created_at"] for job in (await alice.get("/v1/jobs")).json()["jobs"]}
    assert listed.keys() == set(mine)
    assert list(listed.values()) == sorted(listed.values(), reverse=True)
    assert [job["id"] for job in (await bob.get("/v1/jobs")).json()["jobs"]] == [theirs]


async def test_pages_follow_each_other_to_the_end(alice: httpx.AsyncClient) -> None:
    mine = {await submit(alice, number) for number in range(5)}
    seen: list[str] = []
    query = {"limit": "2"}
    sizes = []
    while True:
        page = (await alice.get("/v1/jobs", params=query)).json()
        sizes.append(len(page["jobs"]))
        seen += [job["id"] for job in page["jobs"]]
        if "next" not in page:
            break
        query["cursor"] = page["next"]
    assert sizes == [2, 2, 1]
    assert len(seen) == 5
    assert set(seen) == mine


async def test_a_list_can_be_filtered(alice: httpx.AsyncClient, worker: ManualWorker) -> None:
    done, waiting = await submit(alice, 1), await submit(alice, 2)
    await worker.end(done)

    async def ids(query: str) -> list[str]:
        return [job["id"] for job in (await alice.get(f"/v1/jobs?{query}")).json()["jobs"]]

    assert await ids("state=succeeded") == [done]
    assert await ids("state=running") == [waiting]
    assert set(await ids("kind=thumbnail")) == {done, waiting}
    assert await ids("kind=report") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("state=lost", "state"),
        ("cursor=é", "cursor"),
    ],
)
async def test_a_bad_filter_is_named(alice: httpx.AsyncClient, query: str, field: str) -> None:
    answer = await alice.get(f"/v1/jobs?{query}")
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "invalid_request", field)
