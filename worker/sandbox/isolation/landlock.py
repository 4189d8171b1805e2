"""Landlock: which files a child may open. It needs no privilege, and Linux 5.13 or newer.

Landlock only allows: what no rule names is closed. It does not hide that a file exists, how large it is, or whose it
is.
"""

import contextlib
import ctypes
import os
import stat
import struct
import sys
from collections.abc import Iterable
from typing import Final

from worker.sandbox.isolation import kernel

# The same numbers on every architecture.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION_FLAG: Final = 1
RULE_PATH_BENEATH: Final = 1
RULESET: Final = struct.Struct("=QQQ")  # files, network, scopes
PATH_RULE: Final = struct.Struct("=Qi")

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE = (1 << bit for bit in range(6))
MAKE_DIR, MAKE_REG, REFER, TRUNCATE = 1 << 7, 1 << 8, 1 << 13, 1 << 14
READ: Final = READ_FILE | READ_DIR
WRITE: Final = READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | REFER | TRUNCATE
"""Regular files and folders only: a link or a pipe among the outputs would be a trap for the worker that reads them."""
OF_A_FILE: Final = READ_FILE | WRITE_FILE | TRUNCATE
"""The rights that a rule about a file, not a folder, may name."""

# What each version of the interface can forbid: everything here is forbidden unless a rule allows it.
FILES_BY_VERSION: Final = {1: (1 << 13) - 1, 2: REFER, 3: TRUNCATE, 5: 1 << 15}  # the last: device control
NETWORK_BY_VERSION: Final = {4: 0b11}  # TCP: bind and connect
SCOPES_BY_VERSION: Final = {6: 0b11}  # abstract Unix sockets, and signals to processes outside


def version() -> int:
    """The version of Landlock's interface; 0 where there is none."""
    if sys.platform != "linux":
        return 0
    try:
        return kernel.syscall(CREATE_RULESET, 0, 0, VERSION_FLAG)
    except OSError:
        return 0


class PathRules:
    """Files and folders that may be used, held open: a rename changes nothing about them.

    Attributes:
        descriptors: Of the files and folders.
    """

    def __init__(self) -> None:
        self.descriptors: list[int] = []
        self._rules: list[ctypes.Array[ctypes.c_char]] = []
        self._files, self._network, self._scopes = (
            sum(bits for since, bits in table.items() if since <= version())
            for table in (FILES_BY_VERSION, NETWORK_BY_VERSION, SCOPES_BY_VERSION)
        )

    def allow(self, paths: Iterable[str], rights: int) -> None:
        """Add files and folders. Those that do not exist are left out.

        Args:
            paths: The files and folders.
            rights: Of the constants above.
        """
        for path in paths:
            with contextlib.suppress(OSError):
                descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
                self.descriptors.append(descriptor)
                possible = self._files if stat.S_ISDIR(os.fstat(descriptor).st_mode) else self._files & OF_A_FILE
                rule = PATH_RULE.pack(rights & possible, descriptor)
                self._rules.append(ctypes.create_string_buffer(rule, PATH_RULE.size))

    def restrict(self) -> None:
        """Let this thread, and those that it starts, use what is allowed and nothing else, for the rest of their lives.

        Raises:
            OSError: The kernel refuses it.
        """
        # An older kernel takes the longer structure too, as long as what it does not know is zero.
        given = ctypes.create_string_buffer(RULESET.pack(self._files, self._network, self._scopes), RULESET.size)
        ruleset = kernel.syscall(CREATE_RULESET, ctypes.addressof(given), RULESET.size)
        try:
            for rule in self._rules:
                kernel.syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, ctypes.addressof(rule))
            kernel.syscall(RESTRICT_SELF, ruleset)
        finally:
            os.close(ruleset)

    def close(self) -> None:
        """Close the descriptors, which were needed for `restrict` alone."""
        for descriptor in self.descriptors:
            os.close(descriptor)
