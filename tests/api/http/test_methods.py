"""HEAD works wherever GET does, and a method that a path does not have is answered with those that it has."""

import asyncio

import httpx
import pytest
from arq.connections import ArqRedis
from fastapi.routing import APIRoute

from api.routes import all_routes
from tests.support.api.pictures import PNG

PATHS = {route.path for route in all_routes() if isinstance(route, APIRoute) and "GET" in (route.methods or ())}


@pytest.mark.parametrize("path", sorted(PATHS))
async def test_head_is_get_without_a_body(redis: ArqRedis, alice: httpx.AsyncClient, path: str) -> None:
    if "{job_id}" in path:
        path = path.replace("{job_id}", (await alice.post("/v1/images", content=PNG)).json()["id"])
    async with asyncio.timeout(10):
        head = await alice.head(path)
        async with alice.stream("GET", path) as got:
            assert head.status_code == got.status_code
            assert head.headers.get("content-type") == got.headers.get("content-type")
            # The figures of a page may change by a digit between the two.
            assert ("content-length" in head.headers) == ("content-length" in got.headers)
    assert head.content == b""
    assert (await alice.head("/livez")).headers["content-length"] == "15"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/schedules", "GET, HEAD, POST"),
        ("POST", "/v1/schedules/x", "DELETE, GET, HEAD, PATCH"),
        ("GET", "/v1/images", "POST"),
        ("HEAD", "/v1/images", "POST"),
        ("PATCH", "/v1/jobs", "GET, HEAD, POST"),
        ("POST", "/livez", "GET, HEAD"),
        ("OPTIONS", "/v1/jobs/x", "DELETE, GET, HEAD, PATCH"),
    ],
)
async def test_a_method_that_a_path_lacks(alice: httpx.AsyncClient, method: str, path: str, allowed: str) -> None:
    answer = await alice.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed
    if method != "HEAD":
        assert answer.json()["code"] == "method_not_allowed"
        assert answer.json()["detail"] == f"{method} is not supported here. The path supports {allowed}."


@pytest.mark.parametrize("path", ["/jobs", "/v1", "/v1/job", "/v1/jobs/", "/v2/jobs"])
async def test_a_path_at_which_there_is_nothing(alice: httpx.AsyncClient, path: str) -> None:
    answer = await alice.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.json()["detail"] == f"There is nothing at {path}. The API is under /v1, its reference at /docs."
    assert "/docs" in PATHS
