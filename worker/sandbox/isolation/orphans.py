"""Ends processes that a child has left behind. Where seccomp works, a child cannot start any."""

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

ROUNDS = 100
"""A process that forks while it is killed is found in the next round; one that forks faster than that is not."""


def kill_orphans(known: Callable[[int], bool]) -> None:
    """Kill the children of this process that it did not start itself.

    Args:
        known: Whether it did start a process.
    """
    for pid in _children_of(os.getpid()):
        if not known(pid):
            _kill(pid)


def kill_descendants(pid: int) -> None:
    """Kill all processes below another one, which is stopped meanwhile and stays so.

    Args:
        pid: Of a child of this process, which takes up what its descendants leave behind.
    """
    os.kill(pid, signal.SIGSTOP)
    for _ in range(ROUNDS):
        found = [child for child in _descendants_of(pid) if _is_running(child)]
        if not found:
            return
        for child in found:
            _kill(child)


def _descendants_of(pid: int) -> list[int]:
    found = []
    waiting = [pid]
    while waiting:
        children = _children_of(waiting.pop())
        found += children
        waiting += children
    return found


def _children_of(pid: int) -> list[int]:
    found: list[int] = []
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
    return found


def _is_running(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    return False


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)
