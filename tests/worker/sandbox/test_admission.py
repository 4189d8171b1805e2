"""Who may start, and in which order."""

import asyncio
import os
from collections.abc import Callable
from typing import Any

import pytest

from tasks.refusal import Refusal, SandboxDeath
from tests.support.sandbox.child_events import ChildEvent, Gate
from tests.worker.sandbox.conftest import MakeSandbox
from worker.sandbox import sandbox as sandbox_module
from worker.sandbox.admission import Admission
from worker.sandbox.limits import NICE
from worker.sandbox.sandbox import ASKS

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


async def test_a_call_may_use_all_cores_if_nothing_else_runs(
    make_sandbox: MakeSandbox, event: ChildEvent, gate: Gate
) -> None:
    sandbox = make_sandbox(children=3)
    assert await sandbox.call(f"{WORK}:count_cores", seconds=10, memory_mb=1) == 3
    other = asyncio.create_task(
        sandbox.call(f"{WORK}:announce_and_wait", event.path, gate.path, seconds=10, memory_mb=1)
    )
    await event.wait()
    assert await sandbox.call(f"{WORK}:count_cores", seconds=10, memory_mb=1) == 1
    gate.open()
    await other
    assert await sandbox.call(f"{WORK}:count_cores", seconds=10, memory_mb=1) == 3


async def test_a_call_that_came_alone_and_one_that_waits_share_the_cores() -> None:
    admission = Admission(1, 100)
    first = await admission.enter("one", 1)
    assert admission.is_alone()
    waiting = asyncio.create_task(admission.enter("two", 1))
    await settle()
    assert not admission.is_alone()
    admission.leave(first)
    await waiting
    assert admission.is_alone()


