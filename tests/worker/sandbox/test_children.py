"""How long children live, and who replaces them."""

import asyncio
import itertools
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tasks.kind import Sandbox
from tasks.refusal import Refusal
from tests.support.sandbox.child_events import ChildEvent, Gate, ProcessWatch
from tests.worker.sandbox.conftest import MakeSandbox
from tools.servers import start_process
from worker.sandbox import frames
from worker.sandbox.launcher import Launcher
from worker.sandbox.sandbox import ProcessSandbox

WORK = "tests.support.sandbox.work"


async def call(sandbox: Sandbox, name: str, *args: Any) -> Any:
    return await sandbox.call(f"{WORK}:{name}", *args, seconds=10, memory_mb=1)


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_an_idle_child_is_used_again(sandbox: ProcessSandbox) -> None:
    assert len({await call(sandbox, "pid") for _ in range(5)}) == 1


async def test_a_child_that_refused_is_used_again_but_one_that_failed_is_not(sandbox: ProcessSandbox) -> None:
    first = await call(sandbox, "pid")
    with pytest.raises(Refusal):
        await call(sandbox, "refuse")
    assert await call(sandbox, "pid") == first
    with ProcessWatch(first) as watch:
        with pytest.raises(RuntimeError):
            await call(sandbox, "fail")
        assert await call(sandbox, "pid") != first
        await watch.gone()


async def test_a_child_is_replaced_after_its_number_of_calls(make_sandbox: MakeSandbox) -> None:
    sandbox = make_sandbox(recycle_after=3)
    first = await call(sandbox, "pid")
    with ProcessWatch(first) as watch:
        assert [await call(sandbox, "pid") for _ in range(2)] == [first, first]
        assert await call(sandbox, "pid") != first
        await watch.gone()


async def test_children_that_come_and_go_leave_no_descriptor_behind(make_sandbox: MakeSandbox) -> None:
    sandbox = make_sandbox(recycle_after=1)
    await call(sandbox, "pid")
    before = open_descriptors()
    for _ in range(20):
        await call(sandbox, "pid")
    assert open_descriptors() <= before + 2  # the last child's line and page, if its end has not been heard yet


async def test_an_idle_childs_death_is_noticed_and_the_child_replaced(sandbox: ProcessSandbox) -> None:
    first = await call(sandbox, "pid")
    with ProcessWatch(first) as watch:
        os.kill(first, signal.SIGKILL)
        await watch.gone()
    assert await call(sandbox, "pid") != first


async def test_a_call_that_its_dying_child_never_took_up_goes_to_another(sandbox: ProcessSandbox) -> None:
    first = await call(sandbox, "pid")
    os.kill(first, signal.SIGKILL)
    assert await call(sandbox, "pid") != first


async def test_the_call_after_the_zygotes_death_starts_a_new_one(sandbox: ProcessSandbox) -> None:
    first, zygote = await call(sandbox, "pid"), await call(sandbox, "parent_pid")
    with ProcessWatch(zygote) as watch:
        os.kill(zygote, signal.SIGKILL)
        await watch.gone()
    assert await call(sandbox, "pid") != first


async def test_work_that_runs_as_the_zygote_dies_ends_and_may_be_tried_again(
    sandbox: ProcessSandbox, event: ChildEvent, gate: Gate
) -> None:
    zygote = await call(sandbox, "parent_pid")
    running = asyncio.create_task(call(sandbox, "announce_and_wait", event.path, gate.path))
    with ProcessWatch(await event.wait()) as watch:
        os.kill(zygote, signal.SIGKILL)
        with pytest.raises(RuntimeError, match="try again"):
            await running
        await watch.gone()
    assert await call(sandbox, "echo", "again") == ["again"]


async def test_the_zygote_starts_with_the_first_call_and_holds_what_was_preloaded(make_sandbox: MakeSandbox) -> None:
    sandbox = make_sandbox(preload=["tests.support.sandbox.work", "wave"])
    assert await call(sandbox, "loaded", "wave")
    assert not await call(sandbox, "loaded", "tasks.settings")
    assert not await call(sandbox, "loaded", "asyncio")


async def test_a_zygote_that_cannot_start_is_a_loud_error_each_time(
    make_sandbox: MakeSandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    sandbox = make_sandbox(preload=["tests.worker.sandbox.nowhere"])
    for _ in range(2):
        with pytest.raises(RuntimeError, match="could not start: its zygote ended with status 1"):
            await call(sandbox, "pid")
    assert "No module named 'tests.worker.sandbox.nowhere'" in capfd.readouterr().err


async def test_calls_that_come_at_once_share_one_zygote(sandbox: ProcessSandbox) -> None:
    assert len(set(await asyncio.gather(*(call(sandbox, "parent_pid") for _ in range(4))))) == 1


async def test_a_call_cancelled_while_the_zygote_starts_leaves_a_sandbox_that_works(sandbox: ProcessSandbox) -> None:
    starting = asyncio.create_task(call(sandbox, "pid"))
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert await call(sandbox, "echo", 1) == [1]


async def test_stop_ends_the_zygote_and_every_child(make_sandbox: MakeSandbox, event: ChildEvent, gate: Gate) -> None:
    sandbox = make_sandbox(children=2)
    running = asyncio.create_task(call(sandbox, "announce_and_wait", event.path, gate.path))
    busy = await event.wait()
    idle, zygote = await call(sandbox, "pid"), await call(sandbox, "parent_pid")
    busy_too = asyncio.create_task(call(sandbox, "announce_and_wait", event.path, gate.path))
    await event.wait()
    waiting = asyncio.create_task(call(sandbox, "pid"))
    with ProcessWatch(busy) as first, ProcessWatch(idle) as second, ProcessWatch(zygote) as third:
        await sandbox.stop()
        for watch in (first, second, third):
            await watch.gone()
    for stopped in (running, busy_too, waiting, call(sandbox, "pid")):
        with pytest.raises(RuntimeError, match="was stopped"):
            await stopped


async def test_stop_before_the_first_call_has_nothing_to_end(sandbox: ProcessSandbox) -> None:
    await sandbox.stop()
    await sandbox.stop()
    with pytest.raises(RuntimeError, match="was stopped"):
        await call(sandbox, "pid")


async def test_a_child_without_a_process_descriptor_does_not_get_that_of_the_next(tmp_path: Path) -> None:
    launcher = Launcher([], 256, tmp_path, itertools.count(1))
    zygote = launcher._zygote_end  # noqa: SLF001 - the test is the zygote
    first, _ = await launcher.fork(), await launcher.fork()
    with start_process([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as neighbour:
        descriptor = os.pidfd_open(neighbour.pid)
        zygote.sendall(frames.RECORD.pack(frames.FORKED, 1, 0))
        socket.send_fds(zygote, [frames.RECORD.pack(frames.FORKED, 2, frames.WITH_DESCRIPTOR)], [descriptor])
        os.close(descriptor)
        launcher._on_record()  # noqa: SLF001 - both at once
        first.kill()
        neighbour.communicate(b"\n")
        assert neighbour.returncode == 0
    verbs = {frames.RECORD.unpack(zygote.recv(frames.RECORD.size))[:2] for _ in range(3)}
    assert (frames.KILL, 1) in verbs
    launcher._end()  # noqa: SLF001
    zygote.close()
