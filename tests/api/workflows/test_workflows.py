"""`/v1/workflows`: jobs that wait for each other, submitted together."""

import json
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.catalogue import load_kinds
from tasks.queue.redis_keys import JOB
from tasks.settings import Settings
from tests.support.api.pictures import PNG
from tests.support.engine_running import working
from tests.support.queue.unique_keys import holders


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"kinds": ("tests.support.submittable:KINDS",)})


def step(name: str, *needs: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "kind": "avatar-colour", "params": {"name": name}, "needs": list(needs), **more}


async def submit(client: httpx.AsyncClient, *steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = await client.post("/v1/workflows", json={"steps": list(steps), **more})
    assert answer.status_code == 202, answer.text
    workflow: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/v1/workflows/{workflow['id']}"
    return workflow


async def ended(client: httpx.AsyncClient, redis: ArqRedis, settings: Settings, workflow_id: str) -> dict[str, Any]:
    async with working(redis, settings, kinds=load_kinds(settings)):
        await client.get(f"/v1/jobs/{workflow_id}?wait=20")
    found: dict[str, Any] = (await client.get(f"/v1/workflows/{workflow_id}")).json()
    return found


def states(workflow: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["state"] for one in workflow["steps"]}


async def refused(client: httpx.AsyncClient, body: Any, status: int = 422) -> dict[str, str]:
    answer = await client.post("/v1/workflows", json=body)
    problem = answer.json()
    assert answer.status_code == status, problem
    return {one["field"]: one["message"] for one in problem.get("errors", [])} or {problem["field"]: problem["detail"]}


async def test_steps_run_in_the_order_of_their_needs(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings
) -> None:
    workflow = await submit(alice, step("c", "a", "b"), step("b", "a"), step("a"), name="letters", tags=["abc"])
    assert [(one["name"], one["needs"]) for one in workflow["steps"]] == [("a", []), ("b", ["a"]), ("c", ["a", "b"])]
    assert (workflow["state"], workflow["name"], workflow["jobs"]) == (
        "running",
        "letters",
        {"queued": 1, "scheduled": 2},
    )
    assert states(workflow) == {"a": "queued", "b": "scheduled", "c": "scheduled"}
    found = await ended(alice, redis, settings, workflow["id"])
    assert (found["state"], found["jobs"]) == ("succeeded", {"succeeded": 3})
    finished = {one["name"]: one["finished_at"] for one in found["steps"]}
    started = {one["name"]: one["started_at"] for one in found["steps"]}
    assert finished["a"] <= started["b"]
    assert finished["b"] <= started["c"]
    listed = (await alice.get("/v1/jobs?tag=abc")).json()["jobs"]
    assert {one["id"] for one in listed} == {workflow["id"], *(one["job"] for one in workflow["steps"])}


async def test_a_step_takes_what_another_has_made(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings
) -> None:
    later = step("b", "a", results=True, params={"name": {"$step": "a", "path": "result.colour"}})
    workflow = await submit(alice, step("a"), later)
    found = await ended(alice, redis, settings, workflow["id"])
    jobs = {one["name"]: (await alice.get(f"/v1/jobs/{one['job']}")).json() for one in found["steps"]}
    assert found["state"] == "succeeded", found
    colour = jobs["a"]["result"]["colour"]
    # What was asked for is kept as it was; the job was given the result.
    assert jobs["b"]["params"] == {"name": {"$job": jobs["a"]["id"], "path": "result.colour"}}
    direct = await alice.post("/v1/jobs", json={"kind": "avatar-colour", "params": {"name": colour}})
    async with working(redis, settings, kinds=load_kinds(settings)):
        expected = (await alice.get(f"/v1/jobs/{direct.json()['id']}?wait=10")).json()["result"]
    assert jobs["b"]["result"] == expected


async def test_a_path_that_leads_nowhere_fails_the_step_with_its_name(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings
) -> None:
    later = step("b", "a", results=True, params={"name": {"$step": "a", "path": "result.shade.0"}})
    found = await ended(alice, redis, settings, (await submit(alice, step("a"), later))["id"])
    error = found["steps"][1]["error"]
    assert (found["state"], error["code"], error["field"]) == ("failed", "invalid_params", "params.name")
    assert "has nothing at 'result.shade.0'" in error["message"]


async def test_without_results_a_reference_is_plain_data(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings
) -> None:
    faults = await refused(alice, {"steps": [step("a", params={"name": {"$job": "x", "path": "result"}})]})
    assert list(faults) == ["steps.0.params.name"]


async def test_a_failed_step_fails_those_that_need_it_and_runs_those_that_handle_it(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings
) -> None:
    broken = step("b", "a", results=True, params={"name": {"$step": "a", "path": "error.code"}})
    workflow = await submit(
        alice,
        step("a"),
        broken,
        step("needs-it", "b"),
        step("handles-it", "b", run_if="failure"),
        step("handles-another", "a", run_if="failure"),
        step("always", "b", run_if="any"),
    )
    found = await ended(alice, redis, settings, workflow["id"])
    assert states(found) == {
        "a": "succeeded",
        "b": "failed",
        "needs-it": "failed",
        "handles-it": "succeeded",
        "handles-another": "cancelled",
        "always": "succeeded",
    }
    errors = {one["name"]: one["error"]["code"] for one in found["steps"] if "error" in one}
    assert errors == {"b": "invalid_params", "needs-it": "prerequisite_failed", "handles-another": "not_needed"}
    assert (found["state"], found["error"]["message"]) == ("failed", "2 of its 6 jobs did not succeed.")


async def test_a_retry_runs_again_what_failed_and_what_waited_for_it(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings
) -> None:
    workflow = await submit(alice, step("a"), step("b", "a"), step("c", "b"), step("d", "a", run_if="failure"))
    ids = {one["name"]: one["job"] for one in workflow["steps"]}
    early = await alice.post(f"/v1/workflows/{workflow['id']}/retry")
    assert (early.status_code, early.json()["code"]) == (409, "not_retryable")
    await redis.hset(JOB + ids["b"], "params", '{"name": "much too long for a name of this kind"}')
    failed = await ended(alice, redis, settings, workflow["id"])
    assert states(failed) == {"a": "succeeded", "b": "failed", "c": "failed", "d": "cancelled"}
    await redis.hset(JOB + ids["b"], "params", '{"name": "b"}')
    again = await alice.post(failed["links"]["retry"])
    assert again.status_code == 202
    assert states(again.json()) == {"a": "succeeded", "b": "queued", "c": "scheduled", "d": "cancelled"}
    found = await ended(alice, redis, settings, workflow["id"])
    assert (found["state"], "retry" in found["links"]) == ("succeeded", False)
    assert len((await alice.get(f"/v1/jobs/{ids['a']}")).json()["attempts"]) == 1


async def test_a_workflow_is_cancelled_as_a_whole(alice: httpx.AsyncClient) -> None:
    workflow = await submit(alice, step("a"), step("b", "a", run_if="any"))
    assert (await alice.post(workflow["links"]["cancellation"])).status_code in (200, 202)
    found = (await alice.get(workflow["links"]["self"])).json()
    assert (found["state"], states(found)) == ("cancelled", {"a": "cancelled", "b": "cancelled"})


async def test_all_faults_are_named_at_once(alice: httpx.AsyncClient) -> None:
    faults = await refused(
        alice,
        {
            "steps": [
                step("a", params={"name": "much too long for a name of this kind", "hues": 0}),
                step("b", kind="private-colour"),
                {"name": "c", "kind": "thumbnail", "params": {"upload": "x", "variants": []}},
                {"name": "d", "kind": "report", "params": {"title": 1}},
                {"name": "e", "kind": "event", "params": {"type": "job.mine", "data": 1, "id": "x"}},
                step("f", params={"name": {"$step": "a"}}),
                {"name": "g", "kind": "event", "results": True, "params": {"type": "x", "data": 1}},
            ]
        },
    )
    assert {name.rpartition(".")[0] if name.count(".") > 2 else name for name in faults} >= {
        "steps.0.params",
        "steps.1.kind",
        "steps.2.params",
        "steps.3.params",
        "steps.4.params",
        "steps.5.params",
        "steps.6.results",
    }


@pytest.mark.parametrize(
    ("steps", "fields"),
    [
        ([], ["steps"]),
        ([step("a"), step("a")], ["steps.1.name"]),
        ([step("a", "b")], ["steps.0.needs.0"]),
        ([step("a", "b"), step("b", "c"), step("c", "a")], ["steps"]),
        ([step("a", "a")], ["steps"]),
        ([step("not a name")], ["steps.0.name"]),
        ([step("a", run_if="maybe", priority=1, more=1)], ["steps.0.run_if", "steps.0.priority", "steps.0.more"]),
        ([1], ["steps.0"]),
        ({}, ["steps"]),
        ([step(str(number)) for number in range(501)], ["steps"]),
    ],
)
async def test_steps_that_make_no_workflow(alice: httpx.AsyncClient, steps: Any, fields: list[str]) -> None:
    assert sorted(await refused(alice, {"steps": steps})) == sorted(fields)


async def test_a_circle_is_named(alice: httpx.AsyncClient) -> None:
    (message,) = (await refused(alice, {"steps": [step("a", "b"), step("b", "a")]})).values()
    assert "a → b → a" in message or "b → a → b" in message


async def test_a_repeat_with_the_same_key_is_the_same_workflow(alice: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "album"}
    body = {"steps": [step("a"), step("b", "a")]}
    first = await alice.post("/v1/workflows", json=body, headers=key)
    again = await alice.post(
        "/v1/workflows", content=json.dumps(body, indent=2), headers=key | {"Content-Type": "application/json"}
    )
    other = await alice.post("/v1/workflows", json={"steps": [step("a")]}, headers=key)
    assert (first.status_code, again.status_code, other.status_code) == (202, 200, 422)
    assert again.json() == first.json()


async def test_500_steps_are_one_workflow(alice: httpx.AsyncClient) -> None:
    names = [f"s{number}" for number in range(500)]
    steps = [step(name, *([names[place - 1]] if place else [])) for place, name in enumerate(names)]
    workflow = await submit(alice, *reversed(steps))
    assert [one["name"] for one in workflow["steps"]] == names
    assert workflow["jobs"] == {"queued": 1, "scheduled": 499}


async def test_another_owners_workflow_and_a_plain_batch_are_not_found(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    workflow = await submit(alice, step("a"))
    batch = (await alice.post("/v1/batches", json={})).json()
    assert (await bob.get(f"/v1/workflows/{workflow['id']}")).status_code == 404
    assert (await alice.get(f"/v1/workflows/{batch['id']}")).status_code == 404
    assert (await alice.get(f"/v1/workflows/{workflow['steps'][0]['job']}")).status_code == 404


@pytest.mark.parametrize(
    ("option", "value"), [("unique", "k"), ("throttle", {"key": "k", "every_s": 5}), ("debounce", {"key": "k"})]
)
async def test_a_unique_key_is_of_one_job_and_no_workflow_has_one(
    alice: httpx.AsyncClient, redis: ArqRedis, option: str, value: Any
) -> None:
    assert list(await refused(alice, {"steps": [step("a")], option: value})) == [option]
    assert await holders(redis) == {}


async def test_a_step_has_no_unique_key(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    document = {"document": {"title": "x"}, "blocks": [{"type": "text", "text": "x"}]}
    upload = (await alice.post("/v1/uploads", content=PNG)).json()["id"]
    steps = [
        {"name": "a", "kind": "event", "params": {"type": "x", "data": 1, "unique": "k"}},
        {"name": "b", "kind": "report", "params": {**document, "throttle": {"key": "k", "every_s": 5}}},
        {
            "name": "c",
            "kind": "thumbnail",
            "params": {"upload": upload, "debounce": {"key": "k", "wait_s": 5, "max_wait_s": 9}},
        },
    ]
    faults = await refused(alice, {"steps": steps})
    assert set(faults) == {"steps.0.params.unique", "steps.1.params.throttle", "steps.2.params.debounce"}, faults


async def test_the_needs_of_all_steps_together_are_limited(alice: httpx.AsyncClient) -> None:
    names = [f"s{number}" for number in range(120)]
    steps = [step(name, *names[max(place - 100, 0) : place]) for place, name in enumerate(names)]
    (message,) = (await refused(alice, {"steps": steps})).values()
    assert "have 6950 needs" in message
    assert "5000" in message
