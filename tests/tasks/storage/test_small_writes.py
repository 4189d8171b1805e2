"""Small writes: several in one turn of a thread, and each with its own answer."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks.storage.folder import small_writes
from tasks.storage.folder.small_writes import MOST, SmallWrites


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as executor:
        yield executor


async def test_what_comes_while_others_are_written_shares_a_turn(
    threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(small_writes, "LONG_S", 60)
    writes, free = SmallWrites(threads), threading.Event()
    first = asyncio.create_task(writes.run(free.wait))
    await asyncio.sleep(0)
    others = [asyncio.create_task(writes.run(threading.get_ident)) for _ in range(MOST)]
    await asyncio.sleep(0)
    free.set()
    assert await first
    assert len(set(await asyncio.gather(*others))) == 1


async def test_each_has_its_own_answer_or_error(threads: ThreadPoolExecutor) -> None:
    writes = SmallWrites(threads)

    def fail() -> None:
        raise OSError("the disk is full")

    answers = await asyncio.gather(*(writes.run(call) for call in (lambda: 1, fail, lambda: 3)), return_exceptions=True)
    assert (answers[0], str(answers[1]), answers[2]) == (1, "the disk is full", 3)


async def test_a_slow_write_holds_no_other_up(threads: ThreadPoolExecutor) -> None:
    writes, free = SmallWrites(threads), threading.Event()
    slow = [asyncio.create_task(writes.run(free.wait)) for _ in range(2)]
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(10):
            assert await writes.run(lambda: 3) == 3
    finally:
        free.set()
    assert await asyncio.gather(*slow) == [True, True]


async def test_a_write_that_hangs_holds_no_other_of_its_turn_up(threads: ThreadPoolExecutor) -> None:
    writes, hold, free = SmallWrites(threads), threading.Event(), threading.Event()
    with pytest.MonkeyPatch.context() as patient:
        patient.setattr(small_writes, "LONG_S", 60)
        first = asyncio.create_task(writes.run(hold.wait))
        await asyncio.sleep(0)
        calls = (lambda: 1, free.wait, lambda: 3)
        before, hanging, after = (asyncio.create_task(writes.run(call)) for call in calls)
        await asyncio.sleep(0)
        writes._timer.cancel()  # type: ignore[union-attr]  # noqa: SLF001 - the three are to be in one turn
        writes._timer = None  # noqa: SLF001
    hold.set()
    try:
        async with asyncio.timeout(10):
            assert [*await asyncio.gather(first, before, after)] == [True, 1, 3]
        assert not hanging.done()
    finally:
        free.set()
    assert await hanging


async def test_without_a_thread_it_says_so(threads: ThreadPoolExecutor) -> None:
    writes, free = SmallWrites(threads), threading.Event()
    first = asyncio.create_task(writes.run(free.wait))
    await asyncio.sleep(0)
    second = asyncio.create_task(writes.run(lambda: 2))
    await asyncio.sleep(0)
    threads.shutdown(wait=False)
    free.set()
    assert await first
    with pytest.raises(RuntimeError, match="shutdown"):
        await second


def test_another_loop_begins_anew(threads: ThreadPoolExecutor) -> None:
    writes, free = SmallWrites(threads), threading.Event()

    async def leave() -> None:
        left = asyncio.create_task(writes.run(free.wait))
        await asyncio.sleep(0)
        left.cancel()

    async def use() -> int:
        async with asyncio.timeout(10):
            return await writes.run(lambda: 2)

    asyncio.run(leave())
    assert asyncio.run(use()) == 2
    free.set()


async def test_a_cancelled_one_is_left_out(threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_writes, "LONG_S", 60)
    writes, free, made = SmallWrites(threads), threading.Event(), []
    first = asyncio.create_task(writes.run(free.wait))
    await asyncio.sleep(0)
    cancelled, later = (asyncio.create_task(writes.run(lambda name=name: made.append(name))) for name in "ab")  # type: ignore[misc]
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.gather(cancelled, return_exceptions=True)
    free.set()
    await asyncio.gather(first, later)
    assert made == ["b"]
