"""The OpenAPI document: every example in it is sent to the running API."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import jsonschema  # type: ignore[import-untyped]
import pytest
from arq.connections import ArqRedis
from pydantic import BaseModel

from api.accounts.upload_tokens import EXAMPLE
from api.app import create_app
from api.http import components
from api.http.problems import MEDIA_TYPE
from api.jobs.views import EXAMPLE_JOB, EXAMPLE_UPLOAD
from api.presets.endpoints import EXAMPLE_PRESET, EXAMPLE_VARIANTS
from api.uploads.resumable import EXAMPLE_RESUMABLE
from api.webhooks.delivery_views import EXAMPLE_DELIVERY, EXAMPLE_EVENT
from api.webhooks.endpoint_views import EXAMPLE_ENDPOINT
from tasks.kind import OutputFile, Result
from tasks.maintenance.alerts import ActiveAlert
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.submission import Submission
from tasks.report.spec.reading import schema
from tasks.settings import Settings
from tasks.storage.protocol import Storage
from tasks.uploads.incoming import IncomingStore, NewIncoming
from tasks.uploads.store import keep
from tasks.validation import BOUNDS
from tasks.webhook.endpoints import Endpoints, open_box
from tasks.webhook.events import EventParams, body_of
from tests.support.api.documented import document
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import JPEG, PNG
from tests.support.api.subscribers import delivering, keep_exchange
from tests.support.blobs import put
from tests.support.queue.fan_out import expand, to

DOCUMENT = document()
HEADERS = {"webhook-id", "webhook-timestamp", "webhook-signature"}
FILES = {"photo.jpg": JPEG, "logo.png": PNG, "sales.csv": b"day,amount\n2026-11-20,9.50\n"}
FILES["sales.xlsx"] = b"PK a workbook, as far as the API can tell"
FILES["invoice.pdf"] = b"%PDF-1.7 a page, as far as the API can tell"


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def examples(parameter: dict[str, Any]) -> list[Any]:
    named = [example["value"] for example in parameter.get("examples", {}).values()]
    return named or parameter["schema"].get("examples", [])


def request_body(media_type: str, example: Any) -> dict[str, Any]:
    if media_type == "multipart/form-data":
        fields = {name: value for name, value in example.items() if name != "file"}
        return {"files": [("file", (name, FILES[name])) for name in example["file"]], "data": fields}
    if media_type == "application/json":
        return {"json": example}
    concrete = media_type.replace("*", "png")
    return {"content": FILES.get(example, example.encode()), "headers": {"Content-Type": concrete}}


def requests() -> Iterator[tuple[str, str, dict[str, Any], set[str]]]:
    """Each operation without what it does not require, and once for every example of a parameter and of a body."""
    for method, path, operation in operations():
        statuses = {status for status in operation["responses"] if int(status) < 400}
        bodies = [
            request_body(media_type, example["value"])
            for media_type, content in operation.get("requestBody", {}).get("content", {}).items()
            for example in content["examples"].values()
        ]
        parameters = operation.get("parameters", [])
        needed = {
            one["name"]: str(examples(one)[0])
            for one in parameters
            if one["in"] == "header" and one.get("required", False)
        }
        bodies = [{**body, "headers": {**body.get("headers", {}), **needed}} for body in bodies or [{}]]
        for body in bodies:
            yield method, path, body, statuses
        for parameter in parameters:
            for example in examples(parameter) if parameter["name"] not in needed else ():
                given = {"query": "params", "header": "headers"}.get(parameter["in"])
                if given is not None:
                    body = bodies[-1]
                    value = {parameter["name"]: str(example)}
                    yield method, path, {**body, given: {**body.get(given, {}), **value}}, statuses


def test_no_two_schemas_have_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.http.components._models", {})

    class Job(BaseModel):
        """Another one."""

    class Other(BaseModel):
        job: Job

    components.component(Other)
    with pytest.raises(ValueError, match="two schemas of the API are named 'Job'"):
        create_app().openapi()
    Other.__name__ = "Job"
    components.component(Job)
    with pytest.raises(ValueError, match="two models of the API are named 'Job'"):
        components.component(Other)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"admins": ("alice",), "kinds": ("tests.support.submittable:KINDS",)})


@pytest.fixture
async def subscriber(
    redis: ArqRedis, settings: Settings, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """What the examples name of webhooks: an endpoint of alice's, an event, and its delivery."""
    with monkeypatch.context() as ids:
        ids.setattr("tasks.webhook.endpoints.new_id", lambda: EXAMPLE_ENDPOINT)
        ids.setattr("tasks.queue.jobs.enqueue.new_id", lambda: EXAMPLE_EVENT)
        endpoints = Endpoints(redis, settings, open_box(settings))
        await endpoints.create("alice", {"url": "https://example.com/webhooks", "events": ["a"]})
        params = '{"type": "a", "data": {}}'
        await Enqueuer(redis, settings).enqueue(Submission(kind="event", queue="default", owner="alice", params=params))
    delivery = to(EXAMPLE_EVENT, EXAMPLE_ENDPOINT, "alice", always=True) | {"id": EXAMPLE_DELIVERY}
    await expand(redis, EXAMPLE_EVENT, delivery, owner="alice")
    await keep_exchange(redis, storage, EXAMPLE_DELIVERY)
    return {"endpoint_id": EXAMPLE_ENDPOINT, "delivery_id": EXAMPLE_DELIVERY, "number": "1"}


