"""Large specs are read in a process of their own, with the same answers; and what happens when that process dies."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from api.http.body import SMALL_BODY_BYTES
from api.reports.spec_process import SpecProcess
from tasks.refusal import Refusal
from tasks.report.spec.prepared import prepare
from tests.support.api.specs import spec

FILLER = "x" * 500


@pytest.fixture
async def process() -> AsyncIterator[SpecProcess]:
    process = SpecProcess()
    yield process
    await process.close()


def reader() -> int:
    """The process that reads specs."""
    for task in Path("/proc/self/task").glob("*/children"):
        for child in task.read_text().split():
            if b"api.reports.spec_process" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    raise LookupError("no process reads specs")


def large(**block: object) -> bytes:
    texts = [{"type": "text", "text": FILLER}] * (SMALL_BODY_BYTES // len(FILLER))
    return json.dumps(spec(*texts, {"type": "text", "text": "last", **block})).encode()


async def test_a_large_spec_is_what_it_would_be_as_a_small_one(process: SpecProcess) -> None:
    assert await process.prepare(large()) == prepare(large())
    with pytest.raises(Refusal) as refused:
        await process.prepare(large(colour="red", type="poem"))
    with pytest.raises(Refusal) as expected:
        prepare(large(colour="red", type="poem"))
    assert vars(refused.value) == vars(expected.value)


async def test_a_platforms_signal_does_not_end_it(process: SpecProcess) -> None:
    await process.prepare(large())
    child = reader()
    os.kill(child, signal.SIGTERM)
    await process.prepare(large())
    assert reader() == child


async def test_a_process_that_dies_is_replaced(process: SpecProcess) -> None:
    await process.prepare(large())
    first = reader()
    os.kill(first, signal.SIGKILL)
    with pytest.raises(TimeoutError):
        await process.prepare(large())
    assert await process.prepare(large()) == prepare(large())
    assert reader() != first


async def test_many_at_once_are_read_one_after_the_other(alice: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(alice.post("/v1/reports", content=large()) for _ in range(6)))
    assert [answer.status_code for answer in answers] == [202] * 6
