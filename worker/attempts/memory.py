"""Measures how much memory this process and its sandbox take, on Linux."""

import os
from pathlib import Path
from typing import NamedTuple


class Memory(NamedTuple):
    """Memory of a group of processes, in megabytes; None where the system does not tell.

    Args:
        rss_mb: Resident memory; shared pages count in every process that shares them.
        pss_mb: Proportional memory; shared pages are divided among the processes that share them.
    """

    rss_mb: float | None
    pss_mb: float | None


def measure() -> Memory:
    """Measure this process and all its descendants. Takes some milliseconds: do not call it in the event loop."""
    kilobytes = {"Rss:": 0, "Pss:": 0}
    try:
        for pid in (os.getpid(), *_descendants(os.getpid())):
            for line in _memory_lines(pid):
                name, amount, *_ = line.split()
                if name in kilobytes:
                    kilobytes[name] += int(amount)
    except (FileNotFoundError, PermissionError):
        return Memory(None, None)
    return Memory(*(round(amount / 1024, 1) for amount in kilobytes.values()))


def _memory_lines(pid: int) -> list[str]:
    """Read the memory lines of a process; none if it has ended."""
    try:
        return Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        if pid == os.getpid():
            raise
        return []


def _descendants(pid: int) -> list[int]:
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            pids = [int(child) for child in children.read_text(encoding="utf-8").split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
        found += [one for child in pids for one in (child, *_descendants(child))]
    return found
