"""Hides a process's memory and environment, where its secrets are, from other processes of the same user."""

import ctypes
import os
import sys

PR_SET_DUMPABLE = 4


def hide_from_others() -> None:
    """Forbid other processes of this user to attach to this one, to read its memory, and to read
    `/proc/<pid>/environ`. Linux only.

    It holds until the process executes another program. root's other processes keep the right, unless they have given
    up the capability CAP_SYS_PTRACE, as the sandbox does.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl(PR_SET_DUMPABLE): {os.strerror(number)}")
