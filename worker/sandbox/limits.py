"""Resource limits of a child, enforced by the kernel.

Linux has all of them; elsewhere the address space is not limited, and a child survives a zygote that is killed.
"""

import contextlib
import ctypes
import math
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Final

MiB = 1024 * 1024
FILE_SIZE_MB: Final = 512  # of one file that the work writes
OPEN_FILES: Final = 256
CPU_MARGIN_S: Final = 2

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_OOM_SCORE = "700"  # of 1000: when the machine runs out of memory, a child goes before the worker does


def keep_secrets() -> None:
    """Hide this process's memory and environment from other processes of its user, such as a compromised child."""
    if sys.platform == "linux":
        _libc_prctl(_PR_SET_DUMPABLE, 0)


def confine(memory_mb: int) -> None:
    """Set every limit that does not depend on a call, for the rest of this process's life.

    Args:
        memory_mb: Address space in addition to what is mapped now, in megabytes. The interpreter and the preloaded
            modules do not count; what the work imports, thread stacks and leftovers of earlier calls do.
    """
    if sys.platform == "linux":
        _lower(resource.RLIMIT_AS, _address_space_bytes() + memory_mb * MiB)
        _libc_prctl(_PR_SET_NO_NEW_PRIVS, 1)
        with contextlib.suppress(OSError):  # some containers mount /proc read-only
            Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)
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
        _libc_prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _address_space_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def _lower(limit: int, value: int) -> None:
    _, hard = resource.getrlimit(limit)
    value = _at_most(value, hard)
    resource.setrlimit(limit, (value, value))


def _at_most(value: int, hard: int) -> int:
    return value if hard == resource.RLIM_INFINITY else min(value, hard)


def _libc_prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")
