"""System calls that Python has no function for. Linux only.

They are made between the fork of a child and its first call, where everything that is touched for the first time is
copied: hence the plain code here and in those that use it.
"""

import ctypes
import functools
import os
from collections.abc import Callable
from typing import Final

PR_SET_PDEATHSIG: Final = 1
PR_SET_CHILD_SUBREAPER: Final = 36
PR_SET_NO_NEW_PRIVS: Final = 38


@functools.cache
def libc() -> ctypes.CDLL:
    """The C library of this process."""
    return ctypes.CDLL(None, use_errno=True)


@functools.cache
def _syscall() -> Callable[..., int]:
    function = libc().syscall
    function.restype = ctypes.c_long
    function.argtypes = (ctypes.c_long,) * 6
    return function


def syscall(number: int, *arguments: int) -> int:
    """Make a system call.

    Args:
        number: Of the call, on this machine.
        arguments: Numbers and addresses, five at most.

    Raises:
        OSError: It failed.
    """
    returned = _syscall()(number, *arguments, *(0,) * (5 - len(arguments)))
    if returned < 0:
        raise failure(f"system call {number}")
    return returned


def failure(name: str) -> OSError:
    """The error of the last call into the C library."""
    number = ctypes.get_errno()
    return OSError(number, f"{name}: {os.strerror(number)}")
