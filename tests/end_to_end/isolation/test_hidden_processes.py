"""The memory of the processes that have secrets is closed to other processes of the same user."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.pictures import encoded, quarters
from tests.support.processes import ROOT
from tests.support.sandbox.child_events import children_of

LOOK = """
import json, sys
from tests.support.sandbox import attacks
from worker.sandbox.isolation.namespace import drop_capabilities
drop_capabilities(keep_files=True)  # with CAP_SYS_PTRACE, root would see everything
closed = ("environ", "mem", "ptrace", "read memory", "fd")
print(json.dumps({pid: {name: how for name, how in attacks.touch_process(int(pid)).items() if name in closed}
                  for pid in sys.argv[1:]}))
"""
OPEN = """
from worker.sandbox.isolation.namespace import drop_capabilities
drop_capabilities(keep_files=True)
print(flush=True)
input()
"""
"""A process that is not hidden. Processes of root are closed by their capabilities alone, as long as they have them:
that hiding closes web and worker is seen by users who are not root."""


def look_into(*pids: int) -> dict[str, dict[str, str]]:
    """What a process of the same user without capabilities sees of others."""
    command = [sys.executable, "-c", LOOK, *map(str, pids)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    seen: dict[str, dict[str, str]] = json.loads(done.stdout)
    return seen


def below(pid: int) -> list[int]:
    return [one for child in children_of(pid) for one in (child, *below(child))]


def python_processes(pids: list[int]) -> dict[int, str]:
    """Those that run Python, and the modules that they run."""
    found = {}
    for pid in pids:
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        if "python" in words[0] and "-m" in words:
            found[pid] = words[words.index("-m") + 1]
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="processes are hidden on Linux")
def test_web_worker_and_sandbox_are_closed_to_others_of_their_user(client: httpx.Client, worker: int) -> None:
    posted = client.post("/v1/images", content=encoded(quarters(), "png")).raise_for_status().json()
    job = client.get(f"/v1/jobs/{posted['id']}", params={"wait": 20}).json()
    assert job["state"] == "succeeded", job
    running = python_processes(below(os.getpid()))
    ours = {pid: module for pid, module in running.items() if module in {"api", "worker", "worker.sandbox.zygote"}}
    assert set(ours.values()) == {"api", "worker", "worker.sandbox.zygote"}
    assert worker in ours
    children = [child for pid, module in ours.items() if module.endswith("zygote") for child in children_of(pid)]
    with subprocess.Popen(
        [sys.executable, "-c", OPEN], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        seen = look_into(other.pid, *ours, *children)
        other.communicate(b"\n")
    assert set(seen.pop(str(other.pid)).values()) == {"done"}, "it can look into a process that is not hidden"
    assert {how for told in seen.values() for how in told.values()} <= {"EPERM", "EACCES"}, seen
