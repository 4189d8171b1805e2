"""The trace that a request is part of is that of its job."""

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.queue.redis_keys import JOB
from tests.support.api.pictures import PNG

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ([TRACEPARENT], TRACEPARENT.encode()),
        ([f"cc{TRACEPARENT[2:]}-later"], TRACEPARENT.encode()),
        ([TRACEPARENT.upper()], None),
        ([TRACEPARENT, TRACEPARENT], None),
        ([], None),
    ],
)
async def test_it_is_taken_from_one_valid_header(
    alice: httpx.AsyncClient, redis: ArqRedis, given: list[str], kept: bytes | None
) -> None:
    headers = httpx.Headers([("Content-Type", "image/png"), *(("Traceparent", one) for one in given)])
    answer = await alice.post("/v1/images", content=PNG, headers=headers)
    assert answer.status_code == 202, answer.text
    assert await redis.hget(JOB + answer.json()["id"], "traceparent") == kept


@pytest.mark.parametrize(
    ("traceparent", "given", "kept"),
    [
        (TRACEPARENT, ["congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"], b"congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"),
        (TRACEPARENT, ["congo=1", "rojo=2"], b"congo=1,rojo=2"),
        (TRACEPARENT, ["congo=1,Rojo=2"], None),
        (TRACEPARENT, [], None),
        ("odd", ["congo=1"], None),
    ],
)
async def test_the_state_of_the_trace_comes_with_it(
    alice: httpx.AsyncClient, redis: ArqRedis, traceparent: str, given: list[str], kept: bytes | None
) -> None:
    trace = [("Traceparent", traceparent), *(("Tracestate", one) for one in given)]
    headers = httpx.Headers([("Content-Type", "image/png"), *trace])
    answer = await alice.post("/v1/images", content=PNG, headers=headers)
    assert await redis.hget(JOB + answer.json()["id"], "tracestate") == kept
