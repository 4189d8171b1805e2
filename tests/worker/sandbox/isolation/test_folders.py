"""A child uses the scratch folder of its call, and no other one."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.kind import Sandbox
from tasks.refusal import SandboxDeath
from tests.support.sandbox.child_events import ProcessWatch
from tests.worker.sandbox.isolation.conftest import ATTACKS, CLOSED, NEEDS_LANDLOCK
from worker.attempts.scratch import ScratchFolder, ScratchRoot
from worker.sandbox.admission import Admission
from worker.sandbox.sandbox import ProcessSandbox

pytestmark = [pytest.mark.anyio, NEEDS_LANDLOCK]

WORK = "tests.support.sandbox.work"

Begin = Callable[..., tuple[Sandbox, Path]]


@pytest.fixture
async def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Begin]:
    """Begins attempts: each has a scratch folder with a file `source`, and the sandbox for its calls."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    sandbox = ProcessSandbox(preload=[ATTACKS], children=2, memory_mb=256, budget_mb=512, recycle_after=100)
    root = ScratchRoot()

    def attempt(text: str = "text") -> tuple[Sandbox, Path]:
        scratch = ScratchFolder(root)
        (scratch.folder / "source").write_text(text)
        return sandbox.of("alice", scratch), scratch.folder

    yield attempt
    await sandbox.stop()
    root.remove()
    assert list(tmp_path.iterdir()) == []


async def call(sandbox: Sandbox, name: str, *args: Any, seconds: float = 10) -> Any:
    return await sandbox.call(f"{ATTACKS}:{name}", *args, seconds=seconds, memory_mb=1)


async def test_each_call_has_its_folder_and_its_paths_are_valid_afterwards(begin: Begin) -> None:
    for text in ("one", "two"):  # the same child
        sandbox, folder = begin(text)
        assert (await call(sandbox, "use_folder", str(folder)))["source"] == text
        assert not folder.is_symlink()
        assert sorted(path.name for path in folder.iterdir()) == ["made", "source"]
        assert (folder / "made").read_text() == text.upper()


async def test_a_call_does_not_see_the_folders_of_others(begin: Begin) -> None:
    (first, mine), (second, yours) = begin("mine"), begin("yours")
    slow = asyncio.create_task(call(second, "leave_and_hang", str(yours / "marker"), seconds=60))
    while not yours.is_symlink():
        await asyncio.sleep(0.01)
    told = await call(first, "use_folder", str(mine), str(yours), str(yours.readlink()))
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert set(told["others"]) <= CLOSED
    assert (yours / "source").read_text() == "yours"


async def test_a_folder_cannot_be_kept_for_the_next_call(begin: Begin) -> None:
    (first, mine), (second, _) = begin("mine"), begin("yours")
    assert await call(first, "keep_open", str(mine)) == "done"
    assert await call(second, "use_kept") in CLOSED


async def test_a_folder_that_the_child_moves_away_is_a_crash_and_the_child_is_not_used_again(begin: Begin) -> None:
    sandbox, folder = begin()
    child = await sandbox.call("tests.support.sandbox.work:pid", seconds=10, memory_mb=1)
    with pytest.raises(SandboxDeath, match="moved the folder") as caught:
        await call(sandbox, "hide_folder", str(folder))
    assert caught.value.code == "crashed"
    assert list(folder.iterdir()) == []
    assert await sandbox.call("tests.support.sandbox.work:pid", seconds=10, memory_mb=1) != child


async def test_calls_of_one_attempt_run_one_after_the_other(begin: Begin) -> None:
    sandbox, folder = begin()
    told = await asyncio.gather(*(call(sandbox, "use_folder", str(folder)) for _ in range(5)))
    assert [one["source"] for one in told] == ["text"] * 5


async def test_a_call_that_is_cancelled_or_dies_leaves_the_folder_where_it_was(begin: Begin) -> None:
    sandbox, folder = begin()
    slow = asyncio.create_task(call(sandbox, "leave_and_hang", str(folder / "marker")))
    while not folder.is_symlink():
        await asyncio.sleep(0.01)
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert not folder.is_symlink()
    with pytest.raises(SandboxDeath):
        await sandbox.call("tests.support.sandbox.work:exit_at_once", 3, seconds=10, memory_mb=1)
    assert (folder / "source").read_text() == "text"


async def test_a_new_zygotes_children_have_other_folders_than_one_that_a_waiting_call_still_holds(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks = asyncio.Event()

    async def wait_for_ever(*_: Any) -> None:
        asks.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Admission, "extend", wait_for_ever)
    (first, mine), (second, yours) = begin("mine"), begin("yours")
    zygote = await first.call(f"{WORK}:parent_pid", seconds=10, memory_mb=1)
    waiting = asyncio.create_task(first.call(f"{WORK}:ask_for_memory", [2], seconds=10, memory_mb=1))
    await asks.wait()
    try:
        with ProcessWatch(zygote) as watched:
            os.kill(zygote, signal.SIGKILL)
            await watched.gone()
        assert mine.is_symlink()
        assert (await call(second, "use_folder", str(yours)))["source"] == "yours"
    finally:
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert (mine / "source").read_text() == "mine"
