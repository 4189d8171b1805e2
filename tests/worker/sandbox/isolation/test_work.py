"""The isolation closes nothing that pictures need: each format goes in and out, with every library that reads one."""

import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.refusal import SandboxDeath
from tasks.thumbnail.variants import variants_of
from tests.support.pictures import encoded, gif_of_frames, scene
from tests.support.sandbox.attacks import DONE
from tests.support.thumbnail.drawing import LIMITS
from tests.worker.sandbox.isolation.conftest import CLOSED, NEEDS_LANDLOCK, NEEDS_SECCOMP, on_old_kernel
from worker.sandbox.sandbox import ProcessSandbox

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(sys.platform != "linux", reason="the isolation is Linux's")]

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 10"><text y="9">text</text></svg>'
FORMATS = ("jpeg", "png", "webp", "avif", "tiff", "bmp", "ico")
OUT = ("jpeg", "png", "webp", "avif")


def pictures() -> dict[str, bytes]:
    picture = scene(48, 32)
    found = {name: encoded(picture, name) for name in FORMATS}
    return {**found, "gif": gif_of_frames(3), "svg": SVG, "pdf": encoded(picture, "pdf")}


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[ProcessSandbox]:
    sandbox = ProcessSandbox(
        preload=["tasks.thumbnail.imaging"],
        children=1,
        memory_mb=2048,
        budget_mb=512,
        recycle_after=100,
        folders=[tmp_path],
    )
    yield sandbox
    await sandbox.stop()


@NEEDS_SECCOMP
@NEEDS_LANDLOCK
async def test_every_format_is_read_and_written(sandbox: ProcessSandbox, tmp_path: Path) -> None:
    asked = [{"name": name, "width": 16, "format": name} for name in OUT]
    variants = [variant.model_dump() for variant in variants_of(asked)]
    drawn: dict[str, Any] = {}
    for name, data in pictures().items():
        (tmp_path / "source").write_bytes(data)
        paths = (str(tmp_path / "source"), str(tmp_path))
        for engine in ("auto", "pillow"):
            work = ("tasks.thumbnail.imaging:render", *paths, variants, LIMITS, engine, 4)
            answer = await sandbox.call(*work, seconds=60, memory_mb=64)
            drawn[f"{name} {engine}"] = [file["type"] for file in answer["files"]]
    assert drawn == {name: [f"image/{one}" for one in OUT] for name in drawn}


@pytest.mark.parametrize("lacking", ["seccomp", "landlock", "seccomp,landlock,network namespace"])
def test_what_a_system_lacks_is_left_out_and_logged_once(
    tmp_path: Path, lacking: str, victim: Callable[[str], int]
) -> None:
    work = ("own_threads_and_memory", [str(tmp_path)])
    calls: tuple[tuple[str, list[Any]], ...] = (
        work,
        ("leave", []),
        work,
        ("touch_process", [victim("hidden")]),
        ("touch_zygote", []),
    )
    (first, left, second, *touched), printed = on_old_kernel(lacking, tmp_path, *calls)
    assert [first, second] == [dict.fromkeys(first, DONE)] * 2
    assert left == "crashed"  # so the second work is that of another child
    # Without any part, what is hidden stays closed.
    for told in touched:
        assert {told[name] for name in ("ptrace", "read memory", "environ", "mem", "fd")} <= CLOSED
    [line] = [line for line in printed.splitlines() if "sandbox.isolation" in line]
    assert all(part in line for part in lacking.split(","))


def test_without_process_descriptors_the_zygote_kills(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    answers, _ = on_old_kernel("process descriptors", tmp_path, ("hang", [str(marker)]))
    assert answers == ["timed_out"]
    assert not Path(f"/proc/{marker.read_text()}").exists()


async def test_a_child_in_which_a_part_fails_does_not_begin_its_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", ""))))
    (tmp_path / "failing.py").write_text(
        "from worker.sandbox.isolation import seccomp\n"
        "def install(*_):\n    raise OSError(1, 'not now')\n"
        "seccomp.install = install\n"
    )
    sandbox = ProcessSandbox(preload=["failing"], children=1, memory_mb=256, budget_mb=512, recycle_after=100)
    try:
        with pytest.raises(RuntimeError, match="lost its children") as caught:
            await sandbox.call("tests.support.sandbox.work:echo", seconds=10, memory_mb=1)
        assert not isinstance(caught.value, SandboxDeath)
    finally:
        await sandbox.stop()
