"""A network without interfaces, and no capabilities: for the zygote, from which all children inherit both."""

import ctypes
import os
import struct
import sys
from pathlib import Path
from typing import Final

from worker.sandbox.isolation import kernel

CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWNET: Final = 0x40000000
CAPABILITY_VERSION_3: Final = 0x20080522
FILE_CAPABILITIES: Final = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
HEADER: Final = struct.Struct("=Ii")
SETS: Final = struct.Struct("=IIIIII")  # effective, permitted and inheritable: low words, then high ones


def leave_network() -> None:
    """Move this process, which must have one thread, into an empty network.

    A user who is not root gets it in a user namespace of its own, in which it stays the same user. root does not: it
    would lose its right to other users' files, of which the interpreter may be one.

    Raises:
        OSError: The system does not allow it. The process may be left half moved: try it in a child first.
    """
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        _unshare(CLONE_NEWNET)
        return
    _unshare(CLONE_NEWUSER | CLONE_NEWNET)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def drop_capabilities(*, keep_files: bool) -> None:
    """Give up the capabilities of root, which other processes of root are protected by.

    Args:
        keep_files: Keep the right to read and write files of other users, which a worker of root has as well: the
            interpreter or the scratch folder may be another user's.
    """
    if sys.platform != "linux":
        return
    kept = FILE_CAPABILITIES if keep_files else 0
    header = ctypes.create_string_buffer(HEADER.pack(CAPABILITY_VERSION_3, 0), HEADER.size)
    sets = ctypes.create_string_buffer(SETS.size)
    if kernel.libc().capget(header, sets) != 0:
        return  # a system without capabilities
    effective, permitted, *_ = SETS.unpack(sets.raw)
    sets.raw = SETS.pack(effective & kept, permitted & kept, 0, 0, 0, 0)
    kernel.libc().capset(header, sets)  # giving up is never refused


def _unshare(flags: int) -> None:
    if kernel.libc().unshare(flags) != 0:
        raise kernel.failure(f"unshare({flags:#x})")