async def test_waiting_does_not_count_against_the_time_limit(
    make_sandbox: MakeSandbox, event: ChildEvent, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits_s: list[float] = []

    def note_limit(left_s: float, *rest: Any) -> Any:
        limits_s.append(left_s)
        return answer_within(left_s, *rest)

    answer_within = sandbox_module._answer_within  # noqa: SLF001
    monkeypatch.setattr(sandbox_module, "_answer_within", note_limit)
    sandbox = make_sandbox(children=1)
    holder = asyncio.create_task(
        sandbox.call(f"{WORK}:announce_and_wait", event.path, gate.path, seconds=10, memory_mb=1)
    )
    await event.wait()
    waiting = asyncio.create_task(sandbox.call(f"{WORK}:echo", 1, seconds=20, memory_mb=1))
    done, _ = await asyncio.wait({waiting}, timeout=0.1)
    assert not done
    gate.open()
    await holder
    assert await waiting == [1]
    assert limits_s == [10, 20]


async def test_a_call_larger_than_the_budget_runs_alone_rather_than_never() -> None:
    admission = Admission(places=4, budget_mb=100)
    first = await admission.enter("a", 10)
    giant = asyncio.create_task(admission.enter("a", 500))
    small = asyncio.create_task(admission.enter("a", 10))
    await settle()
    assert not giant.done()
    admission.leave(first)
    await settle()
    assert giant.done()
    assert not small.done()
    admission.leave(await giant)
    await small


async def test_nobody_is_overtaken() -> None:
    admission = Admission(places=4, budget_mb=100)
    first = await admission.enter("a", 60)
    large = asyncio.create_task(admission.enter("b", 90))
    await settle()
    small = [asyncio.create_task(admission.enter(owner, 10)) for owner in ("b", "c")]
    await settle()
    assert not any(one.done() for one in small)
    admission.leave(first)
    await asyncio.gather(large, small[1])  # and the owner that has one waits for another turn


async def test_owners_take_turns_whoever_came_first() -> None:
    admission = Admission(places=1, budget_mb=100)
    running = await admission.enter("many", 1)
    order: list[str] = []

    async def enter(owner: str) -> None:
        grant = await admission.enter(owner, 1)
        order.append(owner)
        admission.leave(grant)

    calls = [asyncio.create_task(enter(owner)) for owner in ("many", "many", "many", "few", "few", "one")]
    await settle()
    admission.leave(running)
    await asyncio.gather(*calls)
    assert order == ["many", "few", "one", "many", "few", "many"]


async def test_of_two_places_an_owner_that_holds_one_gets_the_other_after_those_that_hold_none() -> None:
    admission = Admission(places=2, budget_mb=100)
    held = [await admission.enter("many", 1) for _ in range(2)]
    more = asyncio.create_task(admission.enter("many", 1))
    await settle()
    one = asyncio.create_task(admission.enter("one", 1))
    await settle()
    admission.leave(held[0])
    await one
    assert not more.done()
    admission.leave(held[1])
    await more


async def test_the_reserved_place_and_its_memory_are_for_an_owner_that_holds_none() -> None:
    admission = Admission(places=2, budget_mb=100, reserved_mb=20)
    assert admission.largest_mb == 100
    held = [await admission.enter("many", 40) for _ in range(2)]
    more = asyncio.create_task(admission.enter("many", 1))
    await settle()
    assert not more.done()
    too_large = asyncio.create_task(admission.enter("two", 30))
    first = await admission.enter("one", 20)
    second = asyncio.create_task(admission.enter("one", 1))
    third = asyncio.create_task(admission.enter("three", 20))
    await settle()
    assert not any(call.done() for call in (more, too_large, second, third))
    admission.leave(first)
    admission.leave(await second)  # it came before "three", and its owner held nothing any more
    await third
    admission.leave(held[0])
    await too_large
    await settle()
    assert not more.done()
    admission.leave(held[1])
    await more


async def test_what_needs_the_reserved_memory_too_runs_alone() -> None:
    admission = Admission(places=2, budget_mb=100, reserved_mb=20)
    held = [await admission.enter("a", 80), await admission.enter("b", 20)]
    giant = asyncio.create_task(admission.enter("c", 100))
    for one in held:
        await settle()
        assert not giant.done()
        admission.leave(one)
    grant = await giant
    small = asyncio.create_task(admission.enter("d", 1))
    await settle()
    assert not small.done()
    admission.leave(grant)
    await small


async def test_a_running_call_gets_more_memory_at_once_if_there_is_some() -> None:
    admission = Admission(places=2, budget_mb=100)
    first = await admission.enter("a", 10)
    second = await admission.enter("a", 10)
    await admission.extend(first, 90)
    waiting = asyncio.create_task(admission.extend(second, 20))
    await settle()
    assert not waiting.done()
    other = asyncio.create_task(admission.enter("b", 10))  # the one that waits has given its place back
    await other
    admission.leave(first)
    await waiting
    admission.leave(second)
    admission.leave(await other)
    await asyncio.wait_for(admission.enter("a", 100), 10)


async def test_who_waits_for_more_memory_is_the_next_of_its_owner() -> None:
    admission = Admission(places=1, budget_mb=100, reserved_mb=20)
    held = await admission.enter("many", 80)
    grant = await admission.enter("one", 5)
    await admission.extend(grant, 15)
    assert grant.memory_mb == 15
    large = asyncio.create_task(admission.extend(grant, 40))
    small = asyncio.create_task(admission.enter("one", 30))
    await settle()
    assert not large.done()
    admission.leave(held)
    await large
    assert not small.done()
    admission.leave(grant)
    await small


@pytest.mark.parametrize("extending", [False, True])
async def test_a_cancelled_wait_lets_those_behind_it_go_on(extending: bool) -> None:
    admission = Admission(places=4, budget_mb=100)
    await admission.enter("a", 60)
    if extending:
        large = asyncio.create_task(admission.extend(await admission.enter("a", 1), 90))
    else:
        large = asyncio.create_task(admission.enter("a", 90))  # type: ignore[arg-type]
    await settle()
    small = asyncio.create_task(admission.enter("a", 10))
    await settle()
    assert not small.done()
    large.cancel()
    await small
    with pytest.raises(asyncio.CancelledError):
        await large


async def test_room_given_to_a_wait_that_is_cancelled_in_the_same_moment_is_not_lost() -> None:
    admission = Admission(places=1, budget_mb=100)
    first = await admission.enter("a", 1)
    waiting = asyncio.create_task(admission.enter("a", 1))
    await settle()
    admission.leave(first)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.wait_for(admission.enter("a", 1), 10)


async def test_a_child_that_asks_for_memory_goes_on_when_it_is_its_turn(
    make_sandbox: MakeSandbox, event: ChildEvent, gate: Gate
) -> None:
    sandbox = make_sandbox(budget_mb=100)
    holder = asyncio.create_task(
        sandbox.call(f"{WORK}:announce_and_wait", event.path, gate.path, seconds=10, memory_mb=60)
    )
    await event.wait()
    assert await sandbox.call(f"{WORK}:ask_for_memory", [20, 40], seconds=10, memory_mb=10) == 2
    asking = asyncio.create_task(sandbox.call(f"{WORK}:ask_for_memory", [90], seconds=10, memory_mb=10))
    done, _ = await asyncio.wait({asking}, timeout=0.2)
    assert not done
    gate.open()
    await holder
    assert await asking == 1


async def test_a_child_that_asks_for_more_than_there_is_is_refused(make_sandbox: MakeSandbox) -> None:
    sandbox = make_sandbox(budget_mb=100, reserved_mb=20)
    with pytest.raises(Refusal, match="SANDBOX_BUDGET_MB") as caught:
        await sandbox.call(f"{WORK}:ask_for_memory", [101], seconds=10, memory_mb=10)
    assert (caught.value.code, caught.value.limit) == ("too_much_memory", 100)
    assert await sandbox.call(f"{WORK}:ask_for_memory", [100], seconds=10, memory_mb=10) == 1


async def test_a_child_that_asks_more_often_than_it_may_is_killed(make_sandbox: MakeSandbox) -> None:
    sandbox = make_sandbox()
    amounts_mb = list(range(2, 2 + ASKS))
    assert await sandbox.call(f"{WORK}:ask_for_memory", amounts_mb, seconds=10, memory_mb=1) == ASKS
    with pytest.raises(SandboxDeath, match="invalid answer"):
        await sandbox.call(f"{WORK}:ask_for_memory", [*amounts_mb, 100], seconds=10, memory_mb=1)
    assert await sandbox.call(f"{WORK}:echo", 1, seconds=10, memory_mb=1) == [1]


async def test_a_call_that_is_cancelled_while_it_asks_gives_everything_back(
    make_sandbox: MakeSandbox, event: ChildEvent, gate: Gate
) -> None:
    sandbox = make_sandbox(children=2, budget_mb=100)
    holder = asyncio.create_task(
        sandbox.call(f"{WORK}:announce_and_wait", event.path, gate.path, seconds=10, memory_mb=60)
    )
    await event.wait()
    asking = asyncio.create_task(sandbox.call(f"{WORK}:ask_for_memory", [90], seconds=10, memory_mb=10))
    await asyncio.wait({asking}, timeout=0.2)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    gate.open()
    await holder
    assert await sandbox.call(f"{WORK}:ask_for_memory", [100], seconds=10, memory_mb=100) == 1


async def test_the_room_of_a_killed_call_is_given_on(make_sandbox: MakeSandbox, event: ChildEvent) -> None:
    sandbox = make_sandbox(children=1)
    running = asyncio.create_task(sandbox.call(f"{WORK}:announce_and_spin", event.path, seconds=10, memory_mb=10_000))
    await event.wait()
    waiting = asyncio.create_task(sandbox.call(f"{WORK}:echo", 1, seconds=10, memory_mb=10_000))
    await settle()
    running.cancel()
    assert await waiting == [1]


async def test_a_child_that_asked_for_memory_gives_way_and_serves_only_who_has_another_call_running(
    make_sandbox: MakeSandbox, event: ChildEvent, gate: Gate
) -> None:
    sandbox = make_sandbox(children=2)
    slow = await sandbox.call(f"{WORK}:pid", seconds=10, memory_mb=10)
    usual = os.getpriority(os.PRIO_PROCESS, slow)
    assert await sandbox.call(f"{WORK}:ask_for_memory", [20], seconds=10, memory_mb=10) == 1
    quick = await sandbox.call(f"{WORK}:pid", seconds=10, memory_mb=10)
    assert slow != quick
    # The zygote has forked the second child, so it has read what came before.
    assert [os.getpriority(os.PRIO_PROCESS, pid) for pid in (slow, quick)] == [min(usual + NICE, 19), usual]
    held = asyncio.create_task(
        sandbox.call(f"{WORK}:announce_and_wait", event.path, gate.path, seconds=10, memory_mb=1)
    )
    assert await event.wait() == quick
    assert await sandbox.call(f"{WORK}:pid", seconds=10, memory_mb=1) == slow
    gate.open()
    await held
