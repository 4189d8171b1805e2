"""How much memory this process and its sandbox take, as Linux tells it."""

import os
from pathlib import Path
from typing import NamedTuple


class Memory(NamedTuple):
    """Megabytes. rss: what is mapped, shared pages counted in every process that shares them; pss: each process' share.
    None where the system does not say."""

    rss_mb: float | None
    pss_mb: float | None


def measure() -> Memory:
    """This process and all below it. Takes some milliseconds: not for the event loop."""
    kilobytes = {"Rss:": 0, "Pss:": 0}
    try:
        for pid in (os.getpid(), *_below(os.getpid())):
            for line in _lines(pid):
                name, amount, *_ = line.split()
                if name in kilobytes:
                    kilobytes[name] += int(amount)
    except (FileNotFoundError, PermissionError):
        return Memory(None, None)
    return Memory(*(round(amount / 1024, 1) for amount in kilobytes.values()))


def _lines(pid: int) -> list[str]:
    """What is known of a process; nothing if it has ended."""
    try:
        return Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        if pid == os.getpid():
            raise
        return []


def _below(pid: int) -> list[int]:
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            pids = [int(child) for child in children.read_text(encoding="utf-8").split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
        found += [one for child in pids for one in (child, *_below(child))]
    return found
