"""The seccomp filter of a child: which system calls it may make. It needs no privilege.

A denied call fails with EPERM, one that is unknown or could be replaced by another (clone3, openat2) with ENOSYS. A
call by the rules of another architecture, which has other numbers, ends the process.
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Sequence
from typing import Final, NamedTuple

from worker.sandbox.isolation import kernel
from worker.sandbox.isolation.system_calls import DENIED, FIRST_UNKNOWN, UNASSIGNED

CLONE_THREAD: Final = 0x10000
PRCTL_ALLOWED: Final = (
    *(2, 3),  # PR_GET_PDEATHSIG, PR_GET_DUMPABLE
    *(15, 16),  # PR_SET_NAME, PR_GET_NAME
    *(21, 23, 39),  # PR_GET_SECCOMP, PR_CAPBSET_READ, PR_GET_NO_NEW_PRIVS
    0x53564D41,  # PR_SET_VMA, with which allocators name their memory
)
IOCTL_DENIED: Final = (
    *(0x5412, 0x541C),  # TIOCSTI and TIOCLINUX type into the terminal that the worker was started from
    *(0x8901, 0x8902),  # FIOSETOWN and SIOCSPGRP, as F_SETOWN below
)
FCNTL_DENIED: Final = (8, 15, 10)
"""F_SETOWN, F_SETOWN_EX and F_SETSIG: they let a file send any signal to another process when it becomes readable."""
ACCESS_AND_TRUNCATE: Final = 0o1003
TRUNCATE_WITHOUT_WRITING: Final = (0o1000, 0o1003)
"""O_TRUNC with O_RDONLY or O_ACCMODE: before Linux 6.2 landlock takes it for reading."""

MODE_FILTER: Final = 1  # SECCOMP_SET_MODE_FILTER
GET_ACTION_AVAIL: Final = 2
# Without it, kernels before 5.16 make every branch of the process slower: a protection for engines that compile
# untrusted code, from themselves.
FLAG_SPEC_ALLOW: Final = 4

ALLOW: Final = 0x7FFF0000
KILL_PROCESS: Final = 0x80000000
ERRNO: Final = 0x00050000
DENY: Final = ERRNO | errno.EPERM
UNKNOWN: Final = ERRNO | errno.ENOSYS

LOAD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_ABOVE, JUMP_ANY_BIT, AND, RETURN = 0x20, 0x15, 0x35, 0x25, 0x45, 0x54, 0x06
"""Instructions of classic BPF: load a word, four jumps by a constant, keep the bits of a constant, return."""
NUMBER_AT, ARCHITECTURE_AT = 0, 4  # in struct seccomp_data
FIRST_ARGUMENT_AT, SECOND_ARGUMENT_AT, THIRD_ARGUMENT_AT = 16, 24, 32
INSTRUCTION: Final = struct.Struct("=HBBI")
OWN_PID: Final = 0x7E57_0B1D
"""Stands in the program for the process id of the child: no process has this number."""


class Architecture(NamedTuple):
    """The numbers of an architecture. column: its place in the table of system calls."""

    column: int
    audit: int
    seccomp: int
    clone: int
    clone3: int
    kill: int
    tkill: int
    tgkill: int
    prctl: int
    prlimit64: int
    ioctl: int
    fcntl: int
    open: int | None
    openat: int
    openat2: int


ARCHITECTURES: Final = {
    "x86_64": Architecture(0, 0xC000003E, 317, 56, 435, 62, 200, 234, 157, 302, 16, 72, 2, 257, 437),
    "aarch64": Architecture(1, 0xC00000B7, 277, 220, 435, 129, 130, 131, 167, 261, 29, 25, None, 56, 437),
}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def architecture() -> Architecture | None:
    """This machine's numbers; None for a machine or a system that the filter is not written for."""
    if sys.platform != "linux" or sys.maxsize < 1 << 32 or sys.byteorder != "little":
        return None
    return ARCHITECTURES.get(platform.machine())


def is_available() -> bool:
    """Tell whether this kernel filters system calls."""
    machine = architecture()
    if machine is None:
        return False
    try:
        kernel.syscall(machine.seccomp, GET_ACTION_AVAIL, 0, ctypes.addressof(ctypes.c_uint32(ERRNO)))
    except OSError:
        return False
    return True


