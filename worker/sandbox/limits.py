"""Resource limits of a child, enforced by the kernel.

Linux has all of them; elsewhere the address space is not limited, and a child survives a zygote that is killed.
"""

import contextlib
import math
import os
import resource
import signal
import sys
from typing import Final

from tasks.process_memory import PR_SET_DUMPABLE, hide_from_others, prctl
from worker.sandbox.isolation import kernel

MiB = 1024 * 1024
FILE_SIZE_MB: Final = 512  # of one file that the work writes
OPEN_FILES: Final = 256
CPU_MARGIN_S: Final = 2
NICE: Final = 10
"""By how much a child gives way once it has asked for memory: beside it, another one gets nine tenths of a core."""

_OOM_SCORE = b"700"  # of 1000: when the machine runs out of memory, a child goes before the worker does


def confine(memory_mb: int) -> None:
    """Set every limit that does not depend on a call, for the rest of this process's life.

    Args:
        memory_mb: Address space in addition to what is mapped now, in megabytes. The interpreter and the preloaded
            modules do not count; what the work imports, thread stacks and leftovers of earlier calls do.
    """
    if sys.platform == "linux":
        _lower(resource.RLIMIT_AS, _address_space_bytes() + memory_mb * MiB)
        prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        # The zygote is hidden, and so are its children: then this file is root's.
        prctl(PR_SET_DUMPABLE, 1)
        with contextlib.suppress(OSError):  # some containers mount /proc read-only
            _write("/proc/self/oom_score_adj", _OOM_SCORE)
        hide_from_others()
    _lower(resource.RLIMIT_FSIZE, FILE_SIZE_MB * MiB)
    _lower(resource.RLIMIT_NOFILE, OPEN_FILES)
    _lower(resource.RLIMIT_CORE, 0)


def allow_cpu(seconds: float) -> None:
    """Let the next call use `seconds` of CPU time on every core, in case the worker is too busy to enforce its
    timeout."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    allowed = usage.ru_utime + usage.ru_stime + seconds * (os.cpu_count() or 1) + CPU_MARGIN_S
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (_at_most(math.ceil(allowed), hard), hard))


def die_with(parent: int) -> None:
    """Let the kernel kill this process when its parent, the process `parent`, ends."""
    if sys.platform == "linux":
        prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _address_space_bytes() -> int:
    # Not by pathlib: all that a child is the first to touch after the fork is copied for it.
    descriptor = os.open("/proc/self/statm", os.O_RDONLY)
    try:
        pages = int(os.read(descriptor, 64).split()[0])
    finally:
        os.close(descriptor)
    return pages * resource.getpagesize()


def _write(path: str, text: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text)
    finally:
        os.close(descriptor)


def _lower(limit: int, value: int) -> None:
    _, hard = resource.getrlimit(limit)
    value = _at_most(value, hard)
    resource.setrlimit(limit, (value, value))


def _at_most(value: int, hard: int) -> int:
    return value if hard == resource.RLIM_INFINITY else min(value, hard)