@pytest.fixture
async def known(
    alice: httpx.AsyncClient,
    worker: ManualWorker,
    storage: Storage,
    redis: ArqRedis,
    subscriber: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, str]:
    """What the examples name: a job that has succeeded, its file, one that waits, an upload, and of webhooks."""
    blob = await put(storage, JPEG)
    job_id = (await alice.post("/v1/images", content=PNG)).json()["id"]
    await worker.end(job_id, result=Result(files=(OutputFile("small.jpg", blob.sha256, "image/jpeg", blob.bytes),)))
    for upload_id in (EXAMPLE_UPLOAD, EXAMPLE_JOB):  # that of a job is its original, which is kept
        await keep(redis, "alice", blob, name=None, seconds=60, upload_id=upload_id)
    with monkeypatch.context() as ids:
        ids.setattr("tasks.uploads.incoming.new_id", lambda: EXAMPLE_RESUMABLE)
        await IncomingStore(redis).create("alice", NewIncoming("tus", 5), seconds=60, most=1)
    key_id = await new_key(alice)
    waiting = (await alice.post("/v1/images?delay=600", content=PNG)).json()["id"]
    batch_id = (await alice.post("/v1/batches")).json()["id"]
    workflow_id = await failed_workflow(alice, worker)
    line = {"cron": "0 6 * * *", "job": {"kind": "event", "type": "a", "data": {}}}
    await alice.put(f"/v1/presets/{EXAMPLE_PRESET}", json={"variants": EXAMPLE_VARIANTS})
    token_id = (await alice.post("/v1/upload-tokens", json=EXAMPLE)).json()["id"]
    link_id = (await alice.post("/v1/portal-links", json={"channel": "customer-17"})).json()["id"]
    bucket = {"url": "s3://acme", "access_key_id": "AKIA1", "secret_access_key": "s"}
    (await alice.put("/v1/destinations/archive", json=bucket)).raise_for_status()
    schedule_id = (await alice.post("/v1/schedules", json=line)).json()["id"]
    await alice.post("/v1/owners", json={"name": "umbrella"})
    (await alice.put("/v1/queues/emails", json={})).raise_for_status()
    return {
        "job_id": job_id,
        "waiting": waiting,
        "name": "small.jpg",
        "destination_name": "archive",
        "signed": await _signed(alice, job_id),
        "upload_id": EXAMPLE_UPLOAD,
        "resumable_id": EXAMPLE_RESUMABLE,
        "token_id": token_id,
        "link_id": link_id,
        "batch_id": batch_id,
        "workflow_id": workflow_id,
        "schedule_id": schedule_id,
        "preset_name": EXAMPLE_PRESET,
        "queue": "emails",
        "owner": "umbrella",
        "key_id": key_id,
        **subscriber,
    }


async def _signed(client: httpx.AsyncClient, job_id: str) -> str:
    made = await client.post(f"/v1/jobs/{job_id}/files/small.jpg/url", json={})
    return str(made.json()["url"].rpartition("/")[2])


