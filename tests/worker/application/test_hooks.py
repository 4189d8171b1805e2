"""The hooks and cron jobs of an ARQ application, and how it says that it lives."""

import asyncio
import subprocess
import sys

import pytest
import structlog
from arq.connections import ArqRedis

from tasks.queue.records.list import Listing, Selection
from tasks.queue.records.record import State
from tests.support.eventually import eventually
from tests.support.processes import ROOT
from tests.worker.application.conftest import Bookshop, environment
from tests.worker.application.test_functions import enqueue, result, seen
from tools.servers import Valkey
from worker.__main__ import main


async def test_hooks_run_around_each_try_and_after_its_result_is_written(bookshop: Bookshop, client: ArqRedis) -> None:
    async with bookshop("HookedSettings"):
        job = await enqueue(client, "unsteady", 2)
        assert await result(job) == 2
        told = await eventually(lambda: seen(client), lambda told: len(told) == 6)

    # Of each: whether the result is there.
    first = [f"start {job.job_id}", f"end {job.job_id} 0", f"after {job.job_id} 0"]
    assert told == [*first, *first[:2], f"after {job.job_id} 1"]


async def test_each_time_of_a_cron_job_runs_once_however_many_workers_there_are(
    bookshop: Bookshop, client: ArqRedis
) -> None:
    async with bookshop("CronSettings"), bookshop("CronSettings"):
        told = await eventually(lambda: seen(client), lambda told: len(told) >= 3)
        page = await Listing(client).page(Selection(("*/_foreign",), state=State.SUCCEEDED))

    assert len(set(told)) == len(told)
    assert all(one.startswith("stock_taking cron:stock_taking:") for one in told)
    assert {record.kind for record in page.records} == {"cron:stock_taking"}


async def test_arqs_own_check_finds_a_worker_while_there_is_one(customer: ArqRedis, open_bookshop: Valkey) -> None:
    async def check(*command: str) -> int:
        program = [sys.executable, "-m", *command]
        process = await asyncio.create_subprocess_exec(
            *program, cwd=ROOT, env=environment(open_bookshop), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        return await process.wait()

    own, ours = ("arq", "--check", "bookshop.worker.WorkerSettings"), ("worker", "--check", "--arq")
    assert 0 < await customer.pttl("bookshop:alive") <= 20_000
    checks = (
        check(*own),
        check(*ours, "bookshop.worker.WorkerSettings"),
        check(*ours, "bookshop.worker.MsgpackSettings"),
    )
    assert list(await asyncio.gather(*checks)) == [0, 0, 1]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["bookshop.worker.WorkerSettings"], "Either start the worker with --pickle"),
        (["bookshop.worker.NoFunctions", "--pickle"], "at least one function or cron_job must be registered"),
        (["bookshop.worker.Missing", "--pickle"], "cannot be imported"),
        (["worker.WorkerSettings", "--pickle"], "`python -m pressroom.worker --arq worker.WorkerSettings`"),
        (["WorkerSettings", "--pickle"], "is not of the form package.module.WorkerSettings"),
    ],
    ids=["pickle", "nothing", "missing", "shadowed", "form"],
)
def test_what_cannot_run_ends_the_start_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str], says: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["worker", "--arq", *options])
    # The lines of this process' later tests would go to what capsys has closed.
    monkeypatch.setattr("tasks.telemetry.logs.configure", lambda _settings: None)
    assert main() == 2
    structlog.reset_defaults()  # it has begun to log where pytest reads it
    written = capsys.readouterr().err
    assert says in written
    assert written.count("\n") == 1, "one line"
