"""What a child sees, and what it may take."""

import errno
import os
import socket
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tasks.kind import Sandbox
from tasks.refusal import Refusal, SandboxDeath
from tests.support.machine.small_disk import small_disk
from tests.worker.sandbox.conftest import ROOMY, MakeSandbox
from worker.sandbox import limits
from worker.sandbox.sandbox import ProcessSandbox

WORK = "tests.support.sandbox.work"


async def call(sandbox: Sandbox, name: str, *args: Any, seconds: float = 10) -> Any:
    return await sandbox.call(f"{WORK}:{name}", *args, seconds=seconds, memory_mb=1)


async def test_a_secret_in_the_workers_environment_does_not_enter(
    make_sandbox: MakeSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://:secret@somewhere")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("LANG", "C.UTF-8")
    seen = await call(make_sandbox(), "environment")
    assert "secret" not in str(seen)
    assert seen["LANG"] == "C.UTF-8"
    assert seen["MALLOC_ARENA_MAX"] == "2"


async def test_a_child_holds_its_line_and_its_progress_page_and_nothing_else(
    sandbox: ProcessSandbox, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, (tmp_path / "open").open("w") as file:
        os.set_inheritable(server.fileno(), True)
        os.set_inheritable(file.fileno(), True)
        seen = await call(sandbox, "descriptors")
    beyond = {number: target for number, target in seen.items() if int(number) > 2 and "/fd" not in target}
    line, page = sorted(beyond.values(), reverse=True)
    assert line.startswith("socket:")
    assert page.startswith(tempfile.gettempdir())
    assert page.endswith("(deleted)")
    assert seen["0"] == os.devnull


async def test_a_second_child_does_not_hold_the_first_ones_line(sandbox: ProcessSandbox, tmp_path: Path) -> None:
    first = await call(sandbox, "descriptors")
    with pytest.raises(RuntimeError):
        await call(sandbox, "fail")
    assert len(await call(sandbox, "descriptors")) == len(first)


async def test_memory_means_what_the_work_takes_on_top_of_its_code(make_sandbox: MakeSandbox) -> None:
    sandbox = make_sandbox(preload=["tests.support.sandbox.work", "PIL.Image"], memory_mb=100)
    assert await call(sandbox, "address_space_mb") > 20
    assert await call(sandbox, "allocate", 95) == 95 * limits.MiB
    with pytest.raises(SandboxDeath, match="limit of 100 MB"):
        await call(sandbox, "allocate", 101)


async def test_what_one_call_took_is_there_for_the_next(sandbox: ProcessSandbox) -> None:
    for _ in range(3):
        assert await call(sandbox, "allocate", ROOMY["memory_mb"] - 10) > 0


async def test_a_file_over_the_limit_is_refused_and_one_under_it_is_not(
    sandbox: ProcessSandbox, tmp_path: Path
) -> None:
    limit = limits.FILE_SIZE_MB * limits.MiB
    await call(sandbox, "write_file", str(tmp_path / "large"), limit)
    with pytest.raises(Refusal, match="limit of 512 MB") as caught:
        await call(sandbox, "write_file", str(tmp_path / "larger"), limit + 1)
    assert (caught.value.code, caught.value.limit) == ("output_too_large", limit)


async def test_a_disk_that_is_full_is_no_fault_of_the_work(sandbox: ProcessSandbox, tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", megabytes=1) as disk, pytest.raises(OSError, match="No space") as caught:
        await call(sandbox, "write_zeros", str(disk.folder / "large"), 2 * limits.MiB)
    assert caught.value.errno == errno.ENOSPC
    assert await call(sandbox, "echo", 1) == [1]


async def test_descriptors_core_dumps_and_new_privileges_are_limited(sandbox: ProcessSandbox) -> None:
    assert await call(sandbox, "limits") == {
        "RLIMIT_NOFILE": limits.OPEN_FILES,
        "RLIMIT_CORE": 0,
        "RLIMIT_FSIZE": limits.FILE_SIZE_MB * limits.MiB,
    }
    assert await call(sandbox, "new_privileges_barred")


async def test_processor_time_is_granted_anew_for_each_call(sandbox: ProcessSandbox) -> None:
    cores = os.cpu_count() or 1
    long, short = await call(sandbox, "cpu_seconds", seconds=100), await call(sandbox, "cpu_seconds", seconds=10)
    assert 100 * cores < long <= 100 * cores + limits.CPU_MARGIN_S + 1
    assert 10 * cores < short <= 10 * cores + limits.CPU_MARGIN_S + 1
