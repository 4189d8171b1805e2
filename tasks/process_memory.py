"""Hides a process's memory and environment, where its secrets are, from other processes of the same user."""

import ctypes
import functools
import os
import sys
from collections.abc import Callable
from typing import Final

PR_SET_DUMPABLE: Final = 4


@functools.cache
def _prctl() -> Callable[..., int]:
    function = ctypes.CDLL(None, use_errno=True).prctl
    function.argtypes = (ctypes.c_int, *(ctypes.c_ulong,) * 4)
    return function


def prctl(option: int, value: int = 0) -> None:
    """Call prctl(2) with one argument. Linux only.

    Args:
        option: What is set.
        value: Its argument.

    Raises:
        OSError: It failed.
    """
    if _prctl()(option, value, 0, 0, 0) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")


def hide_from_others() -> None:
    """Forbid other processes of this user to attach to this one, to read its memory, and to read
    `/proc/<pid>/environ`. Linux only.

    It holds until the process executes another program. root's other processes keep the right, unless they have given
    up the capability CAP_SYS_PTRACE, as the sandbox does.
    """
    if sys.platform == "linux":
        prctl(PR_SET_DUMPABLE, 0)
