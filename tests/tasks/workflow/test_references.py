"""What params refer to of other jobs."""

import json
from pathlib import Path

import pytest
from arq.connections import ArqRedis

from tasks.history.store import History
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.redis_keys import JOB
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.storage.open import open_storage
from tasks.workflow.graph import in_order
from tasks.workflow.references import ResultReference, references_of, with_results
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.history import let_expire, move
from tests.support.queue.submissions import submit

RESULT = {"total": 1.5, "rows": [{"name": "Köln"}], "$job": "x", "path": "result"}
MAX_BYTES = 10_000


async def pair(redis: ArqRedis, enqueuer: Enqueuer, *, results: bool = True) -> tuple[str, str]:
    """A job with a result, and one that may refer to it."""
    first = await submit(enqueuer)
    later = await submit(enqueuer, after=(first,), results=results)
    await redis.hset(JOB + first, mapping={"result": json.dumps(RESULT), "files": json.dumps([{"name": "a.jpg"}])})
    return first, later


async def resolved(redis: ArqRedis, job_id: str, params: object, max_bytes: int = MAX_BYTES) -> object:
    return json.loads(await with_results(redis, job_id, json.dumps(params), max_bytes))


def test_references_are_found_where_they_stand() -> None:
    params = {"a": [1, {"$job": "x", "path": "result"}], "b": {"$job": 1, "path": "x"}, "$job": "y"}
    assert list(references_of(params)) == [ResultReference("a.1", "x", "result")]


async def test_they_are_replaced_by_what_the_job_made(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    first, later = await pair(redis, enqueuer)

    def at(path: str) -> dict[str, str]:
        return {"$job": first, "path": path}

    params = {"n": at("result.total"), "names": [at("result.rows.0.name"), at("files.0.name")], "state": at("state")}
    assert await resolved(redis, later, params) == {"n": 1.5, "names": ["Köln", "a.jpg"], "state": "queued"}


async def test_what_was_put_in_is_not_read_again(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    first, later = await pair(redis, enqueuer)
    assert await resolved(redis, later, {"all": {"$job": first, "path": "result"}}) == {"all": RESULT}


@pytest.mark.parametrize("results", [True, False])
async def test_only_jobs_that_it_comes_after_and_only_if_its_submit_said_so(
    redis: ArqRedis, enqueuer: Enqueuer, *, results: bool
) -> None:
    first, later = await pair(redis, enqueuer, results=results)
    other = await submit(enqueuer, owner="another")
    params = {"own": {"$job": first, "path": "result.total"}, "other": {"$job": other, "path": "state"}}
    expected = {**params, "own": 1.5} if results else params
    assert await resolved(redis, later, params) == expected


@pytest.mark.parametrize(
    ("path", "message"),
    [("result.rows.7", "nothing at"), ("result.total.x", "nothing at"), ("", "nothing at"), ("rows", "nothing at")],
)
async def test_a_path_that_leads_nowhere_is_refused(
    redis: ArqRedis, enqueuer: Enqueuer, path: str, message: str
) -> None:
    first, later = await pair(redis, enqueuer)
    with pytest.raises(Refusal, match=message) as refused:
        await resolved(redis, later, {"x": {"$job": first, "path": path}})
    assert (refused.value.code, refused.value.field) == ("invalid_params", "params.x")


async def test_a_job_that_is_gone_and_params_that_become_too_large_are_refused(
    redis: ArqRedis, enqueuer: Enqueuer
) -> None:
    first, later = await pair(redis, enqueuer)
    params = {"x": {"$job": first, "path": "result"}}
    with pytest.raises(Refusal, match="more than the limit of 50"):
        await resolved(redis, later, params, max_bytes=50)
    await redis.hset(JOB + later, "results", json.dumps(["gone"]))
    with pytest.raises(Refusal, match="is gone") as refused:
        await resolved(redis, later, {"x": {"$job": "gone", "path": "result"}})
    assert refused.value.code == "expired"


def test_steps_are_ordered_as_they_were_named_but_for_their_needs() -> None:
    assert in_order({"c": ["a"], "b": [], "a": [], "d": ["c", "b"]}) == ["b", "a", "c", "d"]
    with pytest.raises(Refusal, match="in a circle"):
        in_order({"a": ["c"], "b": ["a"], "c": ["b"]})


async def test_a_job_whose_record_has_left_redis_is_found(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, tmp_path: Path
) -> None:
    settings = Settings(_env_file=None, history="storage", storage_url=f"file://{tmp_path}/storage")
    storage = open_storage(settings)
    first = await submit(enqueuer)
    later = await submit(enqueuer, after=(first,), results=True, delay_ms=3_600_000)
    assert await worker.finish(await worker.one(), fields=("result", json.dumps(RESULT)))
    await let_expire(redis, [first])
    assert await move(redis, storage, [first]) == 1
    params = json.dumps({"n": {"$job": first, "path": "result.total"}})
    find_moved = History(redis, storage, settings).find
    assert json.loads(await with_results(redis, later, params, MAX_BYTES, find_moved)) == {"n": 1.5}
    with pytest.raises(Refusal, match="is gone"):
        await with_results(redis, later, params, MAX_BYTES)