async def failed_workflow(client: httpx.AsyncClient, worker: ManualWorker) -> str:
    """The id of a workflow that has just failed."""
    steps = [{"name": "a", "kind": "thumbnail", "params": {"upload": EXAMPLE_UPLOAD}}]
    made = (await client.post("/v1/workflows", json={"steps": steps})).json()
    await worker.end(made["steps"][0]["job"], "failed", error=("timed_out", "It took too long."))
    workflow_id: str = made["id"]
    return workflow_id


async def new_key(client: httpx.AsyncClient) -> str:
    """The id of a key that was just made."""
    made: str = (await client.post("/v1/keys", json={"name": "a", "scopes": ["images"]})).json()["id"]
    return made


@pytest.fixture
async def validations(worker: ManualWorker) -> AsyncIterator[None]:
    """Somebody who ends each validation soon after it was submitted."""

    async def go_on() -> None:
        while True:
            await worker.begin()
            for job_id in worker.claimed("validation"):
                await worker.end(job_id, result=Result(value={"tables": [], "rows": 2, "pages": 1, "warnings": []}))
            await asyncio.sleep(0.02)

    task = asyncio.create_task(go_on())
    yield
    task.cancel()


@pytest.fixture
async def deliveries(redis: ArqRedis, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Somebody who expands events and delivers. No name server is asked for example.com when an endpoint is made."""

    async def reachable(*_: Any) -> None: ...

    monkeypatch.setattr("api.webhooks.url_policy.check_reachable", reachable)
    async with delivering(redis, settings):
        yield


@pytest.mark.usefixtures("validations", "deliveries")
async def test_every_example_works(alice: httpx.AsyncClient, worker: ManualWorker, known: dict[str, str]) -> None:
    sent = 0
    for method, path, request, statuses in sorted(requests(), key=lambda one: one[0] == "delete"):
        # What is done to a job is done to one that waits, and then is cancelled.
        names = known | ({"job_id": known["waiting"]} if path.endswith(("/cancellation", "/retry")) else {})
        if (method, path) == ("patch", "/v1/jobs/{job_id}"):  # only what waits is changed
            names |= {"job_id": (await alice.post("/v1/images?delay=3600", content=PNG)).json()["id"]}
        if path.endswith("/rotation"):  # two keys are live at most
            names |= {"key_id": await new_key(alice)}
        if path == "/v1/changes":  # it would go on
            request["params"] = {"seconds": 0, **request.get("params", {})}
        if path == "/v1/workflows/{workflow_id}/retry":
            names |= {"workflow_id": await failed_workflow(alice, worker)}
        answer = await alice.request(method, path.format(**names), **request)
        # The storage of these tests is a folder, which signs nothing.
        expected = {"422"} if path == "/v1/uploads/direct" else statuses
        assert str(answer.status_code) in expected, (method, path, request, answer.text)
        sent += 1
    assert sent > 60


def test_what_receivers_get_is_as_it_is_documented() -> None:
    job: dict[str, Any] = {"id": "1" * 32, "kind": "thumbnail", "created_at": 1, "finished_at": 2, "name": "a.jpg"}
    file = {"name": "a.jpg", "type": "image/jpeg", "bytes": 1, "blob": "ab" * 32, "about": {"width": 1}}
    error = {"code": "truncated", "message": "It ends early."}
    alert = ActiveAlert("no_worker", "media", "No worker.", 61.0, 60, ("alice",)).payload(1_800_000_000_000)
    sent: dict[str, dict[str, Any]] = {
        "job.succeeded": {**job, "state": "succeeded", "files": [file]},
        "job.failed": {**job, "state": "failed", "error": error},
        "job.cancelled": {**job, "state": "cancelled", "error": error},
        "endpoint.disabled": {"endpoint": "2" * 32, "url": "https://example.com", "reason": "gone"},
        "alert.fired": json.loads(alert["data"]),
        "alert.resolved": json.loads(alert["data"]),
        "endpoint.test": {"endpoint": "2" * 32},
        "order.paid": {"order": [{"deep": None}]},
    }
    assert DOCUMENT["webhooks"].keys() == sent.keys()
    for type, data in sent.items():
        operation = DOCUMENT["webhooks"][type]["post"]
        content = operation["requestBody"]["content"]["application/json"]
        schema = {**content["schema"], "components": DOCUMENT["components"]}
        judge = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
        channel, labels = ("a", {"tags": ["b"], "metadata": {"c": 1}}) if type == "order.paid" else (None, {})
        params = EventParams(type=type, data=data, channel=channel)
        body = json.loads(body_of(params, 1_800_000_000_000, "https://pressroom.example.com", labels))
        example = content["examples"]["event"]["value"]
        for told in (body, example):
            judge.validate(told)
        assert body["type"] == example["type"] == type
        properties = DOCUMENT["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]["properties"]
        assert body.keys() == properties.keys(), "everything that is sent is documented"
        assert {one["name"] for one in operation["parameters"]} == HEADERS
        assert all(one["in"] == "header" and one["required"] and examples(one) for one in operation["parameters"])


async def test_an_ended_job_is_documented_whole(alice: httpx.AsyncClient, worker: ManualWorker) -> None:
    """What the transition notes of a job's end has no field that receivers do not know."""
    await alice.post("/v1/endpoints", json={"url": "http://127.0.0.1:9000/", "events": ["job.*"]})
    options = {"name": "a.png", "tags": "user:42", "metadata": '{"order": 4711}'}
    job_id = (await alice.post("/v1/images", content=PNG, params=options)).json()["id"]
    file = OutputFile("small.jpg", "ab" * 32, "image/jpeg", 1, {"width": 1})
    await worker.end(job_id, result=Result({"pages": 1}, (file,)))
    [event] = (await alice.get("/v1/jobs?kind=event")).json()["jobs"]
    body = json.loads(body_of(EventParams(**event["params"]), 1, ""))
    documented = DOCUMENT["components"]["schemas"]["EndedJob"]["properties"]
    assert body["data"].keys() == documented.keys() - {"error", "jobs"}
    assert body["data"]["files"][0].keys() == DOCUMENT["components"]["schemas"]["File"]["properties"].keys()


def test_every_required_parameter_has_an_example() -> None:
    for _, path, operation in operations():
        for parameter in operation.get("parameters", []):
            assert examples(parameter) or not parameter["required"], (path, parameter["name"])


def test_every_operation_has_a_name_of_its_own_and_a_summary() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names))
    assert all(name.replace("_", "").isalpha() and name.islower() for name in names)
    assert all(operation["summary"] for _, _, operation in operations())