def program(machine: Architecture) -> bytes:
    """Build the filter, with OWN_PID where the child's process id goes.

    Args:
        machine: The architecture that it is for.
    """
    return b"".join(
        (
            _instruction(LOAD, ARCHITECTURE_AT),
            _instruction(JUMP_EQUAL, machine.audit, then=1),
            _instruction(RETURN, KILL_PROCESS),
            _instruction(LOAD, NUMBER_AT),
            _if(JUMP_AT_LEAST, FIRST_UNKNOWN, UNKNOWN),
            _if(JUMP_EQUAL, machine.clone3, UNKNOWN),
            _if(JUMP_EQUAL, machine.openat2, UNKNOWN),  # its flags are in memory, which a filter cannot read
            # A thread is allowed, a process is not.
            _by_argument(machine.clone, FIRST_ARGUMENT_AT, _if(JUMP_ANY_BIT, CLONE_THREAD, ALLOW), DENY),
            *(
                _by_argument(number, FIRST_ARGUMENT_AT, _if(JUMP_EQUAL, OWN_PID, ALLOW), DENY)
                for number in (machine.kill, machine.tkill, machine.tgkill)
            ),
            _by_argument(
                machine.prlimit64,
                FIRST_ARGUMENT_AT,
                _if(JUMP_EQUAL, 0, ALLOW) + _if(JUMP_EQUAL, OWN_PID, ALLOW),
                DENY,
            ),
            _by_argument(
                machine.prctl,
                FIRST_ARGUMENT_AT,
                b"".join(_if(JUMP_EQUAL, option, ALLOW) for option in PRCTL_ALLOWED),
                DENY,
            ),
            _by_argument(
                machine.ioctl,
                SECOND_ARGUMENT_AT,
                b"".join(_if(JUMP_EQUAL, request, DENY) for request in IOCTL_DENIED),
                ALLOW,
            ),
            _by_argument(
                machine.fcntl,
                SECOND_ARGUMENT_AT,
                b"".join(_if(JUMP_EQUAL, command, DENY) for command in FCNTL_DENIED),
                ALLOW,
            ),
            *(
                _by_argument(
                    number,
                    flags_at,
                    _instruction(AND, ACCESS_AND_TRUNCATE)
                    + b"".join(_if(JUMP_EQUAL, flags, DENY) for flags in TRUNCATE_WITHOUT_WRITING),
                    ALLOW,
                )
                for number, flags_at in ((machine.open, SECOND_ARGUMENT_AT), (machine.openat, THIRD_ARGUMENT_AT))
                if number is not None
            ),
            _decision(denied_ranges(machine)),
        )
    )


def denied_ranges(machine: Architecture) -> list[tuple[int, int]]:
    """The denied numbers as ranges, ascending: the first and the last number of each."""
    numbers = {number for pair in DENIED.values() if (number := pair[machine.column]) is not None}
    first, last = UNASSIGNED[machine.column]
    numbers.update(range(first, last + 1))
    ranges: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges


def install(template: bytes, machine: Architecture) -> None:
    """Put the filter on this thread and on those that it starts, for the rest of their lives.

    Args:
        template: What `program` returned.
        machine: This machine's numbers.

    Raises:
        OSError: The kernel refuses it.
    """
    code = template.replace(struct.pack("=I", OWN_PID), struct.pack("=I", os.getpid()))
    instructions = ctypes.create_string_buffer(code, len(code))
    filled = _Program(len(code) // INSTRUCTION.size, ctypes.addressof(instructions))
    try:
        kernel.syscall(machine.seccomp, MODE_FILTER, FLAG_SPEC_ALLOW, ctypes.addressof(filled))
    except OSError as error:
        if error.errno != errno.EINVAL:  # a kernel before 4.17 does not know the flag
            raise
        kernel.syscall(machine.seccomp, MODE_FILTER, 0, ctypes.addressof(filled))


def _instruction(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    """Encode an instruction. then, otherwise: how many instructions a jump skips."""
    return INSTRUCTION.pack(code, then, otherwise, value)


def _if(jump: int, value: int, action: int) -> bytes:
    """Take an action if the loaded word fulfils a condition, else go on."""
    return _instruction(jump, value, otherwise=1) + _instruction(RETURN, action)


def _by_argument(number: int, at: int, conditions: bytes, otherwise: int) -> bytes:
    """Decide about one system call by one of its arguments. Other calls go on, with their number loaded."""
    decision = _instruction(LOAD, at) + conditions + _instruction(RETURN, otherwise)
    return _instruction(JUMP_EQUAL, number, otherwise=len(decision) // INSTRUCTION.size) + decision


def _decision(ranges: Sequence[tuple[int, int]]) -> bytes:
    """Deny what is in one of the ranges, by binary search: the kernel follows the filter once for every system call
    when it is installed."""
    if not ranges:
        return _instruction(RETURN, ALLOW)
    middle = len(ranges) // 2
    first, last = ranges[middle]
    below, above = _decision(ranges[:middle]), _decision(ranges[middle + 1 :])
    skipped = len(below) // INSTRUCTION.size
    return b"".join(
        (
            _instruction(JUMP_AT_LEAST, first, then=skipped),
            below,
            _instruction(JUMP_ABOVE, last, then=1),
            _instruction(RETURN, DENY),
            above,
        )
    )
