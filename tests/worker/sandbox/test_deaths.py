"""A child's death is an outcome of its own call, and of no other."""

import asyncio
import os
import signal
import time
from typing import Any

import pytest

from tasks.kind import Sandbox
from tasks.refusal import SandboxDeath
from tests.support.sandbox.child_events import ChildEvent, Gate, ProcessWatch
from tests.worker.sandbox.conftest import MakeSandbox
from worker.sandbox.death import explain_death
from worker.sandbox.frames import FRAME_LIMIT_BYTES, HEADER, encode
from worker.sandbox.sandbox import ProcessSandbox

WORK = "tests.support.sandbox.work"


async def call(sandbox: Sandbox, name: str, *args: Any, seconds: float = 10) -> Any:
    return await sandbox.call(f"{WORK}:{name}", *args, seconds=seconds, memory_mb=1)


async def death_of(sandbox: Sandbox, name: str, *args: Any, seconds: float = 10) -> SandboxDeath:
    with pytest.raises(SandboxDeath) as caught:
        await call(sandbox, name, *args, seconds=seconds)
    return caught.value


async def test_work_that_sleeps_for_ever_is_killed_at_its_limit(sandbox: ProcessSandbox) -> None:
    child = await call(sandbox, "pid")
    with ProcessWatch(child) as watch:
        began = time.monotonic()
        death = await death_of(sandbox, "sleep_for_ever", seconds=0.3)
        assert 0.3 <= time.monotonic() - began < 10
        await watch.gone()
    assert (death.code, death.limit) == ("timed_out", 0.3)
    assert "limit of 0.3 s" in death.message


async def test_work_that_holds_the_interpreter_is_killed_at_its_limit(
    sandbox: ProcessSandbox, event: ChildEvent
) -> None:
    running = asyncio.create_task(death_of(sandbox, "announce_and_spin", event.path, seconds=0.3))
    with ProcessWatch(await event.wait()) as watch:
        assert (await running).code == "timed_out"
        await watch.gone()


async def test_cancelling_a_call_kills_its_child_at_once(sandbox: ProcessSandbox, event: ChildEvent) -> None:
    running = asyncio.create_task(call(sandbox, "announce_and_spin", event.path))
    with ProcessWatch(await event.wait()) as watch:
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await watch.gone(within_s=5)  # before its limit would end it


async def test_after_a_cancel_nobody_gets_the_answer_that_was_on_its_way(
    make_sandbox: MakeSandbox, event: ChildEvent
) -> None:
    sandbox = make_sandbox(children=1)
    for number in range(20):
        running = asyncio.create_task(call(sandbox, "announce", event.path))
        await event.wait()
        running.cancel()
        assert await call(sandbox, "echo", number) == [number]


async def test_a_segmentation_fault_is_a_crash_that_names_its_signal(sandbox: ProcessSandbox) -> None:
    death = await death_of(sandbox, "raise_signal", signal.SIGSEGV)
    assert death.code == "crashed"
    assert "SIGSEGV" in death.message


async def test_work_that_leaves_the_process_is_a_crash_that_names_its_status(sandbox: ProcessSandbox) -> None:
    death = await death_of(sandbox, "exit_at_once", 3)
    assert death.code == "crashed"
    assert "status 3" in death.message


async def test_allocating_past_the_limit_is_out_of_memory(sandbox: ProcessSandbox) -> None:
    death = await death_of(sandbox, "allocate", 300)
    assert (death.code, death.limit) == ("out_of_memory", 256)
    assert "SANDBOX_MEMORY_MB" in death.message


async def test_a_kill_from_outside_is_taken_for_the_systems_out_of_memory_kill(
    sandbox: ProcessSandbox, event: ChildEvent, gate: Gate
) -> None:
    running = asyncio.create_task(death_of(sandbox, "announce_and_wait", event.path, gate.path))
    os.kill(await event.wait(), signal.SIGKILL)
    death = await running
    assert death.code == "out_of_memory"
    assert "killed the sandbox process" in death.message


async def test_running_out_of_processor_time_is_a_time_out(sandbox: ProcessSandbox) -> None:
    assert (await death_of(sandbox, "raise_signal", signal.SIGXCPU)).code == "timed_out"
    assert explain_death(-signal.SIGXCPU, 1).code == "timed_out"


@pytest.mark.parametrize(
    "words",
    [
        b"\xff\xff\xff\xff",
        HEADER.pack(FRAME_LIMIT_BYTES + 1),
        HEADER.pack(1) + b"\xc1",
        encode(7),
        encode([[]]),
        encode(["refusal", "x", "", None, None]),
    ],
)
async def test_a_child_that_answers_nonsense_is_killed_and_counts_as_crashed(
    sandbox: ProcessSandbox, words: bytes
) -> None:
    with ProcessWatch(await call(sandbox, "pid")) as watch:
        death = await death_of(sandbox, "speak_nonsense", words)
        await watch.gone()
    assert death.code == "crashed"
    assert "invalid answer" in death.message


async def test_a_child_that_hangs_up_but_goes_on_is_killed_at_its_limit(sandbox: ProcessSandbox) -> None:
    with ProcessWatch(await call(sandbox, "pid")) as watch:
        assert (await death_of(sandbox, "hang_up", seconds=0.3)).code == "timed_out"
        await watch.gone()


async def test_neighbours_go_on_when_a_child_dies(sandbox: ProcessSandbox, event: ChildEvent, gate: Gate) -> None:
    neighbour = asyncio.create_task(call(sandbox, "announce_and_wait", event.path, gate.path))
    child = await event.wait()
    deaths = await asyncio.gather(
        death_of(sandbox, "raise_signal", signal.SIGSEGV),
        death_of(sandbox, "sleep_for_ever", seconds=0.1),
        death_of(sandbox, "allocate", 300),
    )
    assert [death.code for death in deaths] == ["crashed", "timed_out", "out_of_memory"]
    assert await call(sandbox, "echo", "meanwhile") == ["meanwhile"]
    gate.open()
    assert await neighbour == child