def test_errors_are_documented_as_problems() -> None:
    for _, path, operation in operations():
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                same = DOCUMENT["components"]["responses"].get(response.get("$ref", "").rpartition("/")[2], response)
                assert same["content"].keys() == {MEDIA_TYPE}, (path, status)
        assert "401" in operation["responses"] or not path.startswith("/v1/")
    assert "HTTPValidationError" not in DOCUMENT["components"]["schemas"]


def test_what_needs_a_key_says_so() -> None:
    for _, path, operation in operations():
        assert ("security" in operation) is (path.startswith("/v1/") or path == "/metrics")


async def test_the_document_and_its_page_are_served(alice: httpx.AsyncClient) -> None:
    assert (await alice.get("/openapi.json")).json() == DOCUMENT
    assert "text/html" in (await alice.get("/docs")).headers["Content-Type"]


def test_bounds_have_the_names_of_json_schema() -> None:
    """Pydantic writes `ge` for a number with a validator, which means nothing to anyone else."""

    def own_names(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            yield from BOUNDS.keys() & node.keys() if node.get("type") in ("number", "integer") else ()
        for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            yield from own_names(part)

    assert list(own_names(DOCUMENT)) == list(own_names(schema())) == []
    assert DOCUMENT["components"]["schemas"]["Chart"]["properties"]["height"]["minimum"] == 80


def test_limits_are_documented_where_answers_carry_them() -> None:
    for place, path in DOCUMENT["paths"].items():
        for method, operation in path.items():
            for status, response in operation["responses"].items():
                if "$ref" not in response:
                    names = {"RateLimit", "RateLimit-Policy"} & response.get("headers", {}).keys()
                    assert len(names) == (2 if place.startswith("/v1/") else 0), (method, place, status)
    assert not any(header["required"] for header in DOCUMENT["components"]["headers"].values())
