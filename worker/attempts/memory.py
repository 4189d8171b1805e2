"""Measures how much memory this process and its sandbox take, on Linux.

The sandbox's processes are hidden: only root may read how much of their memory is shared. For others it is estimated.
"""

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
    hidden_kb: list[int] = []
    try:
        for pid in (os.getpid(), *_descendants(os.getpid())):
            try:
                lines = _memory_lines(pid)
            except PermissionError:
                hidden_kb.append(_resident_kb(pid))
                continue
            for line in lines:
                name, amount, *_ = line.split()
                if name in kilobytes:
                    kilobytes[name] += int(amount)
    except (FileNotFoundError, PermissionError):
        return Memory(None, None)
    if hidden_kb:
        zygote, *children = hidden_kb
        kilobytes["Rss:"] += zygote + sum(children)
        # A child shares what the zygote had when it was forked.
        kilobytes["Pss:"] += zygote + sum(max(child - zygote, 0) for child in children)
    return Memory(*(round(amount / 1024, 1) for amount in kilobytes.values()))


def _resident_kb(pid: int) -> int:
    """Read the resident memory of a process, of which everyone may know; 0 if it has ended."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0


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
