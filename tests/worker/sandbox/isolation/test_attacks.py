"""Each attack is run as a child would run it, and outside of a sandbox, where it must succeed."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.refusal import SandboxDeath
from tests.support.sandbox import attacks
from tests.support.sandbox.attacks import DONE
from tests.support.sandbox.child_events import ProcessWatch
from tests.worker.sandbox.isolation.conftest import (
    CLOSED,
    NEEDS_LANDLOCK,
    NEEDS_SECCOMP,
    Attack,
    on_old_kernel,
)
from worker.sandbox.sandbox import ProcessSandbox

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(sys.platform != "linux", reason="the isolation is Linux's")]


ANSWER_TIMEOUT = "worker.sandbox.launcher.ANSWER_TIMEOUT_S"


def closed(tried: dict[str, str]) -> dict[str, str]:
    """Attacks that were not refused, but should be."""
    return {name: how for name, how in tried.items() if how not in CLOSED}


@NEEDS_LANDLOCK
async def test_environments_and_files_of_settings_are_closed(
    attack: Attack, victim: Callable[[str], int], tmp_path: Path
) -> None:
    secrets = tmp_path / ".env"
    secrets.write_text("SECRET_KEY=x")
    paths = [str(secrets), f"/proc/{victim('open')}/environ", "/etc/passwd", f"/proc/{os.getpid()}/maps"]
    assert set(attacks.read_files(paths).values()) == {DONE}
    assert closed(await attack("read_files", paths)) == {}


@NEEDS_LANDLOCK
async def test_what_is_beside_the_packages_of_the_search_path_is_closed(attack: Attack) -> None:
    root = Path(__file__).parents[4]
    told = await attack("read_files", [str(root / "pyproject.toml"), str(root / "worker/engine.py")])
    assert list(told.values()) == ["EACCES", DONE]


@NEEDS_LANDLOCK
async def test_only_its_own_folder_is_writable(attack: Attack, tmp_path: Path) -> None:
    own, other = tmp_path / "own" / "file", tmp_path / "other"
    code = Path(__file__).parents[4] / "worker" / "planted.py"
    told = await attack("write_files", [str(own), str(other), str(code), f"{tempfile.gettempdir()}/planted"])
    assert list(told.values()) == [DONE, "EACCES", "EACCES", "EACCES"]


@NEEDS_LANDLOCK
@NEEDS_SECCOMP
async def test_files_elsewhere_cannot_be_changed_moved_or_linked_to(attack: Attack, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    before = file.stat()
    told = await attack("change_files", str(file), str(tmp_path / "own"))
    assert {name: how for name, how in told.items() if how not in {*CLOSED, "EXDEV"}} == {}
    assert file.stat() == before


@NEEDS_SECCOMP
async def test_no_socket_is_opened(attack: Attack, listeners: list[list[Any]]) -> None:
    assert set(attacks.connect(listeners).values()) == {DONE}
    assert closed(await attack("connect", [*listeners, ["169.254.169.254", 80]])) == {}
    assert closed(await attack("open_sockets")) == {}


@NEEDS_SECCOMP
@NEEDS_LANDLOCK
async def test_other_processes_are_out_of_reach(attack: Attack, victim: Callable[[str], int]) -> None:
    pid = victim("open")
    assert set(attacks.touch_process(pid).values()) == {DONE}
    assert closed(await attack("touch_process", pid)) == {}
    assert closed(await attack("touch_zygote")) == {}
    assert closed(await attack("touch_process", os.getpid())) == {}


@NEEDS_SECCOMP
def test_without_landlock_too_no_process_is_signalled_and_no_file_emptied_by_name(
    victim: Callable[[str], int], tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    (touched, changed), _ = on_old_kernel(
        "landlock", tmp_path, ("touch_process", [victim("hidden")]), ("change_files", [str(file), str(tmp_path)])
    )
    assert closed(touched) == {}
    assert {changed[name] for name in ("truncate", "open to truncate")} == {"EPERM"}


@NEEDS_SECCOMP
async def test_no_process_is_started_and_no_program_executed(attack: Attack, tmp_path: Path) -> None:
    told = await attack("start_processes", str(tmp_path / "own" / "marker"))
    assert closed(told) == {}
    assert told["clone3"] == "ENOSYS"  # the C library then uses clone
    assert await attack("leave_a_process_behind", str(tmp_path / "own" / "marker")) == "EPERM"


@NEEDS_SECCOMP
async def test_the_rest_of_the_kernel_is_closed(attack: Attack) -> None:
    assert closed(await attack("denied_calls")) == {}
    assert closed(await attack("kernel_calls")) == {}


@NEEDS_SECCOMP
@NEEDS_LANDLOCK
async def test_what_work_needs_is_open(attack: Attack, tmp_path: Path) -> None:
    told = await attack("own_threads_and_memory", str(tmp_path / "own"))
    assert {name: how for name, how in told.items() if how != DONE} == {}


async def test_a_stopped_zygote_does_not_keep_its_children_alive(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sandbox = ProcessSandbox(
        preload=[attacks.__name__], children=2, memory_mb=256, budget_mb=512, recycle_after=100, folders=[tmp_path]
    )

    async def call(name: str, *args: Any, seconds: float = 10) -> Any:
        return await sandbox.call(f"tests.support.sandbox.work:{name}", *args, seconds=seconds, memory_mb=1)

    try:
        zygote = await call("parent_pid")
        with ProcessWatch(await call("pid")) as child, ProcessWatch(zygote) as watched:
            os.kill(zygote, signal.SIGSTOP)
            with monkeypatch.context() as impatient:  # with the stopped zygote alone: others may take their time
                impatient.setattr(ANSWER_TIMEOUT, 0.5)
                with pytest.raises(SandboxDeath, match=r"limit of 1\.5 s"):
                    await call("sleep_for_ever", seconds=1.5)
                await child.gone()
                await watched.gone()  # it is given up, since it does not report the end of its child
        assert await call("echo", 1) == [1]
    finally:
        await sandbox.stop()


async def test_a_zygote_that_is_stopped_between_calls_is_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sandbox = ProcessSandbox(
        preload=[attacks.__name__], children=2, memory_mb=256, budget_mb=512, recycle_after=1, folders=[tmp_path]
    )
    work = "tests.support.sandbox.work"
    try:
        zygote = await sandbox.call(f"{work}:parent_pid", seconds=10, memory_mb=1)
        with ProcessWatch(zygote) as watched:
            os.kill(zygote, signal.SIGSTOP)
            with monkeypatch.context() as impatient:  # with the stopped zygote alone: others may take their time
                impatient.setattr(ANSWER_TIMEOUT, 0.3)
                second = asyncio.create_task(sandbox.call(f"{work}:parent_pid", seconds=10, memory_mb=1))
                await watched.gone()
        assert await second != zygote
    finally:
        await sandbox.stop()


def test_without_seccomp_what_a_child_leaves_behind_is_killed(tmp_path: Path) -> None:
    """Twice: when its child ends by itself, and when it is killed at its limit."""
    marker = tmp_path / "marker"
    answers, _ = on_old_kernel(
        "seccomp", tmp_path, ("leave_a_process_behind", [str(marker)]), ("leave_and_hang", [str(marker)])
    )
    assert answers == [DONE, "timed_out"]
    left = {int(line) for line in marker.read_text().split()}
    assert left
    assert [pid for pid in left if Path(f"/proc/{pid}").exists()] == []
