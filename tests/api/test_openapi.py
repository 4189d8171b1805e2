"""The OpenAPI document: every example in it is sent to the running API."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from api.app import create_app
from api.problems import MEDIA_TYPE
from api.views import EXAMPLE_UPLOAD
from tasks.kind import File, Result
from tasks.storage import Storage
from tasks.uploads import keep
from tests.api.pictures import JPEG, PNG
from tests.api.worker import Hand

DOCUMENT = create_app().openapi()
FILES = {"photo.jpg": JPEG, "logo.png": PNG, "sales.xlsx": b"PK a workbook, as far as the API can tell"}


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
        for body in bodies or [{}]:
            yield method, path, body, statuses
        for parameter in operation.get("parameters", []):
            for example in examples(parameter):
                given = {"query": "params", "header": "headers"}.get(parameter["in"])
                if given is not None:
                    body = bodies[-1] if bodies else {}
                    value = {parameter["name"]: str(example)}
                    yield method, path, {**body, given: {**body.get(given, {}), **value}}, statuses


@pytest.fixture
async def known(alice: httpx.AsyncClient, hand: Hand, storage: Storage, redis: ArqRedis) -> dict[str, str]:
    """What the examples name: a job that has succeeded, its file, and an upload."""

    async def chunks() -> Any:
        yield JPEG

    blob = await storage.put(chunks(), max_bytes=1000)
    job_id = (await alice.post("/v1/images", content=PNG)).json()["id"]
    await hand.end(job_id, result=Result(files=(File("small.jpg", blob.sha256, "image/jpeg", blob.bytes),)))
    await keep(redis, "alice", blob, name=None, seconds=60, upload_id=EXAMPLE_UPLOAD)
    return {"job_id": job_id, "name": "small.jpg", "upload_id": EXAMPLE_UPLOAD}


@pytest.fixture
async def validations(hand: Hand) -> AsyncIterator[None]:
    """Somebody who ends each validation soon after it was submitted."""

    async def go_on() -> None:
        while True:
            await hand.begin()
            for job_id in hand.claimed("validation"):
                await hand.end(job_id, result=Result(value={"tables": [], "rows": 2, "pages": 1, "warnings": []}))
            await asyncio.sleep(0.02)

    task = asyncio.create_task(go_on())
    yield
    task.cancel()


@pytest.mark.usefixtures("validations")
async def test_every_example_works(alice: httpx.AsyncClient, known: dict[str, str]) -> None:
    sent = 0
    for method, path, request, statuses in requests():
        answer = await alice.request(method, path.format(**known), **request)
        assert str(answer.status_code) in statuses, (method, path, request, answer.text)
        sent += 1
    assert sent > 30


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
                assert response["content"].keys() == {MEDIA_TYPE}, (path, status)
        assert "401" in operation["responses"] or not path.startswith("/v1/")
    assert "HTTPValidationError" not in DOCUMENT["components"]["schemas"]


def test_what_needs_a_key_says_so() -> None:
    for _, path, operation in operations():
        assert ("security" in operation) is path.startswith("/v1/")


async def test_the_document_and_its_page_are_served(alice: httpx.AsyncClient) -> None:
    assert (await alice.get("/openapi.json")).json() == DOCUMENT
    assert "text/html" in (await alice.get("/docs")).headers["Content-Type"]
