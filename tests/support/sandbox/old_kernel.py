"""Runs a command as on a kernel, or in a container, that lacks some system calls: they fail with ENOSYS.

python -m tests.support.sandbox.old_kernel PART,… COMMAND…
"""

import errno
import os
import struct
import sys
from ctypes import addressof, c_void_p, create_string_buffer

from tasks.process_memory import prctl
from worker.sandbox.isolation import kernel, seccomp
from worker.sandbox.isolation.system_calls import DENIED

CALLS = {
    "seccomp": ("seccomp",),
    "landlock": ("landlock_create_ruleset",),
    "network namespace": ("unshare",),
    "process descriptors": ("pidfd_open",),
}
PR_SET_SECCOMP, FILTER = 22, 2


def lack(parts: list[str]) -> None:
    """Take system calls away from this process, and from those that it starts."""
    machine = seccomp.architecture()
    assert machine is not None
    numbers = [DENIED[name][machine.column] for part in parts for name in CALLS[part]]
    code = seccomp.INSTRUCTION.pack(seccomp.LOAD, 0, 0, seccomp.NUMBER_AT)
    for number in numbers:
        code += seccomp.INSTRUCTION.pack(seccomp.JUMP_EQUAL, 0, 1, number)
        code += seccomp.INSTRUCTION.pack(seccomp.RETURN, 0, 0, seccomp.ERRNO | errno.ENOSYS)
    code += seccomp.INSTRUCTION.pack(seccomp.RETURN, 0, 0, seccomp.ALLOW)
    instructions = create_string_buffer(code, len(code))
    program = create_string_buffer(struct.pack("HxxxxxxP", len(code) // 8, addressof(instructions)))
    prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    if kernel.libc().prctl(PR_SET_SECCOMP, FILTER, c_void_p(addressof(program)), 0, 0) != 0:
        raise kernel.failure("prctl(PR_SET_SECCOMP)")


if __name__ == "__main__":
    lack([part for part in sys.argv[1].split(",") if part])
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - a test's command
