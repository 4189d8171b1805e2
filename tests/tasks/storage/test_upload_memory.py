"""Who gets memory for a file, and in which order."""

import asyncio

from tasks.settings import MiB
from tasks.storage.upload_memory import LARGE_BYTES, UploadMemory


def test_what_is_received_has_a_sixteenth() -> None:
    memory = UploadMemory(128 * MiB)
    assert memory.take(5 * MiB)
    assert not memory.take(4 * MiB)
    assert memory.take(3 * MiB)
    memory.give_back(5 * MiB)
    assert memory.take(4 * MiB)


def test_what_sockets_have_received_goes_first() -> None:
    memory = UploadMemory(128 * MiB)
    memory.in_sockets = lambda: 9 * MiB
    assert not memory.take(1)
    memory.in_sockets = lambda: 8 * MiB
    assert memory.take(1)


async def test_files_are_stored_in_their_order_and_one_that_gives_up_holds_up_nobody() -> None:
    memory, began, end = UploadMemory(6 * LARGE_BYTES), list[str](), asyncio.Event()

    async def store(name: str, size: int) -> None:
        async with memory.storing(size):
            began.append(name)
            await end.wait()

    tasks = {}
    for name, size in (("a", 50 * MiB), ("b", 50 * MiB), ("c", 50 * MiB), ("small", 1)):
        tasks[name] = asyncio.create_task(store(name, size))
        await asyncio.sleep(0)
    assert began == ["a", "b"]  # small has room, and waits for its turn
    tasks["c"].cancel()
    await asyncio.gather(tasks["c"], return_exceptions=True)
    await asyncio.sleep(0)
    assert began == ["a", "b", "small"]
    end.set()
    await asyncio.gather(tasks["a"], tasks["b"], tasks["small"])
    assert began == ["a", "b", "small"]
    async with asyncio.timeout(10), memory.storing(50 * MiB), memory.storing(50 * MiB):
        pass


async def test_a_file_larger_than_all_memory_is_stored_alone() -> None:
    memory = UploadMemory(8 * MiB)
    async with asyncio.timeout(10), memory.storing(500 * MiB):
        pass
