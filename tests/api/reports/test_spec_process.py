"""Large specs are read in a process of their own, with the same answers; and what happens when that process dies."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import structlog

from api.http.body import SMALL_BODY_BYTES
from api.reports.spec_process import SpecProcess
from tasks.refusal import Refusal
from tasks.report.spec.prepared import prepare
from tasks.settings import Settings
from tests.support.api.serving import client_of, serving
from tests.support.api.specs import spec

FILLER = "x" * 500


@pytest.fixture
async def process() -> AsyncIterator[SpecProcess]:
    process = SpecProcess(30)
    yield process
    await process.close()


def reader() -> int:
    """The process that reads specs."""
    for task in Path("/proc/self/task").glob("*/children"):
        for child in task.read_text().split():
            if b"api.reports.spec_process" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    raise LookupError("no process reads specs")


def assert_is_unavailable(answer: httpx.Response, message: str) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.json()["code"] == "spec_reader_unavailable"
    assert message in answer.json()["detail"]
    assert int(answer.headers["Retry-After"]) > 0


def large(**block: object) -> bytes:
    texts = [{"type": "text", "text": FILLER}] * (SMALL_BODY_BYTES // len(FILLER))
    return json.dumps(spec(*texts, {"type": "text", "text": "last", **block})).encode()


def schedule() -> bytes:
    return b'{"cron": "0 6 * * *", "job": {"kind": "report", %b}' % large()[1:]


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


async def test_a_spec_whose_process_dies_is_read_by_another(process: SpecProcess) -> None:
    await process.prepare(large())
    first = reader()
    os.kill(first, signal.SIGKILL)
    assert await process.prepare(large()) == prepare(large())
    assert reader() != first


async def test_a_process_that_dies_again_is_no_outage_of_redis(
    alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.reports.spec_process.PROCESS", ("-c", "raise SystemExit(1)"))
    with structlog.testing.capture_logs() as lines:
        answer = await alice.post("/v1/reports", content=large())
        scheduled = await alice.post("/v1/schedules", content=schedule())
    assert_is_unavailable(answer, "has died")
    assert_is_unavailable(scheduled, "has died")
    events = {line["event"] for line in lines if line["event"] != "api.request"}
    assert events == {"reports.spec_process_died", "reports.spec_process_failed"}
    monkeypatch.undo()
    assert (await alice.post("/v1/reports", content=large())).status_code == 202


async def test_a_process_that_is_too_slow_is_replaced(process: SpecProcess) -> None:
    await process.prepare(large())
    first = reader()
    os.kill(first, signal.SIGSTOP)
    process.seconds = 0.05
    with pytest.raises(Refusal, match=r"took longer than 0.05 s \(SPEC_SECONDS\)") as refused:
        await process.prepare(large())
    assert refused.value.code == "spec_reader_unavailable"
    process.seconds = 30
    assert await process.prepare(large()) == prepare(large())
    assert reader() != first


@pytest.mark.parametrize("turns", range(4))
async def test_a_spec_that_comes_while_the_idle_process_ends_is_read(
    process: SpecProcess, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    monkeypatch.setattr("api.reports.spec_process.IDLE_S", 0.0)
    await process.prepare(large())
    for _ in range(turns):  # of the event loop, in one of which the process is ended
        await asyncio.sleep(0)
    with structlog.testing.capture_logs() as lines:
        assert await process.prepare(large()) == prepare(large())
    assert not lines


async def test_many_at_once_are_read_one_after_the_other(alice: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(alice.post("/v1/reports", content=large()) for _ in range(6)))
    assert [answer.status_code for answer in answers] == [202] * 6


async def test_more_than_may_wait_are_told_when_to_come_again(settings: Settings) -> None:
    async with serving(settings.model_copy(update={"max_waiting_specs": 2})) as port, client_of(port) as client:
        assert (await client.post("/v1/reports", content=large())).status_code == 202
        child = reader()
        os.kill(child, signal.SIGSTOP)
        posts = [asyncio.create_task(client.post("/v1/reports", content=large())) for _ in range(7)]
        refused = []
        for done in asyncio.as_completed(posts):
            refused.append(await done)
            if len(refused) == 3:
                break
        os.kill(child, signal.SIGCONT)
        answers = await asyncio.gather(*posts)
    for answer in refused:
        assert_is_unavailable(answer, "MAX_WAITING_SPECS")
    assert [answer.status_code for answer in answers].count(202) == 4  # two are read, two wait
