"""A platform signals every process of a service; a killed worker leaves nobody behind."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.sandbox.child_events import ChildEvent, Gate, ProcessWatch, children_of, parent_of
from tools.servers import start_process

ROOT = Path(__file__).parents[3]


@pytest.fixture
def owner(event: ChildEvent, gate: Gate) -> Iterator[subprocess.Popen[bytes]]:
    """A process of its own, and of its own process group, that runs one call."""
    command = [sys.executable, "-m", "tests.support.sandbox.owner", event.path, gate.path]
    with start_process(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        yield process
        process.kill()


async def test_stop_signals_to_the_whole_group_leave_the_work_going(
    owner: subprocess.Popen[bytes], event: ChildEvent, gate: Gate
) -> None:
    child = await event.wait()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
        os.killpg(owner.pid, number)
    gate.open()
    output, _ = await asyncio.to_thread(owner.communicate)
    assert int(output.split()[-1]) == child
    assert owner.returncode == 0


async def test_stop_signals_do_not_hit_a_zygote_that_is_still_starting(
    owner: subprocess.Popen[bytes], event: ChildEvent, gate: Gate
) -> None:
    """The owner's first process is its zygote: it is signalled from its first moment on, all through its start."""
    ringing = asyncio.create_task(event.wait())
    while not ringing.done():
        for pid in children_of(owner.pid):
            os.kill(pid, signal.SIGTERM)
            os.kill(pid, signal.SIGINT)
        await asyncio.sleep(0)
    gate.open()
    output, _ = await asyncio.to_thread(owner.communicate)
    assert int(output.split()[-1]) == await ringing


async def test_a_killed_worker_leaves_no_zygote_and_no_child(
    owner: subprocess.Popen[bytes], event: ChildEvent, gate: Gate
) -> None:
    child = await event.wait()
    with ProcessWatch(child) as work, ProcessWatch(parent_of(child)) as zygote:
        owner.kill()
        await work.gone()
        await zygote.gone()
