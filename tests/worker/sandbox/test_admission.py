"""Who may start, and in which order."""

import asyncio
from collections.abc import Callable

import pytest

from tests.support.sandbox.child_events import ChildEvent, Gate
from tests.worker.sandbox.conftest import MakeSandbox
from worker.sandbox.admission import Admission

WORK = "tests.support.sandbox.work"


async def settle() -> None:
    """Let every task that can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_two_calls_that_fit_run_together_and_the_third_waits_for_room(
    make_sandbox: MakeSandbox, make_event: Callable[[], ChildEvent], gates: Callable[[], Gate]
) -> None:
    sandbox = make_sandbox(budget_mb=100)
    events, held = [make_event() for _ in range(3)], [gates() for _ in range(3)]
    first, second, third = (
        asyncio.create_task(
            sandbox.call(f"{WORK}:announce_and_wait", event.path, gate.path, seconds=10, memory_mb=memory_mb)
        )
        for event, gate, memory_mb in zip(events, held, (50, 50, 60), strict=True)
    )
    await events[0].wait()
    await events[1].wait()
    held[0].open()
    await first
    assert events[2].silent()
    assert not second.done()
    held[1].open()
    await second
    await events[2].wait()
    held[2].open()
    await third


async def test_no_more_children_run_at_once_than_allowed(
    make_sandbox: MakeSandbox, make_event: Callable[[], ChildEvent], gate: Gate
) -> None:
    sandbox = make_sandbox(children=1)
    first, second = make_event(), make_event()
    calls = [
        asyncio.create_task(sandbox.call(f"{WORK}:announce_and_wait", event.path, gate.path, seconds=10, memory_mb=1))
        for event in (first, second)
    ]
    await first.wait()
    assert second.silent()
    gate.open()
    await second.wait()
    gate.open()
    assert len(set(await asyncio.gather(*calls))) == 1


async def test_waiting_does_not_count_against_the_time_limit(
    make_sandbox: MakeSandbox, event: ChildEvent, gate: Gate
) -> None:
    sandbox = make_sandbox(children=1)
    holder = asyncio.create_task(
        sandbox.call(f"{WORK}:announce_and_wait", event.path, gate.path, seconds=10, memory_mb=1)
    )
    await event.wait()
    waiting = asyncio.create_task(sandbox.call(f"{WORK}:echo", 1, seconds=0.2, memory_mb=1))
    done, _ = await asyncio.wait({waiting}, timeout=0.4)
    assert not done
    gate.open()
    await holder
    assert await waiting == [1]


async def test_a_call_larger_than_the_budget_runs_alone_rather_than_never() -> None:
    admission = Admission(places=4, budget_mb=100)
    await admission.enter(10)
    giant = asyncio.create_task(admission.enter(500))
    small = asyncio.create_task(admission.enter(10))
    await settle()
    assert not giant.done()
    admission.leave(10)
    await settle()
    assert giant.done()
    assert not small.done()
    admission.leave(500)
    await small


async def test_nobody_is_overtaken() -> None:
    admission = Admission(places=4, budget_mb=100)
    await admission.enter(60)
    large = asyncio.create_task(admission.enter(90))
    await settle()
    small = asyncio.create_task(admission.enter(10))
    await settle()
    assert not small.done()
    admission.leave(60)
    await asyncio.gather(large, small)


async def test_a_cancelled_wait_lets_those_behind_it_go_on() -> None:
    admission = Admission(places=4, budget_mb=100)
    await admission.enter(60)
    large, small = asyncio.create_task(admission.enter(90)), asyncio.create_task(admission.enter(10))
    await settle()
    large.cancel()
    await small
    with pytest.raises(asyncio.CancelledError):
        await large


async def test_room_given_to_a_wait_that_is_cancelled_in_the_same_moment_is_not_lost() -> None:
    admission = Admission(places=1, budget_mb=100)
    await admission.enter(1)
    waiting = asyncio.create_task(admission.enter(1))
    await settle()
    admission.leave(1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.wait_for(admission.enter(1), 10)


async def test_the_room_of_a_killed_call_is_given_on(make_sandbox: MakeSandbox, event: ChildEvent) -> None:
    sandbox = make_sandbox(children=1)
    running = asyncio.create_task(sandbox.call(f"{WORK}:announce_and_spin", event.path, seconds=10, memory_mb=10_000))
    await event.wait()
    waiting = asyncio.create_task(sandbox.call(f"{WORK}:echo", 1, seconds=10, memory_mb=10_000))
    await settle()
    running.cancel()
    assert await waiting == [1]
