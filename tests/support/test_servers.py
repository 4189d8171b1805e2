"""Servers and processes that tests start end with the tests."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import ROOT
from tests.support.sandbox.child_events import ChildEvent, ProcessWatch, children_of

TEST = """
import time
from pathlib import Path
from tests.support.processes import start

def test_that_never_ends(valkey):
    worker = start(valkey.url, "worker")
    with open({pipe!r}, "w") as opened:
        opened.write(f"{{worker.pid}}")
    time.sleep(600)
"""


@pytest.fixture
def tests(tmp_path: Path, started: ChildEvent) -> Iterator["subprocess.Popen[bytes]"]:
    """A pytest that runs TEST."""
    (tmp_path / "test_slow.py").write_text(TEST.format(pipe=started.path))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-n",
        "0",
        "-p",
        "tests.conftest",
        f"--rootdir={tmp_path}",
        str(tmp_path),
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True) as process:
        yield process
        process.kill()


@pytest.fixture
def started(tmp_path: Path) -> Iterator[ChildEvent]:
    event = ChildEvent(tmp_path / "pipe")
    yield event
    event.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has ended")
async def test_a_killed_pytest_leaves_no_server_and_no_worker_behind(
    tests: "subprocess.Popen[bytes]", started: ChildEvent
) -> None:
    worker = await started.wait()
    (valkey,) = set(children_of(tests.pid)) - {worker}
    with ProcessWatch(worker) as worker_watch, ProcessWatch(valkey) as valkey_watch:
        os.kill(tests.pid, signal.SIGKILL)
        await worker_watch.gone()
        await valkey_watch.gone()
